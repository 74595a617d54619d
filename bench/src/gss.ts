/** python3-gssapi over gss-ntlmssp: the sealing that Unix programs get, where Debian's packages of it are present. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Contender } from './measure.ts';
import { account } from './scenario.ts';

const script = fileURLToPath(new URL('../reference/gss_wrap.py', import.meta.url));
const run = promisify(execFile);

/** Its wrap of messages of `size` bytes; `undefined` where it is not installed. */
export async function gssWrap(size: number): Promise<Contender | undefined> {
  const { username, domain, password } = account;
  const directory = mkdtempSync(join(tmpdir(), 'ntlmachine-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const users = join(directory, 'users.txt');
  writeFileSync(users, `${domain}:${username}:${password}\n`, { mode: 0o600 });
  // Without _NO_WINBINDD it would take itself for a domain's server.
  const env = { ...process.env, NTLM_USER_FILE: users, LM_COMPAT_LEVEL: '3', _NO_WINBINDD: '1' };
  const wrap = async (iterations: number): Promise<number> => {
    const argv = ['-I', script, `${domain}\\${username}`, password, String(size), String(iterations)];
    const [nanoseconds, opened] = (await run('/usr/bin/python3', argv, { env })).stdout.split('\n');
    if (opened !== 'True') throw new Error('python3-gssapi could not open what it sealed');
    return Number(nanoseconds);
  };
  try {
    await wrap(1);
  } catch {
    return undefined;
  }
  return { note: 'gss-ntlmssp, C', run: wrap };
}
