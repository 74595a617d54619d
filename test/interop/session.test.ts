/** Signing and sealing between our ends and gss-ntlmssp's. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeChallenge, verifyAuthenticate } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, ntlmMachine, type Policy, type SessionSecurity } from '../../src/index.ts';
import { fromSynchronous } from '../../src/machine/synchronous.ts';
import type { EncodeNegotiateInput } from '../../src/machine/services.ts';
import { requestedFlags } from '../../src/machine/flags.ts';
import {
  decodeNegotiate,
  encodeNegotiate,
  filetimeFromDate,
  hasFlag,
  NegotiateFlags as F,
} from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import { thrown } from '../support/thrown.ts';
import { GssError, GssOracle, type GssContext } from './support/gss.ts';
import { alice } from './support/users.ts';

const credentials = Credentials.fromPassword(alice);

let oracle: GssOracle;
beforeAll(async () => {
  oracle = await GssOracle.start();
});
afterAll(() => oracle.close());

interface Conversation {
  readonly ours: NtlmSession;
  readonly theirs: GssContext;
  readonly negotiateFlags: number;
}

interface Wishes {
  readonly sessionSecurity?: SessionSecurity;
  readonly policy?: Policy;
  /** Left out of the type 1, and of what the acceptor may grant. */
  readonly without?: number;
}

/** Our client before gss-ntlmssp's acceptor. */
async function asClient(wishes: Wishes = {}): Promise<Conversation> {
  const { sessionSecurity = 'seal', policy = 'ntlmv2', without = 0 } = wishes;
  const machine = ntlmMachine.provide({
    actors: {
      encodeNegotiate: fromSynchronous(({ options }: EncodeNegotiateInput): Uint8Array<ArrayBuffer> =>
        encodeNegotiate({ negotiateFlags: (requestedFlags(options) & ~without) >>> 0, version: options.version }),
      ),
    },
  });
  const client = new NtlmClient({ credentials, sessionSecurity, policy }, { machine });
  const theirs = await oracle.acceptor();
  const { token: challenge } = await theirs.step(client.negotiate());
  await theirs.step(client.respond(challenge!));
  client.accepted();
  return { ours: NtlmSession.fromClient(client), theirs, negotiateFlags: client.negotiateFlags! };
}

/** gss-ntlmssp's initiator before our acceptor, which does not grant what is in `without`. */
async function asServer({ sessionSecurity = 'seal', without = 0 }: Wishes = {}): Promise<Conversation> {
  const theirs = await oracle.initiator({
    flags: sessionSecurity === 'seal' ? ['integrity', 'confidentiality'] : ['integrity'],
  });
  const negotiate = (await theirs.step()).token!;
  const wished = decodeNegotiate(negotiate);
  const challenge = makeChallenge({
    negotiate: encodeNegotiate({ ...wished, negotiateFlags: (wished.negotiateFlags & ~without) >>> 0 }),
    target: { nbDomainName: alice.domain, nbComputerName: 'SERVER' },
    serverChallenge: crypto.getRandomValues(new Uint8Array(8)),
    timestamp: filetimeFromDate(new Date()),
  });
  const authenticate = (await theirs.step(challenge)).token!;
  const verified = verifyAuthenticate({ negotiate, challenge, authenticate, credentials });
  if (!verified.ok) throw verified.error;
  const { negotiateFlags } = verified;
  return { ours: NtlmSession.fromHandshake({ ...verified, side: 'server' }), theirs, negotiateFlags };
}

/** Bytes that depend on the seed alone. */
function bytesOf(seed: string, length: number): Uint8Array {
  return createHash('shake256', { outputLength: Math.max(length, 1) }).update(seed).digest().subarray(0, length);
}

/** `count` messages; the first are the sizes at which something might change, the last the largest. */
function messages(seed: string, count: number): Uint8Array[] {
  const edges = [1, 2, 15, 16, 17, 63, 64, 65, 255, 256, 65_535, 65_536];
  return Array.from({ length: count }, (_, n) => {
    const random = new DataView(bytesOf(`${seed} size ${n}`, 4).slice().buffer).getUint32(0);
    const size = edges[n] ?? (n === count - 1 ? 100_000 : random % (n % 10 === 0 ? 100_000 : 3_000) + 1);
    return bytesOf(`${seed} ${n}`, size);
  });
}

const expectBytes = (received: Uint8Array, sent: Uint8Array): void => {
  expect(Buffer.compare(received, sent)).toBe(0); // toEqual takes long over 100,000 bytes
};

/** Sends every message there and another back, sealed and signed by turns. */
async function talk({ ours, theirs }: Conversation, count: number): Promise<void> {
  for (const [n, sent] of messages('talk', count).entries()) {
    if (n % 3 !== 2) {
      const there = await theirs.unwrap(ours.wrap(sent));
      expect(there.conf).toBe(true);
      expectBytes(there.message, sent);
      const back = ours.unwrap((await theirs.wrap(sent, ours.confidentiality)).message, { require: 'sealed' });
      expectBytes(back, sent);
    } else {
      await theirs.verifyMic(sent, ours.sign(sent));
      ours.verify(sent, await theirs.getMic(sent));
    }
  }
}

