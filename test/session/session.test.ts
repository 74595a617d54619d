import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { rc4k, SessionKey } from '../../src/crypto/index.ts';
import { Credentials, NtlmClient } from '../../src/index.ts';
import { NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession, type FinishedHandshake } from '../../src/session/index.ts';
import { hex, toHex, utf16 } from '../support/bytes.ts';
import { ntlmV2Wrap } from '../vectors/ms-nlmp.ts';
import { thrown } from '../support/thrown.ts';
import { DATAGRAM, endsOf, KEY, LEGACY, SEALED, SIGNED } from './support.ts';

const HELLO = utf16('hello');
const unavailable = { code: 'session-unavailable', phase: 'session', side: 'local' };

describe('a handshake', () => {
  const credentials = Credentials.fromPassword({ domain: 'DOMAIN', username: 'alice', password: 'secret' });

  async function authenticate(sessionSecurity: 'none' | 'sign' | 'seal') {
    const client = new NtlmClient({ credentials, sessionSecurity });
    const acceptor = new NtlmAcceptor({ credentials });
    const verified = await acceptor.authenticate(client.respond(acceptor.challenge(client.negotiate())));
    if (!verified.ok) throw verified.error;
    client.accepted();
    return { client, acceptor, verified };
  }

  it.each([
    ['sign', false],
    ['seal', true],
  ] as const)('that asked to %s gives both ends a session, which outlives it', async (wish, confidentiality) => {
    const { client, acceptor, verified } = await authenticate(wish);
    const ours = NtlmSession.fromClient(client);
    const theirs = NtlmSession.fromHandshake({ ...verified, side: 'server' });
    client.reset();
    acceptor.reset();
    expect(ours).toMatchObject({ side: 'client', integrity: true, confidentiality });
    expect(theirs).toMatchObject({ side: 'server', integrity: true, confidentiality });
    const token = ours.wrap(HELLO);
    expect(toHex(token)).not.toContain(toHex(HELLO));
    expect(theirs.unwrap(token)).toEqual(HELLO);
    ours.verify(HELLO, theirs.sign(HELLO));
  });

  it('that asked for none gives none, nor does an unfinished one', async () => {
    const { client } = await authenticate('none');
    expect(thrown(() => NtlmSession.fromClient(client))).toMatchObject({ code: 'session-unavailable', side: 'local' });
    const begun = new NtlmClient({ credentials, sessionSecurity: 'seal' });
    begun.negotiate();
    expect(thrown(() => NtlmSession.fromClient(begun))).toMatchObject({ code: 'session-unavailable', side: 'local' });
  });
});

