import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Credentials } from '../crypto/credentials.ts';
import { NtlmError } from '../errors.ts';
import { createNtlmServer } from '../http/server/server.ts';
import type { NtlmServerVerdict } from '../http/server/verdict.ts';
import { createNtlmActor, type NtlmActor, type NtlmSnapshot, type NtlmStateValue } from '../machine/actor.ts';
import { folded } from '../visualize/decode/fold.ts';
import { createPicture, type Picture } from './picture.ts';
import { urlOf } from './serve.ts';
import type { Terminal } from './terminal.ts';
import { defineVerb } from './verb.ts';

const USER = { username: 'alice', domain: 'CASTLE' };
const RIGHT_PASSWORD = 'drawbridge-41';
const WRONG_PASSWORD = 'portcullis-41';
const TARGET = {
  nbDomainName: 'CASTLE',
  nbComputerName: 'KEEP',
  dnsDomainName: 'castle.example',
  dnsComputerName: 'keep.castle.example',
};

export const demo = defineVerb({
  name: 'demo',
  description:
    'Starts the embedded server on a free port of the loopback interface and authenticates to it over one keep-alive ' +
    'connection, drawing each state and each token; then with a wrong password, a reset, and the right one.',
  options: {},
  run: async (_values, terminal) => {
    let verdict: NtlmServerVerdict | undefined;
    const server = createNtlmServer({
      credentials: Credentials.fromPassword({ ...USER, password: RIGHT_PASSWORD }),
      target: TARGET,
      onVerdict: (latest) => (verdict = latest),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const url = urlOf(server.address() as AddressInfo);
      await play({ url, picture: createPicture(terminal), verdict: () => verdict }, terminal);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
});

interface Stage {
  readonly url: string;
  readonly picture: Picture;
  /** The server's latest. */
  readonly verdict: () => NtlmServerVerdict | undefined;
}

async function play(stage: Stage, terminal: Terminal): Promise<void> {
  const { url, picture } = stage;
  picture.title(`NTLM over HTTP: CASTLE\\alice calls ${url}`);
  await withConnection(url, async (connection) => {
    const client = startClient(RIGHT_PASSWORD, stage);
    const body = await authenticate(client, connection, stage, { inFull: true });
    checkState(client, 'authenticated');
    terminal.out(`\n${folded(`The server says: ${body.trim()}`, terminal.width, '  ').join('\n')}\n`);
  });

  picture.title('The same with a wrong password first');
  await withConnection(url, async (connection) => {
    const client = startClient(WRONG_PASSWORD, stage);
    await authenticate(client, connection, stage, { inFull: false });
    checkState(client, 'failed.rejected');
    client.send({ type: 'reset', credentials: Credentials.fromPassword({ ...USER, password: RIGHT_PASSWORD }) });
    const body = await authenticate(client, connection, stage, { inFull: false });
    checkState(client, 'authenticated');
    terminal.out(`\n${folded(`The server says: ${body.trim()}`, terminal.width, '  ').join('\n')}\n`);
  });
  const close = 'Every state above was passed and every byte sent. More: ntlmachine --help';
  terminal.out(`\n${folded(close, terminal.width).map((line) => terminal.paint('dim', line)).join('\n')}\n`);
}

/** A started actor that draws its states, transient ones too. */
function startClient(password: string, { url, picture }: Stage): NtlmActor {
  const actor = createNtlmActor(
    {
      credentials: Credentials.fromPassword({ ...USER, password }),
      workstation: 'GATEHOUSE',
      spn: `HTTP/${new URL(url).hostname}`,
    },
    {
      inspect: (inspected) => {
        if (inspected.type !== '@xstate.microstep') return;
        const { type } = inspected.event;
        const { value, tags } = inspected.snapshot as NtlmSnapshot;
        const cause = type.startsWith('xstate.') ? '' : `on ${type}`;
        picture.state(nameOf(value), tags.has('needs-credentials') ? `${cause}, tag needs-credentials` : cause);
      },
    },
  );
  picture.lanes();
  picture.state(nameOf(actor.getSnapshot().value));
  return actor;
}

function nameOf(value: NtlmStateValue): string {
  return typeof value === 'string' ? value : Object.entries(value).flat().join('.');
}

/** The picture has to end as it was announced. */
function checkState(client: NtlmActor, due: string): void {
  const { value, context } = client.getSnapshot();
  if (nameOf(value) !== due) throw context.error ?? new Error(`the handshake ended in ${nameOf(value)}, not in ${due}`);
}

/** One handshake on `connection`, drawn; the body of the last response. */
async function authenticate(
  client: NtlmActor,
  connection: Connection,
  { picture, verdict }: Stage,
  { inFull }: { readonly inFull: boolean },
): Promise<string> {
  client.send({ type: 'negotiate' });
  const challenge = await send('type 1 NEGOTIATE');
  const [, offered = ''] = /^NTLM (.+)$/.exec(challenge.header) ?? [];
  const token = new Uint8Array(Buffer.from(offered, 'base64'));
  picture.toClient(`${challenge.status}  WWW-Authenticate: NTLM <type 2 CHALLENGE>`);
  if (inFull) picture.token(token);

  client.send({ type: 'challenge', token });
  const answer = await send('type 3 AUTHENTICATE');
  picture.server(describeVerdict(verdict()));
  picture.toClient(answer.status === 200 ? '200 OK' : `${answer.status}  WWW-Authenticate: ${answer.header}`);
  client.send({ type: answer.status === 200 ? 'accepted' : 'rejected' });
  return answer.body;

  async function send(name: string): Promise<Answer> {
    const { token: outgoing, error } = client.getSnapshot().context;
    if (error !== undefined || outgoing === undefined) throw error ?? new Error(`the machine made no ${name}`);
    picture.toServer(`GET /  Authorization: NTLM <${name}>`);
    if (inFull) picture.token(outgoing);
    return connection.get(`NTLM ${Buffer.from(outgoing).toString('base64')}`);
  }
}

function describeVerdict(verdict: NtlmServerVerdict | undefined): string {
  if (verdict === undefined || verdict instanceof NtlmError) return 'no verdict';
  if (!verdict.ok) return `refused: ${verdict.reason}`;
  if (verdict.mechanism === 'Kerberos') return `verified: ${verdict.principal} by Kerberos`;
  return `verified: ${verdict.identity.username} by ${verdict.response}${verdict.mic ? ', MIC right' : ''}`;
}

interface Answer {
  readonly status: number;
  /** WWW-Authenticate, empty if none. */
  readonly header: string;
  readonly body: string;
}

interface Connection {
  readonly get: (authorization: string) => Promise<Answer>;
}

/** One keep-alive connection for the length of `work`; requests on another socket are an error. */
async function withConnection(url: string, work: (connection: Connection) => Promise<void>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let first: Socket | undefined;
  const getOnce = async (authorization: string): Promise<Answer> => {
    const request = get(url, { agent, headers: { authorization } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    first ??= response.socket;
    if (response.socket !== first) throw new Error('the connection did not stay open');
    const { statusCode: status = 0, headers } = response;
    return { status, header: headers['www-authenticate'] ?? '', body: await text(response) };
  };
  try {
    await work({ get: getOnce });
  } finally {
    agent.destroy();
  }
}
