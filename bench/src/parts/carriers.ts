/** Part 4: requests and downloads on warm connections, beside the bare agents, each client in a process of its own. */
import { Agent as HttpAgent, get } from 'node:http';
import { once } from 'node:events';
import { Credentials } from 'ntlmachine';
import { NtlmDispatcher } from 'ntlmachine/fetch';
import { NtlmAgent } from 'ntlmachine/http';
import { Agent as UndiciAgent, request, type Dispatcher } from 'undici';
import { measure, type Contender, type Makers, type MeasureOptions, type Measurement } from '../measure.ts';
import { account } from '../scenario.ts';
import { microseconds, table, type Goal, type Section } from '../section.ts';
import { startServers, type Servers } from '../servers.ts';

type Server = keyof Servers['urls'];

const credentials = Credentials.fromPassword(account);
/** The server is the contender's own: it keeps neither of them alive. */
const serverOf = async (server: Server): Promise<string> => {
  process.once('disconnect', () => process.exit());
  return (await startServers()).urls[server];
};
const one = { keepAlive: true, maxSockets: 1 } as const;

const overNode =
  (server: Server, agent: () => HttpAgent) =>
  async (): Promise<Contender> => {
    const url = await serverOf(server);
    const own = agent();
    return {
      run: async (iterations) => {
        for (let i = 0; i < iterations; i++) {
          const [response] = await once(get(url, { agent: own }), 'response');
          response.resume();
          await once(response, 'end');
          if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`);
        }
      },
    };
  };

const overUndici =
  (server: Server, path: string, dispatcher: () => Dispatcher) =>
  async (): Promise<Contender> => {
    const url = `${await serverOf(server)}${path}`;
    const own = dispatcher();
    return {
      run: async (iterations) => {
        for (let i = 0; i < iterations; i++) {
          const { statusCode, body } = await request(url, { dispatcher: own });
          for await (const _ of body);
          if (statusCode !== 200) throw new Error(`status ${statusCode}`);
        }
      },
    };
  };

const bareAgent = (): HttpAgent => new HttpAgent(one);
const ntlmAgent = (): HttpAgent => new NtlmAgent({ credentials, ...one });
const bareDispatcher = (): Dispatcher => new UndiciAgent({ connections: 1 });
const ntlmDispatcher = (): Dispatcher => new NtlmDispatcher({ credentials, connections: 1 });

export const makers: Makers = {
  'GET, node:http, its own agent': overNode('anonymous', bareAgent),
  'GET, NtlmAgent, server asks nothing': overNode('anonymous', ntlmAgent),
  'GET, NtlmAgent, authenticated': overNode('ntlm', ntlmAgent),
  'GET, undici, its own agent': overUndici('anonymous', '', bareDispatcher),
  'GET, NtlmDispatcher, server asks nothing': overUndici('anonymous', '', ntlmDispatcher),
  'GET, NtlmDispatcher, authenticated': overUndici('ntlm', '', ntlmDispatcher),
  '50 MiB, undici, its own agent': overUndici('anonymous', 'download', bareDispatcher),
  '50 MiB, NtlmDispatcher, authenticated': overUndici('ntlm', 'download', ntlmDispatcher),
};

/** How fast the second is, the first being 1. */
const PAIRS: readonly (readonly [bare: string, ours: string, limit: number])[] = [
  ['GET, node:http, its own agent', 'GET, NtlmAgent, server asks nothing', 0.95],
  ['GET, node:http, its own agent', 'GET, NtlmAgent, authenticated', 0.95],
  ['GET, undici, its own agent', 'GET, NtlmDispatcher, server asks nothing', 0.93],
  ['GET, undici, its own agent', 'GET, NtlmDispatcher, authenticated', 0.93],
  ['50 MiB, undici, its own agent', '50 MiB, NtlmDispatcher, authenticated', 0.95],
];

export async function carriersPart(options: MeasureOptions): Promise<Section> {
  const measured = await measure('carriers', Object.keys(makers), options);
  const of = (name: string): Measurement => measured.find((each) => each.name === name)!;
  const goals = PAIRS.map(
    ([bare, ours, limit]): Goal => ({ what: `${ours}, against the bare agent`, result: of(bare).fastest / of(ours).fastest, limit, atLeast: true, unit: 'times' }),
  );
  return {
    id: 'carriers',
    title: 'Warm connections',
    method: 'One connection, warm, one request after the other; the server in a process of its own. Time of one request in the fastest slices, and processor time of the client. Where it says authenticated the server is createNtlmServer, whose own work for each request is in the time.',
    tables: [table(['client', 'fastest', 'processor time'], measured.map(({ name, fastest, processor }) => [name, microseconds(fastest), microseconds(processor)]))],
    goals,
    remarks: [],
  };
}
