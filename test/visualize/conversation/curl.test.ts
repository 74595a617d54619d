/** What curl says of connections that never came to an answer, as its versions word it. */
import { describe, expect, test } from 'vitest';
import { explain, readConversation } from '../../../src/visualize/index.ts';

const request = ['> GET / HTTP/1.1', '> Host: keep.castle.example', '> User-Agent: curl/8.5.0', '> Accept: */*', '> '];

describe('curl -v', () => {
  test.each([
    ['a name that is none', ['* Could not resolve host: keep.castle.example', '* Closing connection 0', 'curl: (6) Could not resolve host: keep.castle.example'], /[Nn]ame of the host could not be resolved before anybody asked/],
    ['a port that is closed', ['*   Trying 127.0.0.1:81...', '* connect to 127.0.0.1 port 81 failed: Connection refused', '* Failed to connect to keep.castle.example port 81 after 0 ms: Couldn\'t connect to server', '* Closing connection 0'], /connection was refused before anybody asked/],
    ['nobody there', ['*   Trying 10.0.0.1:80...', '* Connection timed out after 5001 milliseconds', '* Closing connection 0'], /No answer came in time before anybody asked/],
    ['a certificate that is not trusted', ['*   Trying 127.0.0.1:443...', '* Connected to keep (127.0.0.1) port 443 (#0)', '* SSL certificate problem: self-signed certificate', '* Closing connection 0'], /TLS could not be agreed on before anybody asked/],
    ['an empty reply', ['* Connected to keep (127.0.0.1) port 80 (#0)', ...request, '* Empty reply from server', '* Closing connection 0'], /connection was closed before anybody asked/],
    ['a reset', ['* Connected to keep (127.0.0.1) port 80 (#0)', ...request, '* Recv failure: Connection reset by peer', '* Closing connection 0'], /connection was reset before anybody asked/],
    ['a request that is never answered', ['* Connected to keep (127.0.0.1) port 80 (#0)', ...request, '* Operation timed out after 5000 milliseconds with 0 bytes received', '* Closing connection 0'], /No answer came in time before anybody asked/],
  ])('%s', (_, lines, sentence) => {
    expect(explain(readConversation(`${lines.join('\n')}\n`)).sentence).toMatch(sentence);
  });

  test('without a ticket: the server offers Negotiate alone', () => {
    const lines = ['* Connected to keep (127.0.0.1) port 80 (#0)', "* gss_init_sec_context() failed: No credentials were supplied", ...request, '< HTTP/1.1 401 Unauthorized', '< WWW-Authenticate: Negotiate', '< '];
    expect(explain(readConversation(lines.join('\n'))).sentence).toMatch(/the client has no Kerberos ticket/);
  });
});
