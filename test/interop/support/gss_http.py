"""gss_http.py MECHANISM HOST PORT [SERVICE [dce]]: one GET with a token of python3-gssapi, and whether its answer proves the server."""
import base64
import http.client
import json
import sys

import gssapi

mech, host, port = sys.argv[1:4]
service = sys.argv[4] if len(sys.argv) > 4 else 'HTTP'
oid = gssapi.OID.from_int_seq({'SPNEGO': '1.3.6.1.5.5.2', 'krb5': '1.2.840.113554.1.2.2'}[mech])
flags = [gssapi.RequirementFlag.mutual_authentication] + ([gssapi.RequirementFlag.dce_style] if 'dce' in sys.argv[5:] else [])
name = gssapi.Name(service + '@' + host, gssapi.NameType.hostbased_service)
context = gssapi.SecurityContext(name=name, mech=oid, usage='initiate', flags=flags)
connection = http.client.HTTPConnection('127.0.0.1', int(port))
first = context.step()
if 'dce' in sys.argv[5:]: # has no frame of its own
    body = bytes.fromhex('06092a864886f712010202' '0100') + first
    first = b'\x60\x82' + len(body).to_bytes(2, 'big') + body
token = base64.b64encode(first).decode()
connection.request('GET', '/', headers={'Host': host, 'Authorization': 'Negotiate ' + token})
response = connection.getresponse()
answer = next((value[10:] for key, value in response.getheaders() if key.lower() == 'www-authenticate' and value.startswith('Negotiate ')), None)
if answer is not None and response.status == 200:
    context.step(base64.b64decode(answer))
print(json.dumps({'status': response.status, 'complete': context.complete}))
