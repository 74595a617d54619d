"""pywinrm as a client: one envelope a line in, the server's answer a line out, both JSON strings."""
import json
import sys

try:
    from winrm.transport import Transport
except ImportError:
    sys.exit("python3-winrm is missing: run scripts/install-servers.sh")

endpoint, user, password = sys.argv[1:4]
transport = Transport(
    endpoint=endpoint,
    username=user,
    password=password,
    auth_method="ntlm",
    message_encryption="always",
)
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    try:
        answer = transport.send_message(json.loads(line))
        print(json.dumps(answer.decode() if isinstance(answer, bytes) else answer), flush=True)
    except Exception as error:
        print(json.dumps({"error": type(error).__name__}), flush=True)
