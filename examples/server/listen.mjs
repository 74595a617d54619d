import { once } from 'node:events';

/** On loopback: in front of others NTLM wants TLS. */
export async function listen(server) {
  server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
  await once(server, 'listening');
  console.log(`http://127.0.0.1:${server.address().port}/`);
}
