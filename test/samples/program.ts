/** A sample as a program of its own, over the built package (`npm run build` comes first), in the world of castle.ts. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect } from 'vitest';
import { root, type Fence } from '../support/documents.ts';
import { javascriptOf, namingWhatItMakes } from './made.ts';
import { placeOf } from './samples.ts';
import type { Surroundings } from './surroundings.ts';

export interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Where samples are run: a folder within the package, which finds itself there by its name. */
export class Stage {
  readonly folder = mkdtempSync(join(root, '.samples-'));
  /** Of each process. */
  readonly env: NodeJS.ProcessEnv;

  private constructor(surroundings: Surroundings, env: NodeJS.ProcessEnv) {
    const authority = join(this.folder, 'ca.pem');
    writeFileSync(authority, surroundings.ca);
    this.env = { PATH: process.env['PATH'], CASTLE: JSON.stringify(surroundings), NODE_EXTRA_CA_CERTS: authority, ...env };
  }

  static async set(surroundings: Surroundings, env: NodeJS.ProcessEnv = {}): Promise<Stage> {
    const stage = new Stage(surroundings, env);
    const entryPoints = ['hosts.ts', 'world.ts', 'put-to-use.ts'].map((file) => fileURLToPath(new URL(file, import.meta.url)));
    await build({ entryPoints, outdir: stage.folder, outExtension: { '.js': '.mjs' }, bundle: true, splitting: true, packages: 'external', ignoreAnnotations: true, format: 'esm', platform: 'node', target: 'node20' });
    return stage;
  }

  /** `toUse`: whether what it makes is put to use when it has come to its end. */
  async run(sample: Fence, { toUse = false }: { readonly toUse?: boolean } = {}): Promise<Ran> {
    const code = isCommonJs(sample) ? sample.lines.join('\n') : await javascriptOf(sample);
    const child = this.start(sample, toUse ? puttingToUse(code) : code);
    const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), new Promise<number | null>((resolve) => child.on('close', resolve))]);
    return { status, out, err };
  }

  /** `code`: its own in JavaScript. */
  start(sample: Fence, code = sample.lines.join('\n')): ChildProcessByStdio<null, Readable, Readable> {
    const file = join(this.folder, `${placeOf(sample).replace(/\W/g, '-')}.${isCommonJs(sample) ? 'cjs' : 'mjs'}`);
    writeFileSync(file, code);
    return spawn(process.execPath, ['--import', join(this.folder, 'world.mjs'), file], { cwd: this.folder, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
  }
  /** It prints `prints`, or what it makes is put to use. */
  async expectRun(sample: Fence, prints: string | undefined): Promise<void> {
    const { status, out, err } = await this.run(sample, { toUse: prints === undefined });
    expect({ status, ...(status === 0 ? {} : { err }) }).toEqual({ status: 0 });
    if (prints !== undefined) expect(out.trimEnd()).toBe(prints);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

const isCommonJs = ({ lines }: Fence): boolean => lines.some((line) => line.includes("= require('"));

function puttingToUse(sample: string): string {
  const { code, made } = namingWhatItMakes(sample);
  return `${code}\nimport { putToUse } from './put-to-use.mjs';\nawait putToUse([${made.join(', ')}]);\n`;
}
