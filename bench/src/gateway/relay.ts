/** Process: something between clients and a proxy, `ours` or `bare`. */
import { Credentials } from 'ntlmachine';
import { createGateway } from 'ntlmachine/gateway';
import { Agent, createServer, request as send, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const [kind, upstream = '', user = ''] = process.argv.slice(2);
const { username, domain, password } = JSON.parse(user) as { username: string; domain: string; password: string };

/** What a page of node:http alone comes to: it knows nothing of hop-by-hop fields, failure or who asks. */
function bare(): Server {
  const { hostname: host, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  return createServer((request, response) => {
    const { method, url: path, headers } = request;
    const out = send({ agent, host, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    out.on('error', () => response.destroy());
    request.pipe(out);
  });
}

const server = kind === 'ours' ? createGateway({ upstream, credentials: Credentials.fromPassword({ username, domain, password }) }) : bare();
server.listen(0, '127.0.0.1', () => process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
process.on('disconnect', () => process.exit());
