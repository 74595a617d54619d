/**
 * `node --import ntlmachine/watch app.js`: the authentication of every carrier in the process, on a page, without a line
 * in the app. The page's address goes to standard error, and the app ends when it would have ended anyway.
 *
 * - `NTLMACHINE_WATCH`: `1` watches workers, child processes and `NODE_ENV=production` as well, which are left alone
 *   otherwise; `0` watches nothing.
 * - `NTLMACHINE_WATCH_PORT`: where to listen on 127.0.0.1; default a free port. A port that is taken is said to be, and
 *   another one is used.
 */
import { isMainThread } from 'node:worker_threads';
import { servePage, type Visualization } from './page/server.ts';
import { wholeProcess } from './page/subject.ts';

/** Set for the children of a process that is watched. */
const WATCHED = 'NTLMACHINE_WATCHED';

function isWanted({ NTLMACHINE_WATCH: asked, NODE_ENV, [WATCHED]: watched }: NodeJS.ProcessEnv): boolean {
  if (asked === '1') return true;
  return asked !== '0' && NODE_ENV !== 'production' && isMainThread && process.send === undefined && watched === undefined;
}

async function begin(): Promise<void> {
  process.env[WATCHED] = String(process.pid);
  const port = Number(process.env['NTLMACHINE_WATCH_PORT'] ?? 0);
  const page = await served(Number.isInteger(port) && port >= 0 && port <= 0xffff ? port : 0);
  if (page === undefined) return;
  page.unref();
  say(page.url);
}

/** Whatever keeps a page from being there never keeps the app. */
async function served(port: number): Promise<Visualization | undefined> {
  try {
    return await servePage(wholeProcess, port);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    say(port === 0 ? `no page: ${message}` : `port ${port} is not to be had (${code ?? message})`);
    return port === 0 ? undefined : served(0);
  }
}

function say(text: string): void {
  process.stderr.write(`ntlmachine/watch: ${text}\n`);
}

// what the app sends at once is heard: listening to it begins before any wait
if (isWanted(process.env)) void begin();

export {};
