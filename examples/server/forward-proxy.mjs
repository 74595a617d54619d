/** A forward proxy that asks by 407: plain requests and tunnels. */
import { request as sendRequest } from 'node:http';
import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { createNtlmServer } from 'ntlmachine/http';
import { listen } from './listen.mjs';
import { findCredentials } from './users.mjs';

/** Fields that end here (RFC 9110 7.6.1, 11.7): the client's proof is not the origin's to see. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

function endToEnd({ rawHeaders, headers }) {
  const dropped = new Set([...HOP_BY_HOP, ...(headers.connection ?? '').toLowerCase().split(/\s*,\s*/)]);
  const pairs = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!dropped.has(rawHeaders[i].toLowerCase())) pairs.push(rawHeaders[i], rawHeaders[i + 1]);
  }
  return pairs;
}

const server = createNtlmServer({ side: 'proxy', credentials: findCredentials }, (request, response) => {
  if (!URL.canParse(request.url) || new URL(request.url).protocol !== 'http:') return void response.writeHead(400).end();
  const fail = () => (response.headersSent ? response.destroy() : response.writeHead(502).end());
  const headers = [...endToEnd(request), 'Via', '1.1 sample'];
  const forwarded = sendRequest(request.url, { method: request.method, headers, setHost: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.statusMessage, endToEnd(answer));
    pipeline(answer, response, () => {});
  });
  forwarded.on('error', fail);
  pipeline(request, forwarded, (error) => error && fail());
});

server.on('connect', (request, client, head) => {
  const { hostname, port } = new URL(`http://${request.url}`);
  const target = connect(Number(port || 80), hostname.replace(/^\[|\]$/g, ''), () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    target.write(head);
    pipeline(client, target, client, () => {});
  });
  target.on('error', () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'));
  client.on('error', () => target.destroy());
});

await listen(server);
