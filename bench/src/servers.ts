/** Starts the servers of server.ts and asks them for their counts. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ServerReady, WireCounts } from './server.ts';

export interface Servers {
  readonly urls: ServerReady;
  counts(): Promise<WireCounts>;
  close(): void;
}

export async function startServers(): Promise<Servers> {
  const child: ChildProcess = fork(fileURLToPath(new URL('./server.js', import.meta.url)), { execArgv: [] });
  const [urls] = (await once(child, 'message')) as [ServerReady];
  return {
    urls,
    counts: async () => {
      child.send('count');
      return ((await once(child, 'message')) as [WireCounts])[0];
    },
    close: () => child.disconnect(),
  };
}
