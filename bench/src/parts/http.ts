/** Part 3: requests over pools of connections that authenticate themselves. */
import { spawnSync } from 'node:child_process';
import { Credentials } from 'ntlmachine';
import { NtlmAgent } from 'ntlmachine/http';
import {
  HTTPNTLM,
  loadsFor,
  NTLM_AGENT,
  NTLM_AGENT_ANONYMOUS,
  NTLM_DISPATCHER,
  NTLM_DISPATCHER_ANONYMOUS,
  overAgent,
  type Load,
} from '../loads.ts';
import { progress, quantile, shuffled, type MeasureOptions } from '../measure.ts';
import { figure, microseconds, table, type Goal, type Section, type Table } from '../section.ts';
import type { WireCounts } from '../server.ts';
import { startServers, type Servers } from '../servers.ts';

/** One client's turn. */
interface Turn {
  readonly requests: number;
  readonly perSecond: number;
  /** Nanoseconds of this process for a request. */
  readonly cpu: number;
  readonly wire: WireCounts;
}

/** `connections` loops of one request after the other, for that long. */
async function turnOf({ request }: Load, connections: number, milliseconds: number, servers: Servers): Promise<Turn> {
  const before = await servers.counts();
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  let requests = 0;
  const loop = async (): Promise<void> => {
    do {
      await request();
      requests++;
    } while (performance.now() - start < milliseconds);
  };
  await Promise.all(Array.from({ length: connections }, loop));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const after = await servers.counts();
  return {
    requests,
    perSecond: requests / seconds,
    cpu: ((user + system) * 1000) / requests,
    wire: { connections: after.connections - before.connections, requests: after.requests - before.requests },
  };
}

type Turns = ReadonlyMap<string, readonly Turn[]>;

async function measureLoads(servers: Servers, connections: number, options: MeasureOptions): Promise<Turns> {
  const loads = loadsFor(servers.urls, connections);
  const milliseconds = 3 * options.milliseconds;
  const turns = new Map<string, Turn[]>(loads.map(({ name }) => [name, []]));
  for (const load of loads) await turnOf(load, connections, milliseconds, servers);
  for (let round = 1; round <= options.rounds; round++) {
    progress(`http, ${connections} connections, round ${round} of ${options.rounds}`);
    for (const load of shuffled(loads)) turns.get(load.name)?.push(await turnOf(load, connections, milliseconds, servers));
  }
  for (const { close } of loads) close();
  progress('');
  return turns;
}

const median = (turns: readonly Turn[], value: (turn: Turn) => number): number => quantile(turns.map(value), 0.5);

function loadsTable(connections: number, turns: Turns): Table {
  const rows = [...turns].map(([name, all]) => {
    const calls = all.reduce((sum, { requests }) => sum + requests, 0);
    const sent = all.reduce((sum, { wire }) => sum + wire.requests, 0);
    const opened = all.reduce((sum, { wire }) => sum + wire.connections, 0);
    return [
      name,
      Math.round(median(all, ({ perSecond }) => perSecond)).toLocaleString('en'),
      microseconds(median(all, ({ cpu }) => cpu)),
      figure(sent / calls),
      figure((opened * 1000) / calls),
    ];
  });
  const client = `${connections} connection${connections === 1 ? '' : 's'}`;
  return table([client, 'requests/s', 'processor time each', 'requests on the wire each', 'connections per 1,000'], rows);
}

/** How many times as fast `name` is as `other`: the median over the rounds of both. */
function speedup(turns: Turns, name: string, other: string): number {
  const others = turns.get(other) ?? [];
  const ratios = (turns.get(name) ?? []).map(({ perSecond }, round) => perSecond / (others[round]?.perSecond ?? Number.NaN));
  return quantile(ratios, 0.5);
}

function goalsOf(one: Turns, eight: Turns): Goal[] {
  const warm = (what: string, name: string, anonymous: string): Goal => ({
    what: `${what}, authenticated against anonymous requests`,
    result: speedup(one, name, anonymous),
    limit: 0.97,
    atLeast: true,
    unit: 'times',
  });
  const against = (connections: string, turns: Turns, limit: number): Goal => ({
    what: `against httpntlm at ${connections}`,
    result: speedup(turns, NTLM_AGENT, HTTPNTLM),
    limit,
    atLeast: true,
    unit: 'times',
  });
  return [
    warm('node:http', NTLM_AGENT, NTLM_AGENT_ANONYMOUS),
    warm('undici', NTLM_DISPATCHER, NTLM_DISPATCHER_ANONYMOUS),
    against('1 connection', one, 5),
    against('8 connections', eight, 15),
  ];
}

