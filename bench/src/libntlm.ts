/** libntlm, the C library behind many Unix mail programs: a native reference where a compiler and its header are present. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Contender } from './measure.ts';
import { account, oldChallenge } from './scenario.ts';
import { assertRight } from './verify.ts';

const source = fileURLToPath(new URL('../reference/libntlm.c', import.meta.url));
const run = promisify(execFile);

/** `undefined` where it cannot be built. It knows NTLMv1 only. */
export async function libntlm(): Promise<Contender | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'ntlmachine-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const program = join(directory, 'libntlm');
  const built = spawnSync('cc', ['-O2', '-o', program, source, '-lntlm'], { stdio: 'ignore' });
  if (built.status !== 0) return undefined;

  const { username, domain, password } = account;
  const handshakes = async (iterations: number): Promise<string[]> => {
    const hex = Buffer.from(oldChallenge).toString('hex');
    return (await run(program, [username, domain, password, hex, String(iterations)])).stdout.split('\n');
  };
  const [, negotiate = '', authenticate = ''] = await handshakes(1);
  assertRight(
    'libntlm',
    { negotiate: fromHex(negotiate), authenticate: fromHex(authenticate), challenge: oldChallenge },
    { old: true },
  );
  return {
    note: 'NTLMv1 only',
    run: async (iterations) => Number((await handshakes(iterations))[0]),
  };
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}
