import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Example {
  /** Ends in a slash. */
  readonly url: string;
  close(): void;
}

/** `examples/react-login`: installed where it is not yet, built, and served on a free port. */
export async function startExample(settings: Record<string, string>): Promise<Example> {
  const cwd = fileURLToPath(new URL('../../../examples/react-login', import.meta.url));
  const env = { ...process.env, NODE_ENV: 'production' }; // vitest's own would build React for development
  const npm = (...args: string[]) => promisify(execFile)('npm', [...args, '--silent'], { cwd, env });
  if (!existsSync(`${cwd}/node_modules`)) await npm('ci', '--include=dev');
  await npm('run', 'build');
  const server = spawn(process.execPath, ['server.mjs'], {
    cwd,
    env: { ...env, ...settings, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /http:\S+/.exec(line)?.[0];
    if (url !== undefined) return { url, close: () => void server.kill() };
  }
  throw new Error('the example ended before it served');
}
