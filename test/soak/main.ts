/** `npm run soak -- [--handshakes N] [--connections N] [--faults SHARE] [--seed N]`: many handshakes, some of which meet
 * with an accident, and 1,000 calls at once on four connections. */
import { cpus } from 'node:os';
import { NtlmError } from '../../src/index.ts';
import { createNtlmFetch } from '../../src/http/fetch.ts';
import { explainRefusal } from '../../src/http/index.ts';
import { randomFrom, readOptions } from './options.ts';
import { FaultyServer, RIGHT, USERNAME, WRONG } from './server.ts';

const WRONG_PASSWORDS = 0.05;
/** A client that was told the right password keeps it: it serves a few handshakes, and another takes its place. */
const TURNS = 4;
/** Of what is left when all has ended: what is noise, in bytes of heap. */
const HEAP_NOISE = 4 * 1024 * 1024;

const { handshakes, connections, faults: share, seed } = readOptions(process.argv.slice(2));
const random = randomFrom(seed);
const faults = randomFrom(seed ^ 0x5f5f5f5f); // the order in which requests arrive does not change the client's draws

const outcomes = new Map<string, number>();
const count = (outcome: string): void => void outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
const mistakes: string[] = [];
let wrongPasswords = 0;

interface Client {
  request(path: string, body: string | undefined): Promise<void>;
  close(): Promise<void>;
}

/** `wrongFirst`: the right password follows a wrong one. */
function openClient(url: string, wrongFirst: boolean): Client {
  const ntlmFetch = createNtlmFetch({
    credentials: ({ attempt }) => {
      if (attempt > 1 || !wrongFirst) return RIGHT;
      wrongPasswords += 1;
      return WRONG;
    },
    connections: 1,
    legTimeout: 10_000,
    answerTimeout: 10_000,
  });
  return {
    request: async (path, body) => {
      try {
        const response = await ntlmFetch(url + path, body === undefined ? {} : { method: 'POST', body });
        const text = await response.text();
        const right = `${path} ${USERNAME} ${body?.length ?? 0}`;
        if (response.status === 200 && text === right) count('right answer');
        else if (response.status === 401) count(`401 ${explainRefusal(response)?.code ?? 'without a reason'}`);
        else mistakes.push(`${path}: ${response.status} ${text} instead of ${right}`);
      } catch (error) {
        if (error instanceof NtlmError) count(`NtlmError ${error.code}`);
        else mistakes.push(`${path}: ${String(error)} ${String((error as Error).cause)}`);
      }
    },
    close: () => ntlmFetch.close(),
  };
}

interface Usage {
  readonly heap: number;
  readonly handles: number;
}

async function settledUsage(): Promise<Usage> {
  for (let round = 0; round < 5; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    globalThis.gc?.();
  }
  const handles = process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS|Timeout)/.test(name)).length;
  return { heap: process.memoryUsage().heapUsed, handles };
}

/** `total` handshakes, as many clients at a time as connections. */
async function run(total: number): Promise<{ readonly closed: number; readonly accepted: number }> {
  const server = new FaultyServer({ random: faults, closes: share });
  const url = await server.listen();
  let started = 0;
  const step = Math.max(1, Math.floor(total / 10));
  const worker = async (): Promise<void> => {
    while (started < total) {
      const client = openClient(url, random() < WRONG_PASSWORDS * TURNS);
      for (let turn = 0; turn < TURNS && started < total; turn += 1) {
        const id = (started += 1);
        if (id % step === 0) console.error(`${id} of ${total}`);
        const body = random() < 0.3 ? 'x'.repeat(Math.floor(random() * 10_000)) : undefined;
        await client.request(`/${id}`, body);
      }
      await client.close();
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  await server.close();
  return server;
}

/** As many calls at once as a page of an intranet makes in its worst hour. @returns those that were answered right. */
async function crowd(calls: number, sockets: number): Promise<number> {
  const server = new FaultyServer({ random: faults, closes: 0, keeps: true });
  const url = await server.listen();
  const ntlmFetch = createNtlmFetch({ credentials: RIGHT, connections: sockets });
  const ends = await Promise.all(
    Array.from({ length: calls }, async (_, id) => {
      const body = id % 3 === 0 ? 'x'.repeat(id) : undefined;
      const response = await ntlmFetch(`${url}/${id}`, body === undefined ? {} : { method: 'POST', body });
      return (await response.text()) === `/${id} ${USERNAME} ${body?.length ?? 0}`;
    }),
  );
  await ntlmFetch.close();
  await server.close();
  return ends.filter(Boolean).length;
}

if (globalThis.gc === undefined) throw new Error('run with node --expose-gc');
console.error(`seed ${seed}`);
await run(connections * 8); // compiles, fills caches
outcomes.clear();
wrongPasswords = 0;
const before = await settledUsage();
const begun = performance.now();
const { closed, accepted } = await run(handshakes);
const seconds = (performance.now() - begun) / 1000;
const after = await settledUsage();

const crowded = await crowd(1000, 4);
if (crowded !== 1000) mistakes.push(`${crowded} of 1000 calls at once were answered right`);

const answered = [...outcomes.values()].reduce((sum, value) => sum + value, 0);
if (answered + mistakes.length !== handshakes) mistakes.push(`${answered} of ${handshakes} requests came to an end`);
if (after.heap - before.heap > HEAP_NOISE) mistakes.push(`the heap grew by ${after.heap - before.heap} bytes`);
if (after.handles > before.handles) mistakes.push(`${after.handles - before.handles} handles are left`);
const report = {
  handshakes,
  connections,
  faults: share,
  atOnce: crowded,
  seed,
  outcomes: Object.fromEntries([...outcomes].sort()),
  wrongPasswords,
  closes: closed,
  accepted,
  seconds: Number(seconds.toFixed(1)),
  perSecond: Math.round(handshakes / seconds),
  heap: { before: before.heap, after: after.heap },
  handles: { before: before.handles, after: after.handles },
  mistakes,
  machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
};
console.log(JSON.stringify(report, null, 2));
if (mistakes.length > 0) process.exitCode = 1;
