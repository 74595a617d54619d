"""
/usr/bin/python3 make.py > ../kerberos-tokens.ts

Tokens of a real realm (MIT krb5-kdc, python3-gssapi, libgssapi-krb5), which exists in a temporary folder while this
runs and nowhere else. Needs krb5-kdc, krb5-user, python3-gssapi, gcc and libkrb5-dev.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KRB5, SPNEGO = '1.2.840.113554.1.2.2', '1.3.6.1.5.5.2'
HOST, REALM = 'keep.castle.example', 'CASTLE.EXAMPLE'

INITIATE = '''
import gssapi, sys
mech = gssapi.OID.from_int_seq(sys.argv[1])
flags = [gssapi.RequirementFlag.mutual_authentication if sys.argv[3] == 'mutual' else gssapi.RequirementFlag.integrity]
name = gssapi.Name('HTTP@' + sys.argv[2], gssapi.NameType.hostbased_service)
print(gssapi.SecurityContext(name=name, mech=mech, usage='initiate', flags=flags).step().hex())
'''
ACCEPT = '''
import gssapi, sys
mech = gssapi.OID.from_int_seq(sys.argv[1])
context = gssapi.SecurityContext(usage='accept', creds=gssapi.Credentials(usage='accept', mechs=[mech]))
context.__DEFER_STEP_ERRORS__ = False
try:
    print(context.step(bytes.fromhex(sys.argv[2])).hex())
except gssapi.exceptions.GSSError as error:
    print(error.token.hex())
'''


def main(folder):
    port = free_port()
    path = lambda name: os.path.join(folder, name)
    write(path('krb5.conf'), f'''[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 .castle.example = {REALM}
''')
    write(path('kdc.conf'), f'''[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {REALM} = {{
  database_name = {path('principal')}
  key_stash_file = {path('stash')}
  max_life = 10h
 }}
''')
    env = {
        'PATH': '/usr/bin:/usr/sbin:/bin:/sbin',
        'KRB5_CONFIG': path('krb5.conf'),
        'KRB5_KDC_PROFILE': path('kdc.conf'),
        'KRB5CCNAME': 'FILE:' + path('cache'),
        'KRB5_KTNAME': 'FILE:' + path('own.keytab'),
        'KRB5RCACHENAME': 'none:',
    }

    def run(*args, ahead=0, text=None, **more):
        preload = {'LD_PRELOAD': path('clock.so'), 'CLOCK_SHIFT': str(ahead)} if ahead else {}
        done = subprocess.run(args, env={**env, **preload, **more}, input=text, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f'{args[0]}: {done.stderr}')
        return done.stdout.strip()

    def initiate(mech, host=HOST, mutual='mutual', **more):
        return run('/usr/bin/python3', '-I', '-c', INITIATE, mech, host, mutual, **more)

    def accept(mech, token, **more):
        return run('/usr/bin/python3', '-I', '-c', ACCEPT, mech, token, **more)

    def keytab(name, kvno, etype):
        run('ktutil', text=f'addent -password -p HTTP/{HOST}@{REALM} -k {kvno} -e {etype}\nother\nwkt {path(name)}\nq\n')
        return {'KRB5_KTNAME': 'FILE:' + path(name)}

    run('gcc', '-shared', '-fPIC', '-o', path('clock.so'), os.path.join(HERE, '../../interop/support/clock_shim.c'), '-ldl')
    run('gcc', '-o', path('iakerb'), os.path.join(HERE, 'iakerb.c'), '-lgssapi_krb5')
    run('kdb5_util', 'create', '-s', '-r', REALM, '-P', 'master')
    for query in ('addprinc -pw wonderland +requires_preauth alice', f'addprinc -randkey HTTP/{HOST}', 'addprinc -randkey HTTP/tower.castle.example', f'ktadd -k {path("own.keytab")} HTTP/{HOST}'):
        run('kadmin.local', '-r', REALM, '-q', query)
    kdc = subprocess.Popen(['krb5kdc', '-n', '-r', REALM], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        run('kinit', 'alice', text='wonderland\n')
        made = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        raw, wrapped = initiate(KRB5), initiate(SPNEGO)
        foreign = initiate(KRB5, 'tower.castle.example')
        once = {'KRB5RCACHENAME': 'dfl:' + path('replays')}
        accept(KRB5, raw, **once)
        tokens = {
            'AP-REQ': raw,
            'AP-REQ without mutual authentication': initiate(KRB5, mutual='alone'),
            'AP-REQ in SPNEGO': wrapped,
            'AP-REP': accept(KRB5, raw),
            'AP-REP in SPNEGO': accept(SPNEGO, wrapped),
            'the clock of the server is 600 s ahead': accept(KRB5, raw, ahead=600),
            'the clock of the server is 600 s ahead, in SPNEGO': accept(SPNEGO, wrapped, ahead=600),
            'the ticket has expired': accept(KRB5, raw, ahead=40_000),
            'the ticket is not yet valid': accept(KRB5, raw, ahead=-600),
            'another key of the same number': accept(KRB5, raw, **keytab('key.keytab', 2, 'aes256-cts-hmac-sha1-96')),
            'another key of the same number, in SPNEGO': accept(SPNEGO, wrapped, **keytab('key.keytab', 2, 'aes256-cts-hmac-sha1-96')),
            'a keytab that is out of date': accept(KRB5, raw, **keytab('old.keytab', 1, 'aes256-cts-hmac-sha1-96')),
            'a ticket for another service': accept(KRB5, foreign),
            'AP-REQ for another service': foreign,
            'a replay': accept(KRB5, raw, **once),
        }
        for name, service in (('IAKERB', HOST), ('IAKERB, unknown service', 'nobody.castle.example')):
            lines = run(path('iakerb'), 'HTTP@' + service, f'alice@{REALM}', 'wonderland').splitlines()
            for leg, line in enumerate(lines, 1):
                who, token = line.split(' ')
                if service == HOST or leg in (5, 6):
                    tokens[f'{name}, {leg} of the {who}'] = token
    finally:
        kdc.send_signal(signal.SIGTERM)
        kdc.wait()
    print('/** Written by kerberos/make.py. */')
    print(f"export const MADE = '{made}';")
    print(f'export const TOKENS = {json.dumps(tokens, indent=1)} as const;')


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def await_port(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(('127.0.0.1', port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit('the KDC does not start')


if __name__ == '__main__':
    directory = tempfile.mkdtemp(prefix='castle-')
    try:
        main(directory)
    finally:
        shutil.rmtree(directory)
