/** A folder of files over HTTP on loopback, compressed as hosts of static sites do it. */
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml', '.json': 'application/json', '.png': 'image/png' };

export interface ServedFolder extends AsyncDisposable {
  /** Ends in a slash. */
  readonly url: string;
  /** What was asked for, with the bytes that its answer had. */
  readonly asked: { readonly path: string; readonly bytes: number }[];
}

export async function serveFolder(folder: string): Promise<ServedFolder> {
  const asked: { path: string; bytes: number }[] = [];
  const server = createServer(({ url = '/' }, response) => {
    const path = normalize(decodeURIComponent(url.split('?')[0]!));
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
    if (path === '/favicon.ico') return void response.writeHead(204).end(); // asked for by the browser, not by a page
    const found = existsSync(file) && statSync(file).isFile();
    const body = found ? gzipSync(readFileSync(file)) : Buffer.alloc(0);
    asked.push({ path, bytes: body.length });
    response.writeHead(found ? 200 : 404, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', ...(found ? { 'content-encoding': 'gzip' } : {}) }).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    server.close().closeAllConnections();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, [Symbol.asyncDispose]: close };
}
