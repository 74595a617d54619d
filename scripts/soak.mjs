// `npm run soak [-- handshakes connections]`: handshakes through fetch under random faults. Every request has to end in
// its right answer or a typed error, and nothing may be left: no handle, no heap beyond noise.
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Credentials, NtlmError } from 'ntlmachine';
import { createNtlmFetch, createNtlmServer } from 'ntlmachine/http';

const HANDSHAKES = Number(process.argv[2] ?? 10_000);
const CONNECTIONS = Number(process.argv[3] ?? 64);
const CLOSES = 0.05; // of the requests that reach the server
const WRONG_FIRST = 0.05; // of the calls
const HEAP_NOISE = 4 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const right = Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: 'wonderland' });
const wrong = () => Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: 'looking glass' });

let seen = 0;
let closed = 0;
const server = createNtlmServer({ credentials: right }, (request, response) => {
  // Closing makes the next request pay for a handshake again.
  request.on('end', () => response.writeHead(200, { connection: 'close' }).end(`${request.url} ${request.ntlm?.username}`));
  request.resume();
});
server.prependListener('request', (request) => {
  seen += 1;
  if (Math.random() >= CLOSES) return;
  closed += 1;
  request.socket.destroy();
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

const outcomes = new Map();
const note = (outcome) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

/** An error that names its cause: the library's, or undici's own for a socket that was closed under a request. */
function nameOf(error) {
  if (error instanceof NtlmError) return `NtlmError ${error.code}`;
  const code = error?.cause?.code ?? error?.code;
  if (error instanceof TypeError && typeof code === 'string') return `TypeError, cause ${code}`;
  throw error;
}

async function call(ntlmFetch, path) {
  try {
    const response = await ntlmFetch(`${origin}${path}`);
    const text = await response.text();
    if (response.status !== 200 || text !== `${path} alice`) throw new Error(`${response.status} ${text} for ${path}`);
    note('right answer');
  } catch (error) {
    note(nameOf(error));
  }
}

async function run(handshakes) {
  const shared = createNtlmFetch({ credentials: right, connections: CONNECTIONS });
  let next = 0;
  const worker = async () => {
    while (next < handshakes) {
      const path = `/${(next += 1)}`;
      if (Math.random() >= WRONG_FIRST) {
        await call(shared, path);
        continue;
      }
      const own = createNtlmFetch({ credentials: ({ attempt }) => (attempt === 1 ? wrong() : right), connections: 1 });
      await call(own, path);
      await own.close();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  await shared.close();
}

async function census() {
  for (let i = 0; i < 5; i++) {
    await sleep(100);
    gc();
  }
  return { heap: process.memoryUsage().heapUsed, handles: process.getActiveResourcesInfo().sort().join() };
}

await run(Math.min(1000, HANDSHAKES)); // caches and lazy code are not leaks
outcomes.clear();
seen = closed = 0;
const before = await census();
const started = performance.now();
await run(HANDSHAKES);
const seconds = (performance.now() - started) / 1000;
const after = await census();

const total = [...outcomes.values()].reduce((sum, count) => sum + count, 0);
const growth = after.heap - before.heap;
console.log(`${total} calls on ${CONNECTIONS} connections in ${seconds.toFixed(1)} s, ${seen} requests, ${closed} closed by the server`);
for (const [outcome, count] of outcomes) console.log(`  ${outcome}: ${count}`);
console.log(`heap ${(before.heap / 2 ** 20).toFixed(1)} MiB before, ${(after.heap / 2 ** 20).toFixed(1)} after`);
console.log(`handles before: ${before.handles}\nhandles after:  ${after.handles}`);
const failures = [
  total !== HANDSHAKES && 'a call has no end',
  (outcomes.get('right answer') ?? 0) < HANDSHAKES / 2 && 'most calls fail',
  growth > HEAP_NOISE && 'the heap grew',
  after.handles !== before.handles && 'handles are left',
].filter(Boolean);
if (failures.length > 0) console.error(`failed: ${failures.join(', ')}`);
process.exitCode = failures.length > 0 ? 1 : 0;
server.closeAllConnections();
server.close();