describe('what a session can do follows its flags', () => {
  it('signs without SEAL, and wraps as everybody does: sealed (the vector of 4.2.4.4, whose key is of SIGN and SEAL)', () => {
    const { client, server } = endsOf(SIGNED);
    const token = client.wrap(hex(ntlmV2Wrap.plaintext));
    expect(toHex(token)).toBe(ntlmV2Wrap.signature + ntlmV2Wrap.sealed);
    const opened = server.unwrap(token);
    expect([toHex(opened), opened.sealed]).toEqual([ntlmV2Wrap.plaintext, true]);
    expect(thrown(() => client.seal(HELLO))).toMatchObject(unavailable);
    const apart = { sealed: HELLO, signature: token.subarray(0, 16) };
    expect(thrown(() => client.unseal(apart))).toMatchObject(unavailable);
  });

  describe('unwraps what came in clear', () => {
    const inClear = (session: NtlmSession): Uint8Array => Uint8Array.from([...session.sign(HELLO), ...HELLO]);

    it.each([
      ['SIGN alone', SIGNED],
      ['SIGN alone, without key exchange', (SIGNED & ~F.NEGOTIATE_KEY_EXCH) >>> 0],
      ['SIGN alone, without extended session security', (LEGACY & ~F.NEGOTIATE_SEAL) >>> 0],
      ['SIGN alone, in datagrams', (DATAGRAM & ~F.NEGOTIATE_SEAL) >>> 0],
    ])('under %s, and says so; what follows is read on', (_, flags) => {
      const { client, server } = endsOf(flags);
      for (const [token, sealed] of [
        [client.wrap(HELLO), true],
        [inClear(client), false],
        [inClear(client), false],
        [client.wrap(HELLO), true],
      ] as const) {
        const opened = server.unwrap(token);
        expect(opened).toEqual(HELLO);
        expect(opened.sealed).toBe(sealed);
      }
    });

    it('never where SEAL was agreed on, though its signature is right', () => {
      const { client, server } = endsOf(SEALED);
      expect(thrown(() => server.unwrap(inClear(client)))).toMatchObject({ code: 'signature-mismatch', side: 'peer' });
    });

    it('not where sealed messages are required, which ends a stream and drops a datagram', () => {
      const required = { require: 'sealed' } as const;
      const refusal = { code: 'downgrade-refused', phase: 'session', side: 'peer' };
      const { client, server } = endsOf(SIGNED);
      expect(server.unwrap(client.wrap(HELLO), required).sealed).toBe(true);
      expect(thrown(() => server.unwrap(inClear(client), required))).toMatchObject(refusal);
      expect(server.closed).toBe(true);
      const datagrams = endsOf((DATAGRAM & ~F.NEGOTIATE_SEAL) >>> 0);
      expect(thrown(() => datagrams.server.unwrap(inClear(datagrams.client), required))).toMatchObject(refusal);
      expect(datagrams.server.unwrap(datagrams.client.wrap(HELLO), required)).toEqual(HELLO);
      const dummies = endsOf(F.NEGOTIATE_ALWAYS_SIGN, KEY, { dummySignatures: true });
      expect(dummies.server.unwrap(dummies.client.wrap(HELLO)).sealed).toBe(false);
      expect(thrown(() => dummies.server.unwrap(dummies.client.wrap(HELLO), required))).toMatchObject(refusal);
    });
  });

  it('seals and does not sign without SIGN', () => {
    const { client, server } = endsOf((SEALED & ~F.NEGOTIATE_SIGN) >>> 0);
    expect(server.unseal(client.seal(HELLO))).toEqual(HELLO);
    expect(thrown(() => client.sign(HELLO))).toMatchObject(unavailable);
    expect(thrown(() => server.verify(HELLO, new Uint8Array(16)))).toMatchObject(unavailable);
    expect(server.unwrap(client.wrap(HELLO))).toEqual(HELLO);
  });

  it('pretends to sign only where ALWAYS_SIGN was agreed on and pretending was asked for', () => {
    expect(thrown(() => endsOf(F.NEGOTIATE_ALWAYS_SIGN))).toMatchObject(unavailable);
    expect(thrown(() => endsOf(0, KEY, { dummySignatures: true }))).toMatchObject(unavailable);
    const { client } = endsOf(F.NEGOTIATE_ALWAYS_SIGN, KEY, { dummySignatures: true });
    expect(client).toMatchObject({ integrity: false, confidentiality: false });
    expect(thrown(() => client.seal(HELLO))).toMatchObject(unavailable);
  });

  it('signs for real where SIGN was agreed on, whatever else was asked for', () => {
    const { client } = endsOf(SIGNED, KEY, { dummySignatures: true });
    expect(client.sign(HELLO)).toEqual(endsOf(SIGNED).client.sign(HELLO));
  });
});

