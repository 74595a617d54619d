/** What a session refuses, in the words that a person reads, and the edges of what it takes. */
import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../src/errors.ts';
import { Credentials, NtlmClient, SessionKey } from '../../src/index.ts';
import { NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import { DatagramSequence, StreamSequence } from '../../src/session/sequence.ts';
import { challengeToken } from '../support/handshake.ts';
import { thrown } from '../support/thrown.ts';
import { DATAGRAM, KEY, SEALED, SIGNED, endsOf } from './support.ts';

const TEXT = Uint8Array.of(1, 2, 3, 4);
const DUMMY = F.NEGOTIATE_ALWAYS_SIGN;
const sessionKey = (): SessionKey => new SessionKey(KEY);
const saidOf = (call: () => unknown): string => {
  const { code, phase, side, message } = thrown(call);
  return `${code} ${phase} ${side}: ${message}`;
};

const local = (code: string, message: string): string => `${code} session local: ${message}`;
const peer = (code: string, message: string): string => `${code} session peer: ${message}`;

describe('this end', () => {
  const handshake = (changes: object) => () =>
    NtlmSession.fromHandshake({ sessionKey: sessionKey(), negotiateFlags: SEALED, side: 'client', ...changes });
  const numbered = (sequenceNumber: number) => () => endsOf(DATAGRAM).client.wrap(TEXT, { sequenceNumber });
  const bytes = 'invalid-argument';

  test.each<[string, () => unknown, string]>([
    ['a key as text', handshake({ sessionKey: 'ff' }), local(bytes, '"sessionKey" must be a SessionKey')],
    ['flags as text', handshake({ negotiateFlags: '7' }), local(bytes, '"negotiateFlags" must be an integer')],
    ['a third side', handshake({ side: 'proxy' }), local(bytes, `"side" must be 'client' or 'server'`)],
    ['no session', handshake({ negotiateFlags: DUMMY }), local('session-unavailable', 'the handshake agreed on neither signing nor sealing')],
    ['a text to wrap', () => endsOf(SEALED).client.wrap('x' as never), local(bytes, '"message" must be a Uint8Array')],
    ['a text to unwrap', () => endsOf(SEALED).client.unwrap('x' as never), local(bytes, '"token" must be a Uint8Array')],
    ['a text to seal', () => endsOf(SEALED).client.seal('x' as never), local(bytes, '"message" must be a Uint8Array')],
    ['a text to unseal', () => endsOf(SEALED).client.unseal({ sealed: 'x' as never, signature: KEY }), local(bytes, '"sealed" must be a Uint8Array')],
    ['a text for its signature', () => endsOf(SEALED).client.unseal({ sealed: TEXT, signature: 'x' as never }), local(bytes, '"signature" must be a Uint8Array')],
    ['a text to sign', () => endsOf(SEALED).client.sign('x' as never), local(bytes, '"message" must be a Uint8Array')],
    ['a text to verify', () => endsOf(SEALED).client.verify('x' as never, KEY), local(bytes, '"message" must be a Uint8Array')],
    ['a signature as text', () => endsOf(SEALED).client.verify(TEXT, 'x' as never), local(bytes, '"signature" must be a Uint8Array')],
    ['a direction', () => endsOf(SEALED).client.resetSealing('up' as never), local(bytes, `"direction" must be 'outgoing' or 'incoming'`)],
    ['sealing', () => endsOf(SIGNED).client.seal(TEXT), local('session-unavailable', 'the handshake did not agree on sealing')],
    ['signing', () => endsOf(SEALED & ~F.NEGOTIATE_SIGN).client.sign(TEXT), local('session-unavailable', 'the handshake did not agree on signing')],
    ['a number over a stream', () => endsOf(SEALED).client.wrap(TEXT, { sequenceNumber: 0 }), local(bytes, '"sequenceNumber" is for datagrams: a stream counts itself')],
    ['number -1', numbered(-1), local(bytes, '"sequenceNumber" must be an unsigned 32-bit integer')],
    ['number 2^32', numbered(2 ** 32), local(bytes, '"sequenceNumber" must be an unsigned 32-bit integer')],
    ['frames of 16 bytes', () => endsOf(SEALED).client.wrapStream({ maxSize: 16 }), local(bytes, '"maxSize" must be an integer above 16, of 32 bits at most')],
    ['frames of 2^32 bytes', () => endsOf(SEALED).client.wrapStream({ maxSize: 2 ** 32 }), local(bytes, '"maxSize" must be an integer above 16, of 32 bits at most')],
  ])('%s', (_, call, expected) => {
    expect(saidOf(call)).toBe(expected);
  });

  test('a number that was there before keys no second message', () => {
    const { client } = endsOf(DATAGRAM);
    client.wrap(TEXT, { sequenceNumber: 5 });
    expect(saidOf(() => client.wrap(TEXT, { sequenceNumber: 5 }))).toBe(
      local(bytes, '"sequenceNumber" must be higher than all before: it keys the message'),
    );
    expect(() => client.wrap(TEXT, { sequenceNumber: 6 })).not.toThrow();
  });

  test('a session that was closed', () => {
    const { client } = endsOf(SEALED);
    client.close();
    for (const call of [() => client.wrap(TEXT), () => client.unwrap(KEY), () => client.resetSealing()]) {
      expect(saidOf(call)).toBe(local('session-unavailable', 'the session was closed'));
    }
  });

  test('a client that has not answered, whatever it lacks', () => {
    const early = local('session-unavailable', 'the client has not answered a challenge yet');
    expect(saidOf(() => NtlmSession.fromClient({ sessionKey: undefined, negotiateFlags: SEALED }))).toBe(early);
    expect(saidOf(() => NtlmSession.fromClient({ sessionKey: sessionKey(), negotiateFlags: undefined }))).toBe(early);
    const client = new NtlmClient({ credentials: Credentials.fromPassword({ username: 'u', password: 'p' }), sessionSecurity: 'sign' });
    client.negotiate();
    client.respond(challengeToken());
    const { context } = client.actor.getSnapshot();
    const session = NtlmSession.fromClient(context);
    expect([session.side, session.integrity, session.confidentiality]).toEqual(['client', true, false]);
    expect(NtlmSession.fromClient({ ...context, session })).toBe(session);
  });
});

describe('the other end', () => {
  const token = (): Uint8Array => endsOf(SEALED).server.wrap(TEXT);
  const altered = (place: number) => (): Uint8Array => Uint8Array.from(token(), (byte, at) => (at === place ? byte ^ 1 : byte));

  test.each<[string, () => Uint8Array, string]>([
    ['15 bytes', () => token().subarray(0, 15), peer('truncated', 'a wrapped message is cut short')],
    ['an altered message', altered(19), peer('signature-mismatch', 'the signature is not the one of this message')],
    ['an altered number', altered(12), peer('out-of-sequence', 'the message is replayed, reordered or after a lost one')],
  ])('%s ends a stream', (_, bytes, expected) => {
    const { client } = endsOf(SEALED);
    expect(saidOf(() => client.unwrap(bytes()))).toBe(expected);
    const after = thrown(() => client.wrap(TEXT));
    expect(after).toMatchObject({ code: 'session-unavailable', message: 'a message from the peer ended the session' });
    expect((after.cause as NtlmError).message).toBe(expected.replace(/^.*: /, ''));
  });

  test('a signature of another size', () => {
    expect(saidOf(() => endsOf(SEALED).client.verify(TEXT, new Uint8Array(15)))).toBe(
      peer('wrong-length', 'the signature is not 16 bytes long'),
    );
  });

  test('a dummy signature that is none, and one that is', () => {
    const { client, server } = endsOf(DUMMY, KEY, { dummySignatures: true });
    const signature = server.sign(TEXT);
    expect(Buffer.from(signature).toString('hex')).toBe(`01${'00'.repeat(15)}`);
    expect(() => client.verify(TEXT, signature)).not.toThrow();
    client.resetSealing(); // nothing to reset
    signature[15] = 1;
    expect(saidOf(() => client.verify(TEXT, signature))).toBe(peer('signature-mismatch', 'not a dummy signature'));
  });

  test('a signed message that was altered keeps its bytes for the caller', () => {
    const { client, server } = endsOf(SIGNED);
    const signature = server.sign(TEXT);
    const other = Uint8Array.of(9, 9);
    expect(saidOf(() => client.verify(other, signature))).toContain('signature-mismatch');
    expect(other).toEqual(Uint8Array.of(9, 9));
  });

  test('a datagram whose carrier tells another number, though it goes on', () => {
    const { client, server } = endsOf(DATAGRAM);
    const datagram = server.wrap(TEXT, { sequenceNumber: 3 });
    expect(saidOf(() => client.unwrap(datagram, { sequenceNumber: 4 }))).toBe(
      peer('out-of-sequence', 'the message bears another number than its carrier says'),
    );
    expect(client.unwrap(datagram, { sequenceNumber: 3 })).toEqual(TEXT);
    expect(saidOf(() => client.unwrap(datagram))).toBe(peer('out-of-sequence', 'the message was here before'));
  });

  test.each<[string, number[], string]>([
    ['a cut frame', [0, 0, 0, 20, 1], peer('truncated', 'the stream ends within a frame')],
    ['a cut length', [0, 0, 0], peer('truncated', 'the stream ends within a frame')],
    ['a long frame', [0, 1, 0, 1], peer('too-long', 'a frame of 65537 bytes is over the limit of 65536')],
    ['a short frame', [0, 0, 0, 15], peer('truncated', 'a frame has no room for its signature')],
  ])('%s', async (_, sent, expected) => {
    const { readable, writable } = endsOf(SEALED).client.unwrapStream();
    const writer = writable.getWriter();
    const written = Promise.allSettled([writer.write(Uint8Array.from(sent)), writer.close()]);
    const error: unknown = await readable.getReader().read().catch((caught: unknown) => caught);
    await written;
    expect(saidOf(() => { throw error; })).toBe(expected);
  });

  test.each(['wrapStream', 'unwrapStream'] as const)('%s of something that is no bytes', async (name) => {
    const { readable, writable } = endsOf(SEALED).client[name]();
    const writer = writable.getWriter();
    const written = Promise.allSettled([writer.write('text' as never)]);
    const error: unknown = await readable.getReader().read().catch((caught: unknown) => caught);
    await written;
    expect(saidOf(() => { throw error; })).toBe(local('invalid-argument', '"chunk" must be a Uint8Array'));
  });
});

describe('sequence numbers', () => {
  const LAST = 0xffffffff;
  const USED_UP = local('session-unavailable', 'every sequence number is used up');

  test('a stream takes the next one, to the last', () => {
    const numbers = new StreamSequence();
    numbers.next = LAST;
    expect(numbers.objection(LAST)).toBeUndefined();
    expect(numbers.objection(LAST - 1)).toBe('the message is replayed, reordered or after a lost one');
    expect(numbers.send()).toBe(LAST);
    expect(numbers.objection(LAST + 1)).toBe('the message is replayed, reordered or after a lost one');
    expect(saidOf(() => numbers.send())).toBe(USED_UP);
  });

  test('datagrams come once each, out of order, within a window of 64', () => {
    const numbers = new DatagramSequence();
    numbers.received(0);
    numbers.received(64);
    expect(numbers.objection(64)).toBe('the message was here before');
    expect(numbers.objection(0)).toBe('the message is too old to be told from a replay');
    expect(numbers.objection(1)).toBeUndefined();
    numbers.received(1);
    expect(numbers.objection(1)).toBe('the message was here before');
    numbers.received(127); // 63 on: what was 64 is the oldest that is still told apart
    expect(numbers.objection(64)).toBe('the message was here before');
    expect(numbers.objection(65)).toBeUndefined();
    numbers.received(191); // 64 on: nothing of before is
    expect(numbers.objection(127)).toBe('the message is too old to be told from a replay');
    expect(numbers.objection(128)).toBeUndefined();
    expect(numbers.objection(191)).toBe('the message was here before');
    numbers.received(1000);
    expect([990, 999, 1000].map((number) => numbers.objection(number))).toEqual([undefined, undefined, 'the message was here before']);
  });

  test('datagrams are sent under any later number, to the last', () => {
    const numbers = new DatagramSequence();
    expect(numbers.objection(LAST)).toBeUndefined();
    expect(numbers.objection(LAST + 1)).toBe('every sequence number is used up');
    expect(numbers.send(LAST)).toBe(LAST);
    expect(saidOf(() => numbers.send(undefined))).toBe(USED_UP);
  });
});
