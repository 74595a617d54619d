/** What a session does with its keys: keystreams that begin anew, and keys and plaintexts that it overwrites. */
import { describe, expect, test, vi } from 'vitest';
import { HmacMd5Key, rc4k, sealKey } from '../../src/crypto/index.ts';
import { NtlmError } from '../../src/errors.ts';
import { SessionKey } from '../../src/index.ts';
import { NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import { zeroedBy } from '../support/overwritten.ts';
import { thrown } from '../support/thrown.ts';
import { DATAGRAM, KEY, LEGACY, SEALED, endsOf } from './support.ts';

const TEXT = new TextEncoder().encode('attack at dawn, not at dusk');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('resetSealing', () => {
  /** SEAL of the first message of a keystream is RC4 over it (MS-NLMP 3.4.3). */
  const first = (side: 'client' | 'server'): string => hex(rc4k(sealKey(SEALED, KEY, side), TEXT));
  const sealed = (end: NtlmSession): string => hex(end.seal(TEXT).sealed);

  test('begins the keystream of the sealing key again, each time', () => {
    const { client } = endsOf(SEALED);
    expect(sealed(client)).toBe(first('client'));
    expect(sealed(client)).not.toBe(first('client'));
    for (let time = 0; time < 3; time += 1) {
      client.resetSealing();
      expect(sealed(client)).toBe(first('client'));
    }
  });

  test.each([
    ['outgoing', true],
    ['incoming', false],
    [undefined, true],
  ] as const)('%s: what goes out begins again: %s', (direction, begins) => {
    const { client } = endsOf(SEALED);
    client.seal(TEXT);
    client.resetSealing(direction);
    expect(sealed(client) === first('client')).toBe(begins);
  });

  test.each([
    ['outgoing', false],
    ['incoming', true],
    [undefined, true],
  ] as const)('%s: what comes in begins again: %s', (direction, begins) => {
    const { client, server } = endsOf(SEALED);
    client.unseal(server.seal(TEXT));
    client.resetSealing(direction);
    server.resetSealing('outgoing');
    const message = server.seal(TEXT);
    expect(hex(message.sealed)).toBe(first('server'));
    if (begins) expect(client.unseal(message)).toEqual(TEXT);
    else expect(thrown(() => client.unseal(message)).code).toBe('signature-mismatch');
  });
});

describe('a datagram', () => {
  test('may be of the last number there is, after the first', () => {
    const { client, server } = endsOf(DATAGRAM);
    const [one, last] = [client.wrap(TEXT, { sequenceNumber: 0 }), client.wrap(TEXT, { sequenceNumber: 0xffffffff })];
    expect(server.unwrap(one)).toEqual(TEXT);
    expect(server.unwrap(last)).toEqual(TEXT);
    expect(thrown(() => server.unwrap(one))).toMatchObject({ code: 'out-of-sequence', side: 'peer' });
  });
});

describe('what is overwritten', () => {
  test('at the end of a session: the sealing and the signing keys of both directions', () => {
    const { client } = endsOf(SEALED);
    const destroy = vi.spyOn(HmacMd5Key.prototype, 'destroy');
    const zeroed = zeroedBy(() => client.close());
    expect(destroy).toHaveBeenCalledTimes(2);
    destroy.mockRestore();
    for (const side of ['client', 'server'] as const) expect(zeroed).toContain(hex(sealKey(SEALED, KEY, side)));
    expect(zeroedBy(() => client.close())).toEqual([]); // it was over
  });

  test('at the end of one without extended session security: its only key', () => {
    const { client } = endsOf(LEGACY);
    expect(zeroedBy(() => client.close())).toContain(hex(sealKey(LEGACY, KEY, 'client')));
  });

  test('where a signature is wrong: what was unsealed under it', () => {
    const { client, server } = endsOf(SEALED);
    const { sealed, signature } = client.seal(TEXT);
    signature[5]! ^= 1;
    const zeroed = zeroedBy(() => {
      expect(() => server.unseal({ sealed, signature })).toThrow(NtlmError);
    });
    expect(zeroed).toContain(hex(TEXT));
    expect(hex(sealed)).not.toMatch(/^0+$/); // the caller's own bytes stay
  });

  test('a message that came in clear is not ours to overwrite', () => {
    const { server } = endsOf(SEALED);
    const message = Uint8Array.from(TEXT);
    expect(() => server.verify(message, new Uint8Array(16))).toThrow(NtlmError);
    expect(message).toEqual(TEXT);
  });
});

test('a session of constant signatures has two ends, too', () => {
  const handshake = { sessionKey: new SessionKey(KEY), negotiateFlags: F.NEGOTIATE_ALWAYS_SIGN, dummySignatures: true };
  expect(thrown(() => NtlmSession.fromHandshake({ ...handshake, side: 'proxy' as never }))).toMatchObject({
    code: 'invalid-argument',
    phase: 'session',
  });
});
