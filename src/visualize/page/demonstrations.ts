/** Handshakes over HTTP against the embedded server, each with its own ending. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Credentials } from '../../crypto/credentials.ts';
import { createNtlmServer } from '../../http/server/server.ts';
import { createNtlmActor, stateOf, type NtlmActor } from '../../machine/actor.ts';
import { MIC_OFFSET } from '../../messages/authenticate.ts';
import { NegotiateFlags } from '../../messages/flags.ts';
import { verifyTokens, type Verdict } from '../decode/verify.ts';
import type { ExplainOptions } from '../explain/explain.ts';
import { fromBase64, toBase64 } from '../bytes.ts';

const USER = { username: 'alice', domain: 'CASTLE' };
const TARGET = {
  nbDomainName: 'CASTLE',
  nbComputerName: 'KEEP',
  dnsDomainName: 'castle.example',
  dnsComputerName: 'keep.castle.example',
};
const RIGHT = 'drawbridge-41';
const WRONG = 'portcullis-41';

interface Demonstration {
  readonly title: string;
  /** In the order in which they are tried. */
  readonly passwords: readonly string[];
  /** What somebody on the way does to the challenge. */
  readonly alterChallenge?: (token: Uint8Array) => Uint8Array;
  /** What somebody on the way does to the answer. */
  readonly alterAnswer?: (token: Uint8Array) => Uint8Array;
}

export const demonstrations = {
  right: { title: 'Right password', passwords: [RIGHT] },
  'wrong-then-right': { title: 'Wrong password, then the right one', passwords: [WRONG, RIGHT] },
  downgrade: {
    title: 'Downgrade attempt: the challenge loses extended session security on its way',
    passwords: [RIGHT],
    alterChallenge: (token) => {
      const view = new DataView(token.buffer, token.byteOffset);
      const flags = view.getUint32(20, true) & ~NegotiateFlags.NEGOTIATE_EXTENDED_SESSIONSECURITY;
      view.setUint32(20, flags >>> 0, true);
      return token;
    },
  },
  broken: { title: 'Broken challenge: it is cut on its way', passwords: [RIGHT], alterChallenge: (token) => token.slice(0, 60) },
  'altered-mic': {
    title: 'Altered MIC: one bit of it flips on the way to the server',
    passwords: [RIGHT],
    alterAnswer: (token) => {
      token[MIC_OFFSET]! ^= 1;
      return token;
    },
  },
} as const satisfies Record<string, Demonstration>;

export type DemonstrationName = keyof typeof demonstrations;

export interface Performance {
  readonly actor: NtlmActor;
  /** What the response of the last attempt is worth, part by part: the demonstration knows the password. */
  readonly known: () => ExplainOptions;
  /** Plays to the end. */
  readonly play: () => Promise<void>;
}

/** A demonstration that waits to be played. */
export function perform(name: DemonstrationName): Performance {
  const { passwords, alterChallenge = same, alterAnswer = same }: Demonstration = demonstrations[name];
  const credentials = passwords.map((password) => Credentials.fromPassword({ ...USER, password }));
  const known = Credentials.fromPassword({ ...USER, password: RIGHT });
  const actor = createNtlmActor({ credentials: credentials[0]!, workstation: 'GATEHOUSE', spn: 'HTTP/keep.castle.example' });
  let verdicts: readonly Verdict[] = [];
  return {
    actor,
    known: () => ({ verdicts, tls: false }),
    play: () =>
      withServer(known, async (call) => {
        for (const [attempt, own] of credentials.entries()) {
          if (attempt > 0) actor.send({ type: 'reset', credentials: own });
          verdicts = [];
          actor.send({ type: 'negotiate' });
          const { negotiateToken } = actor.getSnapshot().context;
          const { token } = await call(negotiateToken!);
          actor.send({ type: 'challenge', token: alterChallenge(token) });
          if (stateOf(actor.getSnapshot()) === 'failed') return;
          const authenticate = alterAnswer(actor.getSnapshot().context.token!.slice());
          const { status } = await call(authenticate);
          const { challengeToken } = actor.getSnapshot().context;
          verdicts = verifyTokens({ negotiate: negotiateToken, challenge: challengeToken!, authenticate, credentials: known });
          actor.send({ type: status === 200 ? 'accepted' : 'rejected' });
        }
      }).finally(() => [...credentials, known].forEach((handle) => handle.wipe())),
  };
}

interface Answer {
  readonly status: number;
  readonly token: Uint8Array;
}

/** One connection to a server of its own for the length of `work`. */
async function withServer(credentials: Credentials, work: (call: (token: Uint8Array) => Promise<Answer>) => Promise<void>): Promise<void> {
  const server = createNtlmServer({ credentials, target: TARGET });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    await work(async (token) => {
      const authorization = `NTLM ${toBase64(token)}`;
      const [response] = (await once(get({ host: '127.0.0.1', port, agent, headers: { authorization } }), 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      const [, offered = ''] = /^NTLM (.+)$/.exec(response.headers['www-authenticate'] ?? '') ?? [];
      return { status: response.statusCode ?? 0, token: fromBase64(offered) ?? new Uint8Array(0) };
    });
  } finally {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  }
}

function same(token: Uint8Array): Uint8Array {
  return token;
}
