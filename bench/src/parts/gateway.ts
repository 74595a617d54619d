/** Part 6: the gateway in front of Squid, beside cntlm there and a bare pass-through to a Squid that asks nothing. */
import { processorTime } from '../gateway/processes.ts';
import { BARE, CNTLM, OURS, startSetting, type Relay, type Setting } from '../gateway/setting.ts';
import { progress, quantile, shuffled, type MeasureOptions } from '../measure.ts';
import { figure, microseconds, table, type Goal, type Section, type Table } from '../section.ts';

const CLIENTS = [1, 8, 64] as const;

interface Row {
  readonly relay: Relay;
  readonly perSecond: number[];
  answers: number;
  connections: number;
  processor: number;
  readonly errors: Record<string, number>;
}

async function rowsOf(setting: Setting, clients: number, { rounds, milliseconds }: MeasureOptions): Promise<Row[]> {
  const rows = setting.relays.map((relay): Row => ({ relay, perSecond: [], answers: 0, connections: 0, processor: 0, errors: {} }));
  for (const { relay } of rows) await warmUp(setting, relay, clients, milliseconds);
  for (let round = 1; round <= rounds; round++) {
    progress(`gateway, ${clients} clients, round ${round} of ${rounds}`);
    for (const row of shuffled(rows)) {
      const before = processorTime(row.relay.pid);
      const { answers, seconds, connections, errors } = await setting.turn(row.relay, clients, 10 * milliseconds);
      row.processor += processorTime(row.relay.pid) - before;
      row.answers += answers;
      row.connections += connections;
      row.perSecond.push(answers / seconds);
      for (const [what, times] of Object.entries(errors)) row.errors[what] = (row.errors[what] ?? 0) + times;
    }
  }
  progress('');
  return rows;
}

/** Until its code is compiled, which takes some thousands of requests, but no longer than some seconds. */
async function warmUp(setting: Setting, relay: Relay, clients: number, milliseconds: number): Promise<void> {
  let answers = 0;
  for (const end = performance.now() + 500 * milliseconds; answers < 200 * milliseconds && performance.now() < end; ) {
    answers += (await setting.turn(relay, clients, 20 * milliseconds)).answers;
  }
}

function tableOf(clients: number, rows: readonly Row[]): Table {
  const cells = rows.map(({ relay, perSecond, processor, answers, connections, errors }) => [
    relay.name,
    Math.round(quantile(perSecond, 0.5)).toLocaleString('en'),
    answers === 0 ? '' : microseconds((processor * 1e9) / answers),
    answers.toLocaleString('en'),
    answers === 0 ? '' : figure((connections * 1000) / answers),
    Object.entries(errors).map(([what, times]) => `${times} ${what}`).join(', ') || 'none',
  ]);
  return table([`${clients} client${clients === 1 ? '' : 's'}`, 'requests/s', 'its processor time each', 'answers', 'connections per 1,000', 'errors'], cells);
}

/** The median over the rounds of how many times as many requests the first moves. */
function ratio(rows: readonly Row[], name: string, other: string): number {
  const of = (wanted: string): readonly number[] => rows.find(({ relay }) => relay.name === wanted)!.perSecond;
  const others = of(other);
  return quantile(of(name).map((perSecond, round) => perSecond / others[round]!), 0.5);
}

function goalsOf(clients: number, rows: readonly Row[]): Goal[] {
  const against = (other: string, limit: number): Goal => ({
    what: `${clients} client${clients === 1 ? '' : 's'}, requests per second against ${other}`,
    result: ratio(rows, OURS, other),
    limit,
    atLeast: true,
    unit: 'times',
  });
  return [against(BARE, 0.75), against(CNTLM, 4)];
}

/** A turn lasts until the slowest has answered each of its clients once. */
const MOST_ROUNDS = 15;

export async function gatewayPart({ rounds: wanted, milliseconds }: MeasureOptions): Promise<Section> {
  const options = { rounds: Math.min(wanted, MOST_ROUNDS), milliseconds };
  const setting = await startSetting();
  try {
    const measured: { readonly clients: number; readonly rows: readonly Row[] }[] = [];
    for (const clients of CLIENTS) measured.push({ clients, rows: await rowsOf(setting, clients, options) });
    return {
      id: 'gateway',
      title: 'Gateway',
      method:
        'GETs of some bytes through Squid, to which the gateway and cntlm authenticate; the bare pass-through (25 lines of node:http) goes to a ' +
        'port of the same Squid that asks nothing. Each client has one connection and one request at a time, and checks that every answer is its own. ' +
        `Relays, clients, Squid and the server behind it each in a process of its own. Medians of ${options.rounds} interleaved rounds; ratios are ` +
        'medians of the ratios within each round.',
      tables: measured.map(({ clients, rows }) => tableOf(clients, rows)),
      goals: measured.flatMap(({ clients, rows }) => goalsOf(clients, rows)),
      remarks: [],
    };
  } finally {
    await setting.close();
  }
}
