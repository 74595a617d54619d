/** Part 5: what ten thousand of them cost, all alive. */
import { createNtlmActor, Credentials, type NtlmActor } from 'ntlmachine';
import { performance } from 'node:perf_hooks';
import { collectGarbage, progress, quantile, type MeasureOptions } from '../measure.ts';
import { account, challenge, channelBindings, spn, workstation } from '../scenario.ts';
import { kilobytes, microseconds, table, type Section } from '../section.ts';

const ACTORS = 10_000;
const options = { credentials: Credentials.fromPassword(account), workstation, spn, channelBindings };

const stages: readonly { readonly name: string; readonly make: () => NtlmActor }[] = [
  { name: 'idle', make: () => createNtlmActor(options) },
  {
    name: 'authenticated',
    make: () => {
      const actor = createNtlmActor(options);
      actor.send({ type: 'negotiate' });
      actor.send({ type: 'challenge', token: challenge });
      actor.send({ type: 'accepted' });
      return actor;
    },
  },
];

interface Cost {
  /** Heap and array buffers, bytes for one. */
  readonly bytes: number;
  /** Nanoseconds to make one. */
  readonly nanoseconds: number;
}

/** What `ACTORS` of them take, all alive at once. */
export function costOfMany(make: () => unknown): Cost {
  const before = memoryInUse();
  const start = performance.now();
  const alive = Array.from({ length: ACTORS }, make);
  const elapsed = performance.now() - start;
  const bytes = (memoryInUse() - before) / alive.length;
  return { bytes, nanoseconds: (elapsed * 1e6) / alive.length };
}

function memoryInUse(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export function scalePart({ rounds }: MeasureOptions): Section {
  const medians = stages.map(({ name, make }) => {
    const costs = Array.from({ length: Math.min(rounds, 5) }, (_, round) => {
      progress(`scale, ${name}, round ${round + 1}`);
      return costOfMany(make);
    });
    return {
      name,
      bytes: quantile(costs.map(({ bytes }) => bytes), 0.5),
      nanoseconds: quantile(costs.map(({ nanoseconds }) => nanoseconds), 0.5),
    };
  });
  progress('');
  return {
    id: 'scale',
    title: 'Scale',
    method: `${ACTORS.toLocaleString('en')} actors made one after the other and all kept; memory is heap and array buffers after a full collection.`,
    tables: [
      table(
        ['handshake actors, all', 'memory each', 'time each'],
        medians.map(({ name, bytes, nanoseconds }) => [name, kilobytes(bytes), microseconds(nanoseconds)]),
      ),
    ],
    goals: medians
      .filter(({ name }) => name === 'authenticated')
      .map(({ bytes }) => ({ what: '10,000 live actors, memory each', result: bytes / 1000, limit: 10, unit: 'kB' as const })),
    remarks: [],
  };
}
