/** Browsers speak to this server alone, and it to an API that wants NTLM: as one user, whoever the browser's is. */
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { createNtlmFetch } from 'ntlmachine/fetch';
import { parseCredentials } from 'ntlmachine/http';

const { API, API_LOGIN, PORT = '8080' } = process.env; // https://keep.castle.example/orders, CASTLE\service:password
const ntlmFetch = createNtlmFetch({ credentials: parseCredentials(API_LOGIN), allow: new URL(API).origin });

const server = createServer(async (request, response) => {
  const { method, url, headers } = request;
  const [path, query = ''] = url.split('?');
  if (!path.startsWith('/api/')) return void response.setHeader('content-type', 'text/html').end('<h1>The Keep</h1>');
  if (!['same-origin', 'none', undefined].includes(headers['sec-fetch-site'])) return void response.writeHead(403).end(); // another site's page
  const target = Object.assign(new URL(API), { pathname: new URL(API).pathname + path.slice('/api'.length), search: query });
  const body = ['GET', 'HEAD'].includes(method) ? undefined : await buffer(request);
  try {
    const answer = await ntlmFetch(target, { method, body, redirect: 'manual', headers: { 'content-type': headers['content-type'] ?? '' } });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  } catch (error) {
    response.writeHead(502).end(`${error.code ?? 'unreachable'}\n`);
  }
});
server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
