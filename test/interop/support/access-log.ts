/** What a server says it was asked. The format is ours, the same for Apache and Squid. */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

export interface AccessLogEntry {
  /** The client's end of the connection: equal ports mean one connection. */
  readonly port: number;
  readonly user: string | undefined;
  readonly status: number;
  readonly method: string;
  /** As in the request line: a path, a URL (proxy) or host:port (CONNECT). */
  readonly target: string;
}

/** Both servers write bytes outside ASCII, and some within, as \xHH. */
function unescape(text: string): string {
  const bytes = text.replace(/\\x([0-9a-fA-F]{2})/gu, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\\\\', '\\');
}

function parse(line: string): AccessLogEntry {
  const [port = '', user = '', status = '', method = '', target = ''] = line.split(' ');
  return {
    port: Number(port),
    user: user === '-' ? undefined : unescape(user),
    status: Number(status),
    method,
    target,
  };
}

/** Entries that tell a test enough. */
export type EnoughEntries = (entries: readonly AccessLogEntry[]) => boolean;

/**
 * All entries so far. A server logs a request after its answer is out, so a caller who has the answer says which
 * entries there must be; it rejects when they do not come.
 */
export async function readAccessLog(
  path: string,
  until: EnoughEntries = () => true,
): Promise<readonly AccessLogEntry[]> {
  const deadline = Date.now() + 5_000;
  for (;;) {
    const text = await readFile(path, 'latin1').catch(() => '');
    const entries = text.split('\n').slice(0, -1).map(parse);
    if (until(entries)) return entries;
    if (Date.now() > deadline) throw new Error(`the access log lacks the entries awaited:\n${text}`);
    await delay(20);
  }
}
