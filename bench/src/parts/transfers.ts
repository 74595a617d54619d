/** Part 7: bodies of 1 GB through the gateway, and the memory of its process meanwhile. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startSquid } from '../../dist/support/squid.js';
import { alice } from '../../dist/support/users.js';
import { blocksOf } from '../gateway/blocks.ts';
import { Processes, told } from '../gateway/processes.ts';
import { progress, type MeasureOptions } from '../measure.ts';
import { figure, table, type Section } from '../section.ts';

const GB = 1e9;
/** Milliseconds between two looks at the memory. */
const INTERVAL = 50;
/** Megabytes that a process may take beyond what it had when it was warm: kernels and collectors are no clockwork. */
const GROWTH = 64;

type Ways = Readonly<Record<string, { readonly gateway: ChildProcess; readonly options: () => Promise<RequestOptions> }>>;

async function waysOf(processes: Processes, squid: string): Promise<Ways> {
  const user = JSON.stringify(alice);
  const bodies = await told<{ open: string; ntlm: string }>(processes.start('bodies', user));
  const forward = processes.start('relay', 'forward', squid, user);
  const proxy = new URL((await told<{ url: string }>(forward)).url);
  const reverse = processes.start('relay', 'reverse', bodies.ntlm, user);
  const stand = new URL((await told<{ url: string }>(reverse)).url);
  const { host } = new URL(bodies.open);
  const at = ({ hostname, port }: URL): RequestOptions => ({ host: hostname, port, agent: false });
  return {
    'forward, through Squid': { gateway: forward, options: async () => ({ ...at(proxy), path: bodies.open, headers: { Host: host } }) },
    'forward, CONNECT through Squid': {
      gateway: forward,
      options: async () => {
        const out = request({ ...at(proxy), method: 'CONNECT', path: host }).end();
        const [, socket] = (await once(out, 'connect')) as [IncomingMessage, Socket];
        return { createConnection: () => socket, path: '', headers: { Host: host } };
      },
    },
    'reverse, createNtlmServer': { gateway: reverse, options: async () => ({ ...at(stand), path: '', headers: { Host: stand.host } }) },
  };
}

async function move(options: RequestOptions, direction: 'up' | 'down', length: number): Promise<void> {
  const down = direction === 'down';
  const headers = down ? options.headers : { ...options.headers, 'Content-Length': length };
  const out = request({ ...options, headers: headers ?? {}, method: down ? 'GET' : 'PUT', path: `${options.path}/${length}` });
  const answered = once(out, 'response');
  if (down) out.end();
  else await pipeline(Readable.from(blocksOf(length), { objectMode: false }), out);
  const [answer] = (await answered) as [IncomingMessage];
  let received = 0;
  let text = '';
  for await (const part of answer as AsyncIterable<Buffer>) {
    received += part.length;
    if (!down) text += part.toString();
  }
  const whole = down ? received : Number(text);
  if (answer.statusCode !== 200 || whole !== length) throw new Error(`status ${answer.statusCode}, ${whole} of ${length} bytes`);
}

/** Memory while `work` is under way: of the process, and of its heap and buffers; megabytes. */
async function sampled(gateway: ChildProcess, work: () => Promise<void>): Promise<{ readonly resident: readonly number[]; readonly used: readonly number[] }> {
  const resident: number[] = [];
  const used: number[] = [];
  let over = false;
  const sampling = (async () => {
    while (!over) {
      gateway.send('memory');
      const { rss, heapUsed, external } = await told<NodeJS.MemoryUsage>(gateway);
      resident.push(rss / 1e6);
      used.push((heapUsed + external) / 1e6);
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
    }
  })();
  await work();
  over = true;
  await sampling;
  return { resident, used };
}

export async function transfersPart({ rounds }: MeasureOptions): Promise<Section> {
  const length = rounds < 10 ? GB / 10 : GB;
  const squid = await startSquid();
  const processes = new Processes();
  try {
    const rows: string[][] = [];
    let growth = 0;
    for (const [name, { gateway, options }] of Object.entries(await waysOf(processes, squid.proxy))) {
      for (const direction of ['up', 'down'] as const) {
        progress(`transfers, ${name}, ${direction}`);
        await move(await options(), direction, length / 20);
        const opened = await options();
        const start = performance.now();
        const { resident, used } = await sampled(gateway, () => move(opened, direction, length));
        const seconds = (performance.now() - start) / 1000;
        const [first = 0] = resident;
        growth = Math.max(growth, Math.max(...resident) - first);
        const span = (samples: readonly number[]): string => `${figure(Math.min(...samples))} to ${figure(Math.max(...samples))} MB`;
        rows.push([name, direction, `${figure(length / 1e6 / seconds)} MB/s`, String(resident.length), span(resident), span(used)]);
      }
    }
    progress('');
    return {
      id: 'transfers',
      title: 'Transfers through the gateway',
      method:
        `${length / 1e6} MB up and down, counted at their other end. The gateway's own process tells of its memory every ${INTERVAL} ms; a twentieth ` +
        'of it went before, to warm it up. Client, gateway, Squid and server share the machine.',
      tables: [table(['way', 'direction', 'speed', 'looks', 'resident', 'heap and buffers'], rows)],
      goals: [{ what: 'growth of the process during a transfer', result: growth, limit: GROWTH, unit: 'MB' }],
      remarks: [],
    };
  } finally {
    processes.close();
    await squid.close();
  }
}