describe.each([
  ['our client and gss-ntlmssp', asClient],
  ['gss-ntlmssp and our acceptor', asServer],
] as const)('%s', (_, converse) => {
  it('agree over 300 messages of 1 to 100,000 bytes each way', async () => {
    const conversation = await converse();
    expect(hasFlag(conversation.negotiateFlags, F.NEGOTIATE_KEY_EXCH | F.NEGOTIATE_128)).toBe(true);
    await talk(conversation, 300);
  });

  it('agree while both directions are full', async () => {
    const { ours, theirs } = await converse();
    const sent = messages('duplex', 20);
    const there = sent.map((message) => ours.wrap(message));
    const back: Uint8Array[] = [];
    for (const message of sent) back.push((await theirs.wrap(message)).message);
    for (const [n, token] of there.entries()) expectBytes((await theirs.unwrap(token)).message, sent[n]!);
    for (const [n, token] of back.entries()) expectBytes(ours.unwrap(token), sent[n]!);
  });

  it.each([0, 4, 12, 16, 17])('refuse a token whose byte %i was altered, both ways', async (at) => {
    const there = await converse();
    const sent = bytesOf('altered', 50);
    const token = there.ours.wrap(sent);
    token[at]! ^= 1;
    await expect(there.theirs.unwrap(token)).rejects.toBeInstanceOf(GssError);

    const back = await converse();
    const { message } = await back.theirs.wrap(sent);
    message[at]! ^= 1;
    expect(['signature-mismatch', 'out-of-sequence']).toContain(thrown(() => back.ours.unwrap(message)).code);
    expect(back.ours.closed).toBe(true);
  });

  it('refuse a replayed and an early token, both ways', async () => {
    const [one, two, three] = messages('order', 3);
    for (const attack of [0, 2]) {
      const there = await converse();
      const tokens = [one!, two!, three!].map((message) => there.ours.wrap(message));
      await there.theirs.unwrap(tokens[0]!);
      await expect(there.theirs.unwrap(tokens[attack]!)).rejects.toBeInstanceOf(GssError);

      const back = await converse();
      const answers: Uint8Array[] = [];
      for (const message of [one!, two!, three!]) answers.push((await back.theirs.wrap(message)).message);
      back.ours.unwrap(answers[0]!);
      expect(thrown(() => back.ours.unwrap(answers[attack]!)).code).toBe('out-of-sequence');
    }
  });

  it('refuse an altered message and an altered signature beside it, both ways', async () => {
    const sent = bytesOf('mic', 200);
    const altered = sent.map((byte, at) => (at === 100 ? byte ^ 0x40 : byte));
    const there = await converse();
    await expect(there.theirs.verifyMic(altered, there.ours.sign(sent))).rejects.toBeInstanceOf(GssError);
    const back = await converse();
    const mic = await back.theirs.getMic(sent);
    expect(thrown(() => back.ours.verify(altered, mic)).code).toBe('signature-mismatch');
  });
});

describe.each([
  ['our client and gss-ntlmssp', asClient],
  ['gss-ntlmssp and our acceptor', asServer],
] as const)('%s agree', (_, converse) => {
  it('without key exchange', async () => {
    const conversation = await converse({ without: F.NEGOTIATE_KEY_EXCH });
    expect(hasFlag(conversation.negotiateFlags, F.NEGOTIATE_KEY_EXCH)).toBe(false);
    await talk(conversation, 60);
  });

  it.each([
    ['56 bits', F.NEGOTIATE_128],
    ['40 bits', F.NEGOTIATE_128 | F.NEGOTIATE_56],
  ])('with a key of %s', async (_bits, without) => {
    const conversation = await converse({ without, policy: 'ntlmv2-compatible' });
    expect(conversation.negotiateFlags & without).toBe(0);
    await talk(conversation, 60);
  });

  it('with signing alone, under which gss-ntlmssp seals what it wraps and opens nothing else', async () => {
    const conversation = await converse({ sessionSecurity: 'sign' });
    expect(conversation.ours.confidentiality).toBe(false);
    await talk(conversation, 60);
    const sent = bytesOf('clear', 40);
    const clear = Uint8Array.from([...conversation.ours.sign(sent), ...sent]);
    await expect(conversation.theirs.unwrap(clear)).rejects.toBeInstanceOf(GssError);
  });

  it('without extended session security, by turns', async () => {
    const without = F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
    const conversation = await converse({ without, policy: 'ntlmv2-compatible' });
    expect(hasFlag(conversation.negotiateFlags, without)).toBe(false);
    await talk(conversation, 60);
  });

  it('about a message without bytes, which gss-ntlmssp opens but does not make', async () => {
    const conversation = await converse();
    const { ours, theirs } = conversation;
    const nothing = new Uint8Array(0);
    expect((await theirs.unwrap(ours.wrap(nothing))).message).toHaveLength(0);
    await expect(theirs.wrap(nothing)).rejects.toMatchObject({ kind: 'ParameterReadError' });
    await talk(conversation, 5);
  });
});
