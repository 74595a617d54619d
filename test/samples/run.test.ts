/**
 * Samples that are marked `run`, as a reader would run them: each is a program of its own, over the built package
 * (`npm run build` comes first), in the world of castle.ts. What it prints is what stands below it.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { documents, fencesOf, root, sources, type Fence } from '../support/documents.ts';
import { openCastle, type Castle } from './castle.ts';
import { houses } from './houses.ts';

interface Sample {
  readonly place: string;
  readonly code: string;
  readonly prints: string;
}

const MARK = 'run';
/** What is marked in a shell wants a realm and its programs: the interop tests run it. */
const SHELL = 'sh';

const samples = [...documents, ...sources].flatMap((document) => {
  const fences = fencesOf(document);
  return fences.flatMap((fence, i) => (fence.words.includes(MARK) && fence.language !== SHELL ? [sampleOf(fence, fences[i + 1])] : []));
});

function sampleOf({ path, line, lines, language }: Fence, next: Fence | undefined): Sample {
  const place = `${path}:${line + 1}`;
  const isBelow = next?.language === 'text' && next.line <= line + lines.length + 3;
  if (!/^[jt]s$/.test(language) || !isBelow) throw new Error(`${place} is marked "run": it has to be ts or js, and what it prints has to stand below it as text`);
  return { place, code: lines.join('\n'), prints: next.lines.join('\n') };
}

let castle: Castle;
let folder: string;

beforeAll(async () => {
  castle = await openCastle(houses);
  folder = mkdtempSync(join(root, '.samples-')); // within the package, which finds itself by its name
  writeFileSync(join(folder, 'ca.pem'), castle.ca);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await castle[Symbol.asyncDispose]();
});

async function run({ place, code }: Sample): Promise<{ readonly status: number | null; readonly out: string; readonly err: string }> {
  const file = join(folder, `${place.replace(/\W/g, '-')}.mjs`);
  writeFileSync(file, (await transform(code, { loader: 'ts', format: 'esm', sourcefile: place })).code);
  const world = fileURLToPath(new URL('hosts.mjs', import.meta.url));
  const env = { PATH: process.env['PATH'], NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'), ...castle.env };
  const child = spawn(process.execPath, ['--import', world, file], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), new Promise<number | null>((resolve) => child.on('close', resolve))]);
  return { status, out, err };
}

test('README, the guides and the recipes have samples that run', () => {
  const pages = new Set(samples.map(({ place }) => place.replace(/:\d+$/, '')));
  expect([...pages]).toEqual(expect.arrayContaining(['README.md', 'docs/start.md']));
});

describe.concurrent('a sample prints what stands below it', () => {
  test.each(samples)('$place', { timeout: 120_000 }, async (sample) => {
    const { status, out, err } = await run(sample);
    expect({ status, out: out.trimEnd(), ...(status === 0 ? {} : { err }) }).toEqual({ status: 0, out: sample.prints });
  });
});
