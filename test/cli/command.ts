/** Runs the built command as a user does, without a terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly bytes: Buffer;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

/** A session of its own, so that no prompt can reach the terminal of whoever runs the tests. */
export function start(args: readonly string[], env: RunOptions['env'] = {}) {
  return spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env['PATH'], ...env }, detached: true });
}

export async function run(args: readonly string[], { stdin = '', env = {} }: RunOptions = {}): Promise<Outcome> {
  const child = start(args, env);
  child.stdin.on('error', () => {}); // a command may end before it reads
  child.stdin.end(stdin);
  const [bytes, talk] = await Promise.all([buffer(child.stdout), buffer(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, bytes, stdout: bytes.toString(), stderr: talk.toString() };
}
