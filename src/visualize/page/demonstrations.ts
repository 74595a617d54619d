/** Handshakes over real HTTP, by this library's agent against its own server, each with its own ending. */
import { once } from 'node:events';
import { Agent as HttpAgent, get, request, type IncomingMessage, type Server } from 'node:http';
import { connect, createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { Credentials } from '../../crypto/credentials.ts';
import { NtlmError } from '../../errors.ts';
import { NtlmAgent } from '../../http/doors/agent.ts';
import { withoutWarnings } from '../../http/authentication/warnings.ts';
import { createNtlmServer } from '../../http/server/server.ts';
import { MIC_OFFSET } from '../../messages/authenticate.ts';
import { NegotiateFlags } from '../../messages/flags.ts';
import { fromBase64, toBase64 } from '../bytes.ts';
import type { Conversation } from '../conversation/conversation.ts';
import { record } from '../conversation/record.ts';

const USER = { username: 'alice', domain: 'CASTLE' };
const TARGET = {
  nbDomainName: 'CASTLE',
  nbComputerName: 'KEEP',
  dnsDomainName: 'castle.example',
  dnsComputerName: 'keep.castle.example',
};
const RIGHT = 'drawbridge-41';
const WRONG = 'portcullis-41';
/** Milliseconds that somebody takes to type another password. */
const TYPING = 1400;

type Alter = (token: Uint8Array) => Uint8Array;

interface Demonstration {
  readonly title: string;
  /** In the order in which they are tried. */
  readonly passwords: readonly string[];
  /** What somebody on the way does to a token from the server. */
  readonly alterChallenge?: Alter;
  /** What somebody on the way does to the client's answer. */
  readonly alterAnswer?: Alter;
  /** Through a proxy that asks as well. */
  readonly proxy?: true;
}

export const demonstrations = {
  right: { title: 'Right password', passwords: [RIGHT] },
  'wrong-then-right': { title: 'Wrong, then right', passwords: [WRONG, RIGHT] },
  proxy: { title: 'A proxy asks too', passwords: [RIGHT], proxy: true },
  downgrade: {
    title: 'Downgrade attempt',
    passwords: [RIGHT],
    alterChallenge: (token) => {
      const view = new DataView(token.buffer, token.byteOffset);
      view.setUint32(20, (view.getUint32(20, true) & ~NegotiateFlags.NEGOTIATE_EXTENDED_SESSIONSECURITY) >>> 0, true);
      return token;
    },
  },
  broken: { title: 'Broken challenge', passwords: [RIGHT], alterChallenge: (token) => token.slice(0, 60) },
  'altered-mic': {
    title: 'Altered MIC',
    passwords: [RIGHT],
    alterAnswer: (token) => {
      token[MIC_OFFSET]! ^= 1;
      return token;
    },
  },
} as const satisfies Record<string, Demonstration>;

export type DemonstrationName = keyof typeof demonstrations;

/** Plays it to its end, and tells what went over the wire. */
export async function perform(name: DemonstrationName): Promise<Conversation> {
  const stage = new Stage();
  try {
    return await performOn(stage, name);
  } finally {
    stage.clear();
  }
}

async function performOn(stage: Stage, name: DemonstrationName): Promise<Conversation> {
  const { passwords, alterChallenge, alterAnswer, proxy }: Demonstration = demonstrations[name];
  const known = Credentials.fromPassword({ ...USER, password: RIGHT });
  stage.after(() => known.wipe());
  const server = await listening(createNtlmServer({ credentials: known, target: TARGET }), stage);
  const between = alterChallenge === undefined && alterAnswer === undefined ? server : await listening(meddler(portOf(server), alterChallenge, alterAnswer), stage);
  const gate = proxy === undefined ? undefined : await listening(forwarder(known), stage);
  const origin = `http://127.0.0.1:${portOf(between)}`;
  stage.after(withoutWarnings(origin)); // the page says it
  let attempt = 0;
  const agent = new NtlmAgent({
    allow: origin,
    workstation: 'GATEHOUSE',
    maxAttempts: passwords.length,
    credentials: async () => {
      const password = passwords[attempt++];
      if (attempt > 1) await later(TYPING);
      return password === undefined ? undefined : Credentials.fromPassword({ ...USER, password });
    },
    ...(gate === undefined ? {} : { proxy: { url: `http://127.0.0.1:${portOf(gate)}`, credentials: () => Credentials.fromPassword({ ...USER, password: RIGHT }) } }),
  });
  stage.after(() => agent.destroy());
  const recording = record(agent);
  stage.after(() => recording.stop());
  try {
    await ask(agent, portOf(between));
    if (name === 'right') await ask(agent, portOf(between)); // the connection is authenticated: nothing is asked again
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error; // how it ends is in what was recorded
  }
  return recording.conversation();
}

async function ask(agent: NtlmAgent, port: number): Promise<void> {
  const request = get({ host: '127.0.0.1', port, path: '/orders', agent, headers: { host: 'keep.castle.example' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
}

/** What is cleared away at the end. */
class Stage {
  readonly #last: (() => void)[] = [];

  after(work: () => void): void {
    this.#last.push(work);
  }

  clear(): void {
    for (const work of this.#last.reverse()) work();
  }
}

const portOf = (server: NetServer): number => (server.address() as AddressInfo).port;

async function listening<Kind extends NetServer>(server: Kind, stage: Stage): Promise<Kind> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => void sockets.add(socket.once('close', () => sockets.delete(socket))));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

/** Somebody on the way, who alters tokens of NTLM as they pass. */
function meddler(port: number, alterChallenge: Alter | undefined, alterAnswer: Alter | undefined): NetServer {
  return createServer((client) => {
    const server = connect(port, '127.0.0.1');
    client.on('data', (bytes) => server.write(altered(bytes, 3, alterAnswer))).on('close', () => server.destroy()).on('error', () => {});
    server.on('data', (bytes) => client.write(altered(bytes, 2, alterChallenge))).on('close', () => client.destroy()).on('error', () => {});
  });
}

const TYPE_AT = 8;

function altered(bytes: Buffer, type: number, alter: Alter | undefined): Buffer {
  if (alter === undefined) return bytes;
  const text = bytes.toString('latin1').replace(/(: NTLM )([A-Za-z0-9+/]+=*)/, (whole, field: string, written: string) => {
    const token = fromBase64(written);
    return token === undefined || token[TYPE_AT] !== type ? whole : field + toBase64(alter(token));
  });
  return Buffer.from(text, 'latin1');
}

/** A proxy that asks by 407, and hands on what it lets through. */
function forwarder(credentials: Credentials): Server {
  const target = { ...TARGET, nbComputerName: 'BRIDGE', dnsComputerName: 'bridge.castle.example' };
  const proxy = createNtlmServer({ side: 'proxy', credentials, target }, (incoming, answer) => {
    const { host, port, path } = placeOf(incoming.url ?? '');
    const { 'proxy-authorization': _own, ...headers } = incoming.headers;
    const onward = onwardOf(incoming.socket);
    incoming.pipe(request({ host, port, path, method: incoming.method, headers, agent: onward }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    }).on('error', () => answer.destroy()));
  });
  return proxy.on('connect', (incoming: IncomingMessage, client: Socket) => {
    const { host, port } = placeOf(`http://${incoming.url ?? ''}`);
    const server = connect(port, host, () => client.write('HTTP/1.1 200 Connection established\r\n\r\n'));
    client.on('error', () => {}).on('close', () => server.destroy());
    server.on('error', () => {}).on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  });
}

const onwards = new WeakMap<object, HttpAgent>();

/** Authentication belongs to the connection: each client has its own behind the proxy. */
function onwardOf(socket: object): HttpAgent {
  const known = onwards.get(socket) ?? new HttpAgent({ keepAlive: true, maxSockets: 1 });
  onwards.set(socket, known);
  return known;
}

function placeOf(url: string): { readonly host: string; readonly port: number; readonly path: string } {
  const { hostname, port, pathname } = new URL(url);
  return { host: hostname, port: Number(port), path: pathname };
}