describe('parts', () => {
  const [header, stub, trailer] = ['header', 'stub data', 'trailer'].map(utf16) as [Uint8Array, Uint8Array, Uint8Array];
  const whole = Uint8Array.from([...header, ...stub, ...trailer]);
  const parts = [
    { bytes: header, sealed: false },
    { bytes: stub, sealed: true },
    { bytes: trailer, sealed: false },
  ];

  it('are under one signature, that of the whole in clear, and sealed where they say so (MS-RPCE 2.2.2.11)', () => {
    const flags = (SEALED & ~F.NEGOTIATE_KEY_EXCH) >>> 0; // the checksum then stands in the signature as it is
    const { client, server } = endsOf(flags);
    const made = client.seal(parts);
    expect(toHex(made.signature)).toBe(toHex(endsOf(flags).client.sign(whole)));
    expect(toHex(made.parts[1]!.bytes)).toBe(toHex(endsOf(flags).client.seal(stub).sealed));
    expect(made.parts[0]).toEqual(parts[0]);
    expect(made.parts[2]).toEqual(parts[2]);
    expect(server.unseal(made)).toEqual(parts);
  });

  it('that are sealed share one keystream, as the message that they are', () => {
    const { client, server } = endsOf(SEALED);
    const made = client.seal([header, stub, trailer].map((bytes) => ({ bytes, sealed: true })));
    const { sealed, signature } = endsOf(SEALED).client.seal(whole);
    expect(toHex(Buffer.concat(made.parts.map(({ bytes }) => bytes)))).toBe(toHex(sealed));
    expect(toHex(made.signature)).toBe(toHex(signature));
    expect(server.unseal({ sealed, signature })).toEqual(whole);
  });

  it('none of which is sealed are a signature beside, and need SIGN instead of SEAL', () => {
    const { client, server } = endsOf(SIGNED);
    const inClear = parts.map(({ bytes }) => ({ bytes, sealed: false }));
    const made = client.seal(inClear);
    server.verify(whole, made.signature);
    expect(client.unseal({ parts: inClear, signature: server.sign(whole) })).toEqual(inClear);
    expect(thrown(() => client.seal(parts))).toMatchObject(unavailable);
    const sealing = endsOf((SEALED & ~F.NEGOTIATE_SIGN) >>> 0);
    expect(thrown(() => sealing.client.seal(inClear))).toMatchObject(unavailable);
    expect(sealing.server.unseal(sealing.client.seal(parts))).toEqual(parts);
  });

  it('are overwritten where the signature is not theirs', () => {
    const { client, server } = endsOf(SEALED);
    const made = client.seal(parts);
    made.signature[5]! ^= 1;
    expect(thrown(() => server.unseal(made))).toMatchObject({ code: 'signature-mismatch', side: 'peer' });
    expect(server.closed).toBe(true);
  });
});

describe('the keystream starts anew', () => {
  const plaintext = hex(ntlmV2Wrap.plaintext);

  it('as SPNEGO needs it: after a signature the sealed bytes are again the first, the number is not', () => {
    const { client, server } = endsOf(SEALED);
    server.verify(HELLO, client.sign(HELLO));
    client.resetSealing('outgoing');
    server.resetSealing('incoming');
    const parts = client.seal(plaintext);
    expect(toHex(parts.sealed)).toBe(ntlmV2Wrap.sealed);
    expect(toHex(parts.signature.subarray(12))).toBe('01000000');
    expect(toHex(server.unseal(parts))).toBe(ntlmV2Wrap.plaintext);
  });

  it('in one direction and not in the other', () => {
    const { client, server } = endsOf(SEALED);
    client.unwrap(server.wrap(HELLO));
    server.unwrap(client.wrap(HELLO));
    client.resetSealing('incoming');
    expect(thrown(() => client.unwrap(server.wrap(HELLO))).code).toBe('signature-mismatch');
    const other = endsOf(SEALED);
    other.client.unwrap(other.server.wrap(HELLO));
    other.client.resetSealing('outgoing');
    expect(other.client.unwrap(other.server.wrap(HELLO))).toEqual(HELLO);
  });

  it('in no third direction', () => {
    const { client } = endsOf(SEALED);
    expect(thrown(() => client.resetSealing('both' as 'incoming'))).toMatchObject({ code: 'invalid-argument' });
  });
});

