/** The package as it is published, and its entry points as package.json lists them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly homepage: string;
  readonly bugs: string;
  readonly author: string;
  readonly repository: { readonly url: string };
}
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

/** `ntlmachine`, `ntlmachine/messages` and so on. */
export const entries = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => `ntlmachine${path.slice(1)}`);

/** What only a browser can load, and what acts when it is loaded. */
const NEED_DOM = ['ntlmachine/flow'];
const ACT = ['ntlmachine/watch'];
export const onNode = entries.filter((name) => !NEED_DOM.includes(name) && !ACT.includes(name));

/** Node's sockets are what these work on. */
const NEED_NODE = ['ntlmachine/http', 'ntlmachine/fetch', 'ntlmachine/kerberos', 'ntlmachine/gateway', 'ntlmachine/watch'];
export const inBrowsers = entries.filter((name) => !NEED_NODE.includes(name));

/** A folder that is gone when the tests of a file are. */
export function temporary(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'ntlmachine-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs Node and gives what it says. */
export const node = (args: readonly string[], cwd = root): string => execFileSync(process.execPath, args, { cwd, encoding: 'utf8' });
