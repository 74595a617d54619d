/**
 * Every sample of the documents and docstrings, run as its reader would. One that is marked `run` prints what stands below it;
 * what any other makes is put to use (put-to-use.ts). Those that want a realm of Kerberos or a browser are run by
 * test/interop/samples.test.ts and test/browser/samples.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ntowfV1 } from '../../src/crypto/owf.ts';
import { openCastle, PASSWORD, type Castle } from './castle.ts';
import { houses } from './houses.ts';
import { Stage } from './program.ts';
import { samplesIn } from './samples.ts';

const samples = samplesIn('castle');

let castle: Castle;
let stage: Stage;
beforeAll(async () => {
  castle = await openCastle(houses);
  stage = await Stage.set(castle.surroundings, { NT_HASH: Buffer.from(ntowfV1(PASSWORD)).toString('hex'), INTRANET_LOGIN: `CASTLE\\alice:${PASSWORD}` });
});
afterAll(async () => {
  stage?.[Symbol.dispose]();
  await castle?.[Symbol.asyncDispose]();
});

describe.concurrent('a sample', () => {
  test.each(samples)('$place', { timeout: 120_000 }, async ({ sample, prints }) => {
    await stage.expectRun(sample, prints);
  });
});

test('what comes to nothing, fails or makes nothing that is known does not pass', async () => {
  const sampleOf = (...lines: string[]) => ({ path: 'wrong.md', line: 0, indent: 0, language: 'ts', words: [], lines });
  const ran = [
    await stage.run(sampleOf("const greeting = 'hello';"), { toUse: true }),
    await stage.run(sampleOf("import { NtlmAgent } from 'ntlmachine/http';", "const agent = new NtlmAgent({ credentials, allow: 'https://stores.castle.example' });"), { toUse: true }),
    await stage.run(sampleOf("import { NtlmClient } from 'ntlmachine';", 'const client = new NtlmClient({ credentials });', 'await send(client.negotiate());'), { toUse: true }),
  ];
  for (const { status } of ran) expect(status).toBe(1);
  expect(ran.map(({ err }) => err)).toEqual([expect.stringContaining('nothing that this sample makes'), expect.stringContaining('401'), expect.stringContaining("'negotiated'")]);
});