describe('without extended session security', () => {
  it('both directions advance one keystream and one number', () => {
    const { client, server } = endsOf(LEGACY);
    const first = client.seal(HELLO);
    server.unseal(first);
    const second = server.seal(HELLO);
    client.unseal(second);
    const keystream = rc4k(KEY, new Uint8Array(2 * (HELLO.length + 12)));
    const xor = (bytes: Uint8Array, at: number): string => toHex(bytes.map((byte, n) => byte ^ keystream[at + n]!));
    expect(xor(first.sealed, 0)).toBe(toHex(HELLO));
    expect(xor(second.sealed, HELLO.length + 12)).toBe(toHex(HELLO));
    expect(xor(first.signature.subarray(12), HELLO.length + 8)).toBe('00000000');
    expect(xor(second.signature.subarray(12), 2 * HELLO.length + 20)).toBe('01000000');
  });

  it('the signature is over the CRC-32 of the message', () => {
    const { client } = endsOf((LEGACY & ~F.NEGOTIATE_SEAL) >>> 0);
    const signature = client.sign(new TextEncoder().encode('123456789'));
    const keystream = rc4k(KEY, new Uint8Array(12));
    // the check value of CRC-32/ISO-HDLC, little-endian
    expect(toHex(signature.subarray(8, 12).map((byte, n) => byte ^ keystream[n + 4]!))).toBe('2639f4cb');
  });
});

describe('a session that ended', () => {
  const calls: Record<string, (session: NtlmSession) => unknown> = {
    wrap: (session) => session.wrap(HELLO),
    unwrap: (session) => session.unwrap(new Uint8Array(20)),
    seal: (session) => session.seal(HELLO),
    unseal: (session) => session.unseal({ sealed: HELLO, signature: new Uint8Array(16) }),
    sign: (session) => session.sign(HELLO),
    verify: (session) => session.verify(HELLO, new Uint8Array(16)),
    resetSealing: (session) => session.resetSealing(),
  };

  it.each(Object.entries(calls))('by close() refuses %s', (_, call) => {
    const { client } = endsOf(SEALED);
    expect(client.closed).toBe(false);
    client.close();
    client.close();
    expect(client.closed).toBe(true);
    const error = thrown(() => call(client));
    expect(error).toMatchObject({ code: 'session-unavailable', side: 'local' });
    expect(error.cause).toBeUndefined();
  });

  it.each(Object.entries(calls))('by a bad message refuses %s and says which it was', (_, call) => {
    const { client } = endsOf(SEALED);
    const cause = thrown(() => client.unwrap(new Uint8Array(20)));
    expect(cause).toMatchObject({ code: 'signature-mismatch', side: 'peer' });
    client.close();
    expect(thrown(() => call(client))).toMatchObject({ code: 'session-unavailable', side: 'local', cause });
  });

  it.each([
    ['truncated', (session: NtlmSession) => session.unwrap(new Uint8Array(15))],
    ['wrong-length', (session: NtlmSession) => session.verify(HELLO, new Uint8Array(15))],
    ['wrong-length', (session: NtlmSession) => session.unseal({ sealed: HELLO, signature: new Uint8Array(17) })],
  ] as const)('by a message of the wrong size: %s', (code, call) => {
    const { client } = endsOf(SEALED);
    expect(thrown(() => call(client))).toMatchObject({ code, phase: 'session', side: 'peer' });
    expect(client.closed).toBe(true);
  });

  it('ends with the block that uses it', () => {
    const { client } = endsOf(SEALED);
    {
      using session = client;
      session.wrap(HELLO);
    }
    expect(client.closed).toBe(true);
  });
});

