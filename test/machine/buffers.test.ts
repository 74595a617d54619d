/** A Buffer is a Uint8Array whose `slice()` shares its memory: what is kept of one has to be a copy all the same. */
import { expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { HmacMd5Key } from '../../src/crypto/hmac-md5.ts';
import { Credentials, NtlmClient } from '../../src/index.ts';
import { decodeAuthenticate, decodeChallenge } from '../../src/messages/index.ts';
import { hex, toHex } from '../support/bytes.ts';
import { challengeToken } from '../support/handshake.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'Drawbridge1' });

/** Bytes in a Buffer of their own, as a socket hands them out. */
const buffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

test('a handshake whose tokens are Buffers is accepted, and the tokens are left as they were', async () => {
  const client = new NtlmClient({ credentials });
  const acceptor = new NtlmAcceptor({ credentials, requireMic: true });
  const challenge = buffer(acceptor.challenge(buffer(client.negotiate())));
  const authenticate = buffer(client.respond(challenge));
  const before = toHex(authenticate);

  expect(await acceptor.authenticate(authenticate)).toMatchObject({ ok: true, mic: true });
  expect(toHex(authenticate)).toBe(before);
});

test('a Buffer that is used again after it was handed over does not reach the handshake', async () => {
  const client = new NtlmClient({ credentials });
  const acceptor = new NtlmAcceptor({ credentials, requireMic: true });
  const negotiate = buffer(client.negotiate());
  const challenge = buffer(acceptor.challenge(negotiate));
  negotiate.fill(0xaa);
  const authenticate = buffer(client.respond(challenge));
  challenge.fill(0xaa);
  const verdict = acceptor.authenticate(authenticate);
  authenticate.fill(0xaa);

  expect(await verdict).toMatchObject({ ok: true, mic: true });
  expect(client.target?.name).toBe('WORKGROUP');
});

test('what was decoded from a Buffer does not change with it', () => {
  const challenge = buffer(challengeToken());
  const decoded = decodeChallenge(challenge);
  challenge.fill(0xaa);
  expect(toHex(decoded.serverChallenge)).toBe('3131313131313131');

  const client = new NtlmClient({ credentials });
  client.negotiate();
  const authenticate = buffer(client.respond(challengeToken()));
  const message = decodeAuthenticate(authenticate);
  const mic = toHex(message.mic!);
  authenticate.fill(0xaa);
  expect(toHex(message.mic!)).toBe(mic);
  expect(mic).not.toBe('aa'.repeat(16));
});

test('the hash of a channel in a Buffer is copied', () => {
  const hash = Buffer.alloc(16, 0x11);
  const client = new NtlmClient({ credentials, channelBindings: { hash } });
  hash.fill(0xaa);
  client.negotiate();
  expect(toHex(client.respond(challengeToken()))).toContain('11'.repeat(16));
});

test('destroying a keyed state leaves the Buffer that its key came in', () => {
  const key = Buffer.from(hex('000102030405060708090a0b0c0d0e0f'));
  new HmacMd5Key(key).destroy();
  expect(toHex(key)).toBe('000102030405060708090a0b0c0d0e0f');
});
