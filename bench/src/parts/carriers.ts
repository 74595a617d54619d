/** Part 4: requests and downloads on warm connections, beside the bare agents, each client in a process of its own. */
import { Agent as HttpAgent, get } from 'node:http';
import { once } from 'node:events';
import { Credentials } from 'ntlmachine';
import { NtlmDispatcher } from 'ntlmachine/fetch';
import { NtlmAgent } from 'ntlmachine/http';
import { record } from 'ntlmachine/visualize';
import { Agent as UndiciAgent, request, type Dispatcher } from 'undici';
import { measure, quantile, type Contender, type Makers, type MeasureOptions, type Measurement } from '../measure.ts';
import { account } from '../scenario.ts';
import { microseconds, table, type Goal, type Section } from '../section.ts';
import { startServers } from '../servers.ts';

const credentials = Credentials.fromPassword(account);
const one = { keepAlive: true, maxSockets: 1 } as const;
/** Kept over the turns of all others. */
const single = { connections: 1, keepAliveTimeout: 3_600_000, keepAliveMaxTimeout: 3_600_000 } as const;

/** How the connection comes to be let in: by its first request's path, or by a handshake. */
type Door = 'in' | '';

/** The server is the contender's own: it keeps neither of them alive. */
const serverOf = async (): Promise<string> => {
  process.once('disconnect', () => process.exit());
  return (await startServers()).urls.marking;
};

const overNode =
  (door: Door, agent: () => HttpAgent) =>
  async (): Promise<Contender> => {
    const url = await serverOf();
    const own = agent();
    const fetchOne = async (to: string): Promise<void> => {
      const [response] = await once(get(to, { agent: own }), 'response');
      response.resume();
      await once(response, 'end');
      if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
    };
    await fetchOne(url + door);
    return {
      run: async (iterations) => {
        for (let i = 0; i < iterations; i++) await fetchOne(url);
      },
    };
  };

const overUndici =
  (door: Door, path: string, dispatcher: () => Dispatcher) =>
  async (): Promise<Contender> => {
    const url = await serverOf();
    const own = dispatcher();
    const fetchOne = async (to: string): Promise<void> => {
      const { statusCode, body } = await request(to, { dispatcher: own });
      for await (const _ of body);
      if (statusCode !== 200) throw new Error(`status ${statusCode}`);
    };
    await fetchOne(url + door);
    return {
      run: async (iterations) => {
        for (let i = 0; i < iterations; i++) await fetchOne(url + path);
      },
    };
  };

const bareAgent = (): HttpAgent => new HttpAgent(one);
const ntlmAgent = (): HttpAgent => new NtlmAgent({ credentials, ...one });
const recordedAgent = (): HttpAgent => {
  const agent = ntlmAgent();
  record(agent);
  return agent;
};
const bareDispatcher = (): Dispatcher => new UndiciAgent(single);
const ntlmDispatcher = (): Dispatcher => new NtlmDispatcher({ credentials, ...single });

export const makers: Makers = {
  'GET, node:http, its own agent': overNode('in', bareAgent),
  'GET, NtlmAgent, server asks nothing': overNode('in', ntlmAgent),
  'GET, NtlmAgent, authenticated': overNode('', ntlmAgent),
  'GET, NtlmAgent, authenticated, recorded': overNode('', recordedAgent),
  'GET, undici, its own agent': overUndici('in', '', bareDispatcher),
  'GET, NtlmDispatcher, server asks nothing': overUndici('in', '', ntlmDispatcher),
  'GET, NtlmDispatcher, authenticated': overUndici('', '', ntlmDispatcher),
  '50 MiB, undici, its own agent': overUndici('in', 'download', bareDispatcher),
  '50 MiB, NtlmDispatcher, authenticated': overUndici('', 'download', ntlmDispatcher),
};

/** How fast the second is, the first being 1. */
const PAIRS: readonly (readonly [bare: string, ours: string, limit: number])[] = [
  ['GET, node:http, its own agent', 'GET, NtlmAgent, server asks nothing', 0.95],
  ['GET, node:http, its own agent', 'GET, NtlmAgent, authenticated', 0.95],
  ['GET, undici, its own agent', 'GET, NtlmDispatcher, server asks nothing', 0.93],
  ['GET, undici, its own agent', 'GET, NtlmDispatcher, authenticated', 0.93],
  ['50 MiB, undici, its own agent', '50 MiB, NtlmDispatcher, authenticated', 0.95],
];

/** Each pair, and those of one bare agent, in rounds of their own: what a download leaves behind would be the next one's. */
const GROUPS: readonly (readonly string[])[] = [names('GET, node:http', 'GET, NtlmAgent'), names('GET, undici', 'GET, NtlmDispatcher'), names('50 MiB')];

function names(...starts: readonly string[]): string[] {
  return Object.keys(makers).filter((name) => starts.some((start) => name.startsWith(start)));
}

/** A client under way for some seconds: until then a third of its processor time is the compiler's. */
const WARM_UP = 3000;
/** Times as long, as most of a request is waiting. */
const TURN = 5;
/** Processes of each, one after the other: how one is compiled and where its memory lies is a matter of luck. */
const SETS = 5;
/** glibc keeps what is freed: else the pages it gives back and gets again decide, five times more of them in one process than in the next. */
const ALLOCATOR = { MALLOC_TRIM_THRESHOLD_: `${2 ** 30}`, MALLOC_TOP_PAD_: `${2 ** 26}` };

export async function carriersPart(options: MeasureOptions): Promise<Section> {
  const of = { rounds: Math.max(1, Math.round(options.rounds / TURN / SETS)), milliseconds: options.milliseconds * TURN, warmUp: WARM_UP, env: ALLOCATOR };
  const sets: Measurement[][] = [];
  for (let set = 0; set < SETS; set++) {
    const measured: Measurement[] = [];
    for (const group of GROUPS) measured.push(...(await measure('carriers', group, of)));
    sets.push(measured);
  }
  const overSets = (figure: (of: (name: string) => Measurement) => number): number =>
    quantile(sets.map((set) => figure((name) => set.find((each) => each.name === name)!)), 0.5);
  const goals: Goal[] = PAIRS.map(
    ([bare, ours, limit]): Goal => ({
      what: `${ours}, against the bare agent`,
      result: overSets((each) => each(bare).fastest / each(ours).fastest),
      limit,
      atLeast: true,
      unit: 'times',
    }),
  );
  const recording = overSets((each) => each('GET, NtlmAgent, authenticated, recorded').processor - each('GET, NtlmAgent, authenticated').processor);
  goals.push({ what: 'record(), processor time of a request', result: recording / 1000, limit: 5, unit: 'µs' });
  const rows = Object.keys(makers).map((name) => [
    name,
    microseconds(overSets((each) => each(name).fastest)),
    microseconds(overSets((each) => each(name).processor)),
  ]);
  return {
    id: 'carriers',
    title: 'Warm connections',
    method:
      'One connection, warm, one request after the other; the server in a process of its own. It asks for NTLM once a connection, or lets one in by the path of its first request, and does the same for every later request, whoever sends it. ' +
      `Time of one request in the fastest slices, and processor time of the client: medians of ${SETS} processes each, every one with ${WARM_UP / 1000} s of its work behind it.`,
    tables: [table(['client', 'fastest', 'processor time'], rows)],
    goals,
    remarks: [],
  };
}
