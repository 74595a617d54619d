"""Times python3-gssapi's wrap over gss-ntlmssp: `gss_wrap.py SIZE ITERATIONS`, users in NTLM_USER_FILE.

Prints the processor time of one sealed message in nanoseconds, then whether the other end could open the last.
"""
import sys
import time

import gssapi
from gssapi import raw

user, password, size, iterations = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ntlm = gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10")
name = gssapi.Name(user, gssapi.NameType.user)
base = raw.acquire_cred_with_password(name, password.encode(), usage="initiate", mechs=[ntlm]).creds
initiator = gssapi.SecurityContext(
    usage="initiate",
    name=gssapi.Name("HTTP@localhost", gssapi.NameType.hostbased_service),
    creds=gssapi.Credentials(base=base),
    mech=ntlm,
    flags=gssapi.RequirementFlag.integrity | gssapi.RequirementFlag.confidentiality,
)
acceptor = gssapi.SecurityContext(usage="accept", creds=gssapi.Credentials(usage="accept", mechs=[ntlm]))
token = None
while not (initiator.complete and acceptor.complete):
    token = initiator.step(token)
    token = acceptor.step(token) if token is not None else None

message = bytes(size)
opened = acceptor.unwrap(initiator.wrap(message, True).message).message
start = time.process_time_ns()
for _ in range(iterations):
    initiator.wrap(message, True)
print((time.process_time_ns() - start) / iterations)
print(opened == message)