/** What a request costs as connections grow. */
async function growth(servers: Servers, { rounds, milliseconds }: MeasureOptions): Promise<Table> {
  const rows: string[][] = [];
  for (const connections of [1, 10, 100, 1000]) {
    progress(`http, cost at ${connections} connections`);
    const loads = loadsFor(servers.urls, connections).filter(({ name }) => name === NTLM_AGENT || name === NTLM_AGENT_ANONYMOUS);
    const cells = [];
    for (const load of loads.toReversed()) {
      await turnOf(load, connections, 500, servers);
      const turns = [];
      for (let round = 0; round < Math.min(rounds, 5); round++) {
        turns.push(await turnOf(load, connections, 5 * milliseconds, servers));
      }
      cells.push(microseconds(median(turns, ({ cpu }) => cpu)));
      load.close();
    }
    rows.push([connections.toLocaleString('en'), ...cells]);
  }
  progress('');
  return table(['connections', 'authenticated, processor time a request', 'anonymous'], rows);
}

/** Squid asking for NTLM: NtlmAgent beside one curl that fetches as many. `undefined` where one of the two is missing. */
async function throughSquid(servers: Servers, { rounds }: MeasureOptions): Promise<Table | undefined> {
  if (spawnSync('curl', ['--version'], { stdio: 'ignore' }).status !== 0) return undefined;
  try {
    const { startSquid } = await import('../../dist/support/squid.js');
    const { alice } = await import('../../dist/support/users.js');
    progress('http, through Squid');
    await using squid = await startSquid();
    const agent = new NtlmAgent({ credentials: Credentials.anonymous(), maxSockets: 1, proxy: { url: squid.proxy, credentials: Credentials.fromPassword(alice) } });
    const load = overAgent('NtlmAgent through Squid', agent, servers.urls.anonymous);
    const urls = Array.from({ length: 300 }, () => ['-o', '/dev/null', servers.urls.anonymous]).flat();
    const curl = (): number => {
      const start = performance.now();
      const user = `${alice.domain}\\${alice.username}:${alice.password}`;
      const { status } = spawnSync('curl', ['-s', '--fail', '--proxy-ntlm', '-U', user, '-x', squid.proxy, ...urls]);
      if (status !== 0) throw new Error(`curl ended with ${status}`);
      return 300 / ((performance.now() - start) / 1000);
    };
    const ours: number[] = [];
    const theirs: number[] = [];
    await turnOf(load, 1, 300, servers);
    for (let round = 0; round < Math.min(rounds, 9); round++) {
      ours.push((await turnOf(load, 1, 300, servers)).perSecond);
      theirs.push(curl());
    }
    load.close();
    const perSecond = (samples: readonly number[]): string => Math.round(quantile(samples, 0.5)).toLocaleString('en');
    return table(['1 connection through Squid', 'requests/s'], [
      ['node:http, NtlmAgent', perSecond(ours)],
      ['curl --proxy-ntlm, 300 a process', perSecond(theirs)],
    ]);
  } catch (error) {
    console.error(`Squid was left out: ${(error as Error).message}`);
    return undefined;
  } finally {
    progress('');
  }
}

export async function httpPart(options: MeasureOptions): Promise<Section> {
  const servers = await startServers();
  try {
    const one = await measureLoads(servers, 1, options);
    const eight = await measureLoads(servers, 8, options);
    const cost = await growth(servers, options);
    const squid = await throughSquid(servers, options);
    return {
      id: 'http',
      title: 'HTTP',
      method:
        'GET of three bytes from servers in a process of their own on the same machine; requests per second by the clock ' +
        `on the wall. Median of ${options.rounds} interleaved rounds; ratios are medians of the ratios within each round.`,
      tables: [loadsTable(1, one), loadsTable(8, eight), cost, ...(squid === undefined ? [] : [squid])],
      goals: goalsOf(one, eight),
      remarks: squid === undefined ? ['Nothing was measured through a proxy: curl, Squid or ntlm_auth is missing.'] : [],
    };
  } finally {
    servers.close();
  }
}
