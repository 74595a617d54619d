/** The printed values of MS-NLMP 3.4 and 4.2 as they show in what a session sends. */
import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { rc4k, SessionKey, type Side } from '../../src/crypto/index.ts';
import { NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import { hex, toHex } from '../support/bytes.ts';
import {
  common,
  dummySignature,
  ntlmV1,
  ntlmV1ClientChallenge,
  ntlmV1ClientChallengeWrap,
  ntlmV1Wrap,
  ntlmV2,
  ntlmV2Wrap,
  sessionKeys,
} from '../vectors/ms-nlmp.ts';
import { thrown } from '../support/thrown.ts';
import { endsOf } from './support.ts';

const session = (negotiateFlags: number, key: string, side: Side = 'client'): NtlmSession =>
  NtlmSession.fromHandshake({ sessionKey: new SessionKey(hex(key)), negotiateFlags, side });

describe('GSS_WrapEx', () => {
  const withoutKeyExch = (ntlmV2.challengeFlags & ~F.NEGOTIATE_KEY_EXCH) >>> 0;
  it.each([
    ['4.2.2.4, NTLMv1', ntlmV1.challengeFlags, common.randomSessionKey, ntlmV1Wrap],
    [
      '4.2.3.4, extended, 56 bits, no KEY_EXCH',
      ntlmV1ClientChallenge.challengeFlags,
      ntlmV1ClientChallenge.exportedSessionKey,
      ntlmV1ClientChallengeWrap,
    ],
    ['4.2.4.4, NTLMv2', ntlmV2.challengeFlags, common.randomSessionKey, ntlmV2Wrap],
    [
      '4.2.4.4, without KEY_EXCH',
      withoutKeyExch,
      common.randomSessionKey,
      { ...ntlmV2Wrap, signature: ntlmV2Wrap.signatureWithoutKeyExch },
    ],
  ])('%s', (_, flags, key, { plaintext, sealed, signature }) => {
    const apart = session(flags, key).seal(hex(plaintext));
    expect(toHex(apart.sealed)).toBe(sealed);
    expect(toHex(apart.signature)).toBe(signature);

    const token = session(flags, key).wrap(hex(plaintext));
    expect(toHex(token)).toBe(signature + sealed);
    expect(toHex(session(flags, key, 'server').unwrap(token))).toBe(plaintext);
  });

  it('4.2.2.4: the pad as the page prints it is ignored', () => {
    const server = session(ntlmV1.challengeFlags, common.randomSessionKey, 'server');
    const opened = server.unwrap(hex(ntlmV1Wrap.signatureAsPrinted + ntlmV1Wrap.sealed));
    expect(toHex(opened)).toBe(ntlmV1Wrap.plaintext);
  });
});

describe('the keys of 3.4.5', () => {
  const message = hex(ntlmV2Wrap.plaintext);
  const seal = F.NEGOTIATE_SIGN | F.NEGOTIATE_SEAL;

  it.each([...sessionKeys.ess])('SEALKEY with $bits bits keys what the $side seals', ({ flags, side, sealKey }) => {
    const { sealed } = session((flags | seal) >>> 0, sessionKeys.inputKey, side).seal(message);
    expect(toHex(sealed)).toBe(toHex(rc4k(hex(sealKey), message)));
  });

  it.each(sessionKeys.withoutEss.filter(({ flags }) => (flags & F.NEGOTIATE_DATAGRAM) === 0))(
    'SEALKEY without extended session security ($named) keys what both sides seal',
    ({ flags, sealKey }) => {
      for (const side of ['client', 'server'] as const) {
        const { sealed } = session((flags | seal) >>> 0, sessionKeys.inputKey, side).seal(message);
        expect(toHex(sealed)).toBe(toHex(rc4k(hex(sealKey), message)));
      }
    },
  );

  // 3.4.3: SealingKey' = MD5(SealingKey || SequenceNumber)
  const datagrams = [
    ...sessionKeys.withoutEss.filter(({ flags }) => (flags & F.NEGOTIATE_DATAGRAM) !== 0),
    ...sessionKeys.ess.map((row) => ({ ...row, named: `ESS ${row.side} ${row.bits}` })),
  ];
  it.each(datagrams)('SEALKEY of a datagram ($named) is hashed with its number', (row) => {
    const flags = (row.flags | seal | F.NEGOTIATE_DATAGRAM) >>> 0;
    const sender = session(flags, sessionKeys.inputKey, 'side' in row ? row.side : 'client');
    const numbers = [
      [0, '00000000'],
      [1, '01000000'],
      [0x01020304, '04030201'],
    ] as const;
    for (const [sequenceNumber, number] of numbers) {
      const key = createHash('md5').update(hex(row.sealKey + number)).digest();
      expect(toHex(sender.seal(message, { sequenceNumber }).sealed)).toBe(toHex(rc4k(key, message)));
    }
  });

  it.each([
    ['client', sessionKeys.clientSignKey],
    ['server', sessionKeys.serverSignKey],
  ] as const)('SIGNKEY keys what the %s signs (3.4.4.2)', (side, key) => {
    const flags = F.NEGOTIATE_SIGN | F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
    const sender = session(flags, sessionKeys.inputKey, side);
    for (const number of ['00000000', '01000000', '02000000']) {
      const mac = createHmac('md5', hex(key)).update(hex(number)).update(message).digest('hex');
      expect(toHex(sender.sign(message))).toBe(`01000000${mac.slice(0, 16)}${number}`);
    }
  });
});

describe('ALWAYS_SIGN without SIGN', () => {
  const flags = F.NEGOTIATE_ALWAYS_SIGN | F.NEGOTIATE_EXTENDED_SESSIONSECURITY;

  it('signs with the dummy where that is asked for, and takes nothing else', () => {
    const { client, server } = endsOf(flags, hex(common.randomSessionKey), { dummySignatures: true });
    const message = Uint8Array.of(1, 2, 3);
    for (let round = 0; round < 2; round++) {
      expect(toHex(client.sign(message))).toBe(dummySignature.signature);
      expect(toHex(server.wrap(message))).toBe(`${dummySignature.signature}010203`);
      server.verify(message, hex(dummySignature.signature));
      expect(client.unwrap(server.wrap(message))).toEqual(message);
    }
    const other = hex(dummySignature.signature).fill(1, 15);
    expect(thrown(() => server.verify(message, other))).toMatchObject({ code: 'signature-mismatch', side: 'peer' });
  });
});
