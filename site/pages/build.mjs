import { build, createServer } from 'vitepress';
import { writeReference } from './reference.mjs';

const here = import.meta.dirname;

export async function buildPages() {
  await writeReference();
  await build(here);
}

/** As they are while they are written. */
export async function servePages() {
  await writeReference();
  const server = await createServer(here);
  await server.listen();
  server.printUrls();
}
