/** Part 5: what ten thousand of them cost, all alive. */
import { createNtlmActor, Credentials } from 'ntlmachine';
import { authenticatedConnection } from '../connections.ts';
import { collectGarbage, progress, quantile, type MeasureOptions } from '../measure.ts';
import { account, challenge, channelBindings, spn, workstation } from '../scenario.ts';
import { kilobytes, microseconds, table, type Section } from '../section.ts';

const ACTORS = 10_000;
const options = { credentials: Credentials.fromPassword(account), workstation, spn, channelBindings };

const CONNECTIONS = 'connection, authenticated';

const kinds: readonly { readonly name: string; readonly make: () => unknown }[] = [
  { name: 'handshake, idle', make: () => createNtlmActor(options) },
  {
    name: 'handshake, authenticated',
    make: () => {
      const actor = createNtlmActor(options);
      actor.send({ type: 'negotiate' });
      actor.send({ type: 'challenge', token: challenge });
      actor.send({ type: 'accepted' });
      return actor;
    },
  },
  { name: CONNECTIONS, make: authenticatedConnection },
];

interface Cost {
  /** Heap and array buffers, bytes for one. */
  readonly bytes: number;
  /** Nanoseconds to make one. */
  readonly nanoseconds: number;
}

/** What `ACTORS` of them take, all alive at once. */
async function costOfMany(make: () => unknown): Promise<Cost> {
  const alive: unknown[] = new Array(ACTORS).fill(undefined);
  const before = memoryInUse();
  const start = process.cpuUsage();
  for (let i = 0; i < ACTORS; i++) alive[i] = await make();
  const { user, system } = process.cpuUsage(start);
  const bytes = (memoryInUse() - before) / alive.length;
  return { bytes, nanoseconds: ((user + system) * 1000) / alive.length };
}

export function memoryInUse(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export async function scalePart({ rounds }: MeasureOptions): Promise<Section> {
  const medians = [];
  for (const { name, make } of kinds) {
    const costs: Cost[] = [];
    for (let round = 1; round <= Math.min(rounds, 5); round++) {
      progress(`scale, ${name}, round ${round}`);
      costs.push(await costOfMany(make));
    }
    const median = (value: (cost: Cost) => number): number => quantile(costs.map(value), 0.5);
    medians.push({ name, bytes: median(({ bytes }) => bytes), nanoseconds: median(({ nanoseconds }) => nanoseconds) });
  }
  progress('');
  return {
    id: 'scale',
    title: 'Scale',
    method: `${ACTORS.toLocaleString('en')} actors made one after the other and all kept; memory is heap and array buffers after a full collection.`,
    tables: [
      table(
        ['actor', 'memory each', 'processor time each'],
        medians.map(({ name, bytes, nanoseconds }) => [name, kilobytes(bytes), microseconds(nanoseconds)]),
      ),
    ],
    goals: medians
      .filter(({ name }) => name === CONNECTIONS)
      .map(({ bytes }) => ({ what: '10,000 live connection actors, memory each', result: bytes / 1000, limit: 10, unit: 'kB' as const })),
    remarks: [],
  };
}
