/** Process: something between clients and what asks for NTLM: our gateway, `forward` or `reverse`, or a `bare` pass-through. */
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

const credentials = Credentials.fromPassword({ username, domain, password });
const makers: Readonly<Record<string, () => Server>> = {
  forward: () => createGateway({ upstream, credentials }),
  reverse: () => createGateway({ to: upstream, credentials }),
  bare,
};
const server = (makers[kind ?? ''] ?? bare)();
server.listen(0, '127.0.0.1', () => process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
process.on('message', () => process.send?.(process.memoryUsage()));
process.on('disconnect', () => process.exit());
