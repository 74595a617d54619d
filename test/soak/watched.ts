/**
 * `npm run soak:watched -- [--connections N] [--requests N]`: an app with many connections, watched by a page for as many
 * requests as an hour has seconds on each: what the app and the page hold must not grow with them. `--cost ROUNDS`: what it
 * costs the app to be watched, instead.
 */
import { parseArgs } from 'node:util';
import { watchedRun } from '../browser/support/watched-run.ts';
import { watchingCost } from './watching-cost.ts';

const HOUR = 3600;
/** Of what is held at the end and at a fifth of the way: what is noise, in bytes. */
const NOISE = 4 * 1024 * 1024;

const { values } = parseArgs({ options: { connections: { type: 'string' }, requests: { type: 'string' }, cost: { type: 'string' } } });
const connections = Number(values.connections ?? 64);
const requests = Number(values.requests ?? connections * HOUR);
const megabytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;

if (values.cost !== undefined) {
  const { unwatched, watched } = await watchingCost(Number(values.cost));
  const told = (rounds: readonly number[]): string => `${rounds[0]!.toFixed(1)} best, ${rounds[rounds.length >> 1]!.toFixed(1)} median`;
  console.log(`µs of processor time a request: unwatched ${told(unwatched)}; watched ${told(watched)}`);
  process.exit();
}

const started = performance.now();
console.log('requests, heap of the app, heap of the page, DOM nodes, lanes, exchanges kept');
const samples = await watchedRun({
  connections,
  requests,
  samples: 10,
  each: 500,
  onSample: ({ requests: asked, appHeap, pageHeap, pageNodes, lanes, kept }) => console.log([asked, megabytes(appHeap), megabytes(pageHeap), pageNodes, lanes, kept].join(', ')),
});
console.log(`${Math.round((performance.now() - started) / 1000)} s`);
const [early, last] = [samples[1]!, samples.at(-1)!];
const grown = Object.entries({ 'the app': last.appHeap - early.appHeap, 'the page': last.pageHeap - early.pageHeap }).filter(([, bytes]) => bytes > NOISE);
for (const [who, bytes] of grown) console.log(`${who} has grown by ${megabytes(bytes)}`);
process.exitCode = grown.length === 0 ? 0 : 1;
