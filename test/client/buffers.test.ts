/** Node's Buffer is a Uint8Array whose `slice` is a view: what came in one is copied all the same. */
import { describe, expect, test } from 'vitest';
import { verifyAuthenticate } from '../../src/acceptor/index.ts';
import { createNtlmActor, Credentials, NtlmClient } from '../../src/index.ts';
import { decodeChallenge } from '../../src/messages/index.ts';
import { challengeToken } from '../support/handshake.ts';

const credentials = Credentials.fromPassword({ domain: 'DOMAIN', username: 'alice', password: 'Password' });

describe('bytes that come in a Buffer', () => {
  test('a decoded message does not change with the Buffer', () => {
    const buffer = Buffer.from(challengeToken());
    const message = decodeChallenge(buffer);
    buffer.fill(0xff);
    expect(message).toStrictEqual(decodeChallenge(challengeToken()));
  });

  test('the challenge that the MIC covers does not change with the Buffer', () => {
    const actor = createNtlmActor({ credentials });
    const buffer = Buffer.from(challengeToken());
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: buffer });
    buffer.fill(0xff);
    expect(actor.getSnapshot().context.challengeToken).toStrictEqual(challengeToken());
  });

  test('randomness in a Buffer stays the source’s own', () => {
    const source = Buffer.alloc(16, 0xaa);
    const randomBytes = (length: number): Uint8Array => source.subarray(0, length);
    const client = new NtlmClient({ credentials, sessionSecurity: 'sign', randomBytes });
    client.negotiate();
    client.respond(challengeToken());
    expect(source).toStrictEqual(Buffer.alloc(16, 0xaa));
  });

  test('a type 3 in a Buffer is verified and left as it was', () => {
    const client = new NtlmClient({ credentials });
    const negotiate = Buffer.from(client.negotiate());
    const challenge = Buffer.from(challengeToken());
    const authenticate = Buffer.from(client.respond(challenge));
    const sent = authenticate.toString('hex');
    expect(verifyAuthenticate({ negotiate, challenge, authenticate, credentials })).toMatchObject({ ok: true, mic: true });
    expect(authenticate.toString('hex')).toBe(sent);
  });
});