describe('datagrams', () => {
  it('need rising numbers, which key them', () => {
    const { client } = endsOf(DATAGRAM);
    client.wrap(HELLO, { sequenceNumber: 7 });
    expect(thrown(() => client.wrap(HELLO, { sequenceNumber: 7 }))).toMatchObject({ code: 'invalid-argument' });
    expect(toHex(client.wrap(HELLO).subarray(12, 16))).toBe('08000000');
  });

  it('end with the last number, and never begin again at the first', () => {
    const { client, server } = endsOf(DATAGRAM);
    const last = client.wrap(HELLO, { sequenceNumber: 0xffffffff });
    expect(server.unwrap(last)).toEqual(HELLO);
    expect(thrown(() => client.wrap(HELLO))).toMatchObject({ code: 'session-unavailable', side: 'local' });
    const legacy = endsOf((LEGACY | F.NEGOTIATE_DATAGRAM) >>> 0);
    legacy.server.unwrap(legacy.client.wrap(HELLO, { sequenceNumber: 0xffffffff }), { sequenceNumber: 0xffffffff });
    expect(thrown(() => legacy.server.unwrap(new Uint8Array(20))).code).toBe('out-of-sequence');
  });

  it('are refused when older than the last 64, or when the carrier says another number', () => {
    const { client, server } = endsOf(DATAGRAM);
    const tokens = Array.from({ length: 66 }, () => client.wrap(HELLO));
    server.unwrap(tokens[65]!, { sequenceNumber: 65 });
    expect(thrown(() => server.unwrap(tokens[1]!))).toMatchObject({ code: 'out-of-sequence', side: 'peer' });
    expect(thrown(() => server.unwrap(tokens[2]!, { sequenceNumber: 3 }))).toMatchObject({ code: 'out-of-sequence' });
    expect(server.unwrap(tokens[2]!)).toEqual(HELLO);
  });
});

describe('arguments', () => {
  it.each<[string, (session: NtlmSession) => unknown]>([
    ['message', (session) => session.wrap('hello' as unknown as Uint8Array)],
    ['message', (session) => session.seal([1, 2] as unknown as Uint8Array)],
    ['message', (session) => session.seal([{ bytes: HELLO, sealed: 1 }] as never)],
    ['message', (session) => session.seal([{ bytes: 'hello', sealed: true }] as never)],
    ['message', (session) => session.seal([null] as never)],
    ['parts', (session) => session.unseal({ parts: HELLO, signature: new Uint8Array(16) } as never)],
    ['signature', (session) => session.unseal({ parts: [], signature: 'hello' } as never)],
    ['require', (session) => session.unwrap(new Uint8Array(16), { require: 'clear' } as never)],
    ['message', (session) => session.sign(undefined as unknown as Uint8Array)],
    ['message', (session) => session.verify('hello' as unknown as Uint8Array, new Uint8Array(16))],
    ['token', (session) => session.unwrap(new ArrayBuffer(16) as unknown as Uint8Array)],
    ['signature', (session) => session.verify(HELLO, 'hello' as unknown as Uint8Array)],
    ['signature', (session) => session.unseal({ sealed: HELLO } as never)],
    ['sequenceNumber', (session) => session.wrap(HELLO, { sequenceNumber: 1 })],
    ['sequenceNumber', (session) => session.unwrap(new Uint8Array(16), { sequenceNumber: 1 })],
    ['maxSize', (session) => session.wrapStream({ maxSize: 16 })],
    ['maxSize', (session) => session.unwrapStream({ maxSize: Number.NaN })],
  ])('a wrong "%s" is named and harms nothing', (argument, call) => {
    const { client, server } = endsOf(SEALED);
    const error = thrown(() => call(client));
    expect(error).toMatchObject({ code: 'invalid-argument', phase: 'session', side: 'local' });
    expect(error.message).toContain(`"${argument}"`);
    expect(server.unwrap(client.wrap(HELLO))).toEqual(HELLO);
  });

  it.each([-1, 1.5, 2 ** 32, '1' as unknown as number])('%s is no sequence number', (sequenceNumber) => {
    const { client } = endsOf(DATAGRAM);
    expect(thrown(() => client.wrap(HELLO, { sequenceNumber }))).toMatchObject({ code: 'invalid-argument' });
  });

  it('of a handshake are named', () => {
    const right: FinishedHandshake = { sessionKey: new SessionKey(KEY), negotiateFlags: SEALED, side: 'client' };
    const wrong: Record<string, object> = {
      sessionKey: { sessionKey: KEY },
      negotiateFlags: { negotiateFlags: undefined },
      side: { side: 'both' },
    };
    for (const [argument, change] of Object.entries(wrong)) {
      const error = thrown(() => NtlmSession.fromHandshake({ ...right, ...change }));
      expect(error.code).toBe('invalid-argument');
      expect(error.message).toContain(`"${argument}"`);
    }
    right.sessionKey.wipe();
    expect(thrown(() => NtlmSession.fromHandshake(right)).code).toBe('session-unavailable');
  });
});

