"""GSS-API contexts over stdio, one JSON object a line each way; byte strings are hexadecimal.

Contexts live here under an id. A GSS-API refusal is an answer ({"error": {...}}), not the end of the process.
"""
import json
import sys
import time

try:
    import gssapi
    from gssapi import raw
except ImportError:
    sys.exit("python3-gssapi is missing: run scripts/install-servers.sh")

MECHS = {
    "NTLM": gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10"),
    "SPNEGO": gssapi.OID.from_int_seq("1.3.6.1.5.5.2"),
}
SESSION_KEY = gssapi.OID.from_int_seq("1.2.840.113554.1.2.2.5.5")


class Context(gssapi.SecurityContext):
    # an error surfaces with the step that caused it, also when that step has a token to send
    __DEFER_STEP_ERRORS__ = False


contexts = {}
next_id = 0


def take(request, name):
    value = request.get(name)
    return None if value is None else bytes.fromhex(value)


def open_context(request):
    global next_id
    mech = MECHS[request["mech"]]
    bindings = take(request, "bindings")
    options = {
        "usage": request["role"],
        "channel_bindings": None if bindings is None else raw.ChannelBindings(application_data=bindings),
    }
    if request["role"] == "initiate":
        user = gssapi.Name(request["user"], gssapi.NameType.user)
        password = request["password"].encode()
        base = raw.acquire_cred_with_password(user, password, usage="initiate", mechs=[mech]).creds
        options["creds"] = gssapi.Credentials(base=base)
        options["name"] = gssapi.Name(request["target"], gssapi.NameType.hostbased_service)
        options["mech"] = mech
        options["flags"] = sum(gssapi.RequirementFlag[name].value for name in request["flags"])
    else:
        options["creds"] = gssapi.Credentials(usage="accept", mechs=[mech])
    context = Context(**options)
    next_id += 1
    contexts[next_id] = context
    return {"context": next_id}


def step(context, request):
    token = context.step(take(request, "token"))
    return {"token": None if token is None else token.hex(), "complete": context.complete}


def show(name):
    # gss-ntlmssp counts the terminating NUL
    return None if name is None else str(name).rstrip("\0")


def inquire(context, _request):
    return {
        "initiator": show(context.initiator_name),
        # gss-ntlmssp crashes when an acceptor is asked for it
        "target": show(context.target_name) if context.usage == "initiate" else None,
        "flags": [flag.name for flag in gssapi.RequirementFlag if flag in context.actual_flags],
    }


def wrap(context, request):
    result = context.wrap(take(request, "message"), request["conf"])
    return {"message": result.message.hex(), "conf": result.encrypted}


def unwrap(context, request):
    result = context.unwrap(take(request, "message"))
    return {"message": result.message.hex(), "conf": result.encrypted}


def get_mic(context, request):
    return {"mic": context.get_signature(take(request, "message")).hex()}


def verify_mic(context, request):
    context.verify_signature(take(request, "message"), take(request, "mic"))
    return {}


def session_key(context, _request):
    return {"key": raw.inquire_sec_context_by_oid(context, SESSION_KEY)[0].hex()}


def bench_wrap(context, request):
    message = bytes(request["size"])
    seconds = request["seconds"]
    count = 0
    start = time.perf_counter()
    elapsed = 0.0
    while elapsed < seconds:
        context.wrap(message, True)
        count += 1
        elapsed = time.perf_counter() - start
    return {"count": count, "seconds": elapsed}


def release(_context, request):
    del contexts[request["context"]]
    return {}


OPERATIONS = {
    operation.__name__: operation
    for operation in (step, inquire, wrap, unwrap, get_mic, verify_mic, session_key, bench_wrap, release)
}


def handle(request):
    try:
        if request["op"] == "open":
            return open_context(request)
        return OPERATIONS[request["op"]](contexts[request["context"]], request)
    except gssapi.exceptions.GSSError as error:
        token = getattr(error, "token", None)
        return {"error": {
            "kind": type(error).__name__,
            "major": error.maj_code,
            "minor": error.min_code,
            "majorText": "; ".join(error.get_all_statuses(error.maj_code, True)),
            "minorText": "; ".join(error.get_all_statuses(error.min_code, False)),
            "token": token.hex() if token else None,
        }}


def main():
    sys.stdin.reconfigure(encoding="utf-8")
    sys.stdout.reconfigure(encoding="utf-8")
    if MECHS["NTLM"] not in raw.indicate_mechs():
        sys.exit("gss-ntlmssp is missing: run scripts/install-servers.sh")
    print("{}", flush=True)
    for line in sys.stdin:
        print(json.dumps(handle(json.loads(line))), flush=True)


main()