it('shows no key and no keystream', () => {
  const { client } = endsOf(SEALED);
  client.wrap(HELLO);
  const shown = { side: 'client', integrity: true, confidentiality: true };
  expect(JSON.parse(JSON.stringify(client))).toEqual(shown);
  expect(Reflect.ownKeys(client)).toEqual(Object.keys(shown));
  expect(inspect(client)).toBe("NtlmSession { side: 'client', integrity: true, confidentiality: true }");
  expect(structuredClone(client)).toEqual(shown);
});

it('gives back bytes of its own', () => {
  for (const flags of [SEALED, SIGNED]) {
    const { client, server } = endsOf(flags);
    const sent = Buffer.from(HELLO);
    const token = Buffer.from(client.wrap(sent));
    expect(toHex(sent)).toBe(toHex(HELLO));
    const opened = server.unwrap(token);
    token.fill(0);
    expect(opened).toEqual(HELLO);
  }
});

describe('streams', () => {
  async function write(
    stream: TransformStream<Uint8Array, Uint8Array>,
    ...chunks: Uint8Array[]
  ): Promise<Uint8Array[]> {
    const writer = stream.writable.getWriter();
    const writing = (async () => {
      for (const chunk of chunks) await writer.write(chunk);
      await writer.close();
    })();
    const received: Uint8Array[] = [];
    const reading = (async () => {
      for await (const chunk of stream.readable) received.push(chunk);
    })();
    await Promise.all([writing, reading]);
    return received;
  }

  it('frame with 4 bytes of length, big-endian (RFC 4422 3.7)', async () => {
    const { client } = endsOf(SEALED);
    const [frame] = await write(client.wrapStream(), hex(ntlmV2Wrap.plaintext));
    expect(toHex(frame!)).toBe(`00000022${ntlmV2Wrap.signature}${ntlmV2Wrap.sealed}`);
  });

  it('send 64 KiB in a frame at most, signature and all', async () => {
    const { client, server } = endsOf(SEALED);
    const frames = await write(client.wrapStream(), new Uint8Array(65_536 - 16 + 1), new Uint8Array(0));
    expect(frames.map(({ length }) => length)).toEqual([4 + 65_536, 4 + 16 + 1]);
    expect(await write(server.unwrapStream(), ...frames)).toHaveLength(2);
  });

  it('refuse a frame over the limit on its length alone', async () => {
    const { server } = endsOf(SEALED);
    const refusal = { code: 'too-long', phase: 'session', side: 'peer' };
    await expect(write(server.unwrapStream(), hex('00010001'))).rejects.toMatchObject(refusal);
    await expect(write(server.unwrapStream({ maxSize: 100 }), hex('00000065'))).rejects.toMatchObject(refusal);
    await expect(write(server.unwrapStream({ maxSize: 2 ** 32 - 1 }), hex('0000000f'))).rejects.toMatchObject({
      code: 'truncated',
    });
    expect(server.closed).toBe(false);
  });

  it.each(['00', '00000011', '00000011000000'])('error when the wire ends within a frame: %s', async (wire) => {
    const { server } = endsOf(SEALED);
    await expect(write(server.unwrapStream(), hex(wire))).rejects.toMatchObject({ code: 'truncated', side: 'peer' });
  });

  it('open messages without bytes, and send none', async () => {
    const { client, server } = endsOf(SEALED);
    const empty = client.wrap(new Uint8Array(0));
    const [hello] = await write(client.wrapStream(), HELLO);
    expect(await write(server.unwrapStream(), hex('00000010'), empty, hello!)).toEqual([HELLO]);
  });

  it('error on a chunk that is not bytes', async () => {
    const { client, server } = endsOf(SEALED);
    for (const stream of [client.wrapStream(), server.unwrapStream()]) {
      await expect(write(stream, 'text' as unknown as Uint8Array)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });
});
