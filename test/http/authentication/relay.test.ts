/** What a peer gains that passes our messages on, puts words into our mouth or sends us elsewhere. */
import { beforeAll, describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { channelBindings } from '../../../src/crypto/channel-bindings-sources.ts';
import { explainRefusal } from '../../../src/http/index.ts';
import {
  AvFlags,
  AvId,
  avFlags,
  avText,
  avTimestamp,
  decodeAuthenticate,
  decodeNtlmV2Response,
  describeTargetInfo,
} from '../../../src/messages/index.ts';
import { NAMES, TIMESTAMP, challengeToken } from '../../support/handshake.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer, ntlm, reply, type Leg } from '../support/hostile.ts';
import { honest } from '../support/meet.ts';
import { ALICE, Origin } from '../support/origin.ts';

let tls: Awaited<ReturnType<typeof makeCertificate>>;
beforeAll(async () => {
  tls = await makeCertificate();
});

const der = (pem: string): Uint8Array => new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));

describe.each(everyCarrier)('%s: what a relay can and cannot do', (_name, carrier) => {
  /** A peer that passes every leg on to `victim`, another server, and its challenge back. */
  const relayTo =
    (victim: NtlmAcceptor, verdicts: unknown[]) =>
    async ({ socket, message, token }: Leg): Promise<void> => {
      if (message === 1) socket.write(reply({ challenge: ntlm(victim.challenge(token)) }));
      else if (message === 3) {
        const verdict = await victim.authenticate(token);
        verdicts.push(verdict.ok ? decodeNtlmV2Response(decodeAuthenticate(token).ntChallengeResponse) : verdict.reason);
        socket.write(verdict.ok ? reply({ status: 200, body: 'relayed' }) : reply({ challenge: 'NTLM' }));
      } else socket.write(reply({ challenge: 'NTLM' }));
    };

  test("another server's challenge is answered, for a service and a host that are the caller's", async () => {
    const verdicts: unknown[] = [];
    const victim = new NtlmAcceptor({ credentials: ALICE, target: { nbDomainName: 'CORP', nbComputerName: 'BANK' } });
    await using peer = await HostilePeer.listen((leg) => void relayTo(victim, verdicts)(leg));
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(peer.url)).text).toBe('relayed'); // nothing in plain HTTP tells the two apart …
    const [answer] = verdicts as [ReturnType<typeof decodeNtlmV2Response>];
    // … but the name that the victim may look at.
    expect(describeTargetInfo(answer.avPairs).targetName).toBe('HTTP/127.0.0.1');
  });

  test('over TLS the victim is safe where it demands channel bindings: ours are of the certificate that was shown', async () => {
    const verdicts: unknown[] = [];
    const other = await makeCertificate();
    const bindings = channelBindings.fromCertificate(der(other.cert));
    const victim = new NtlmAcceptor({ credentials: ALICE, channelBindings: bindings, requireChannelBindings: true });
    await using peer = await HostilePeer.listen((leg) => void relayTo(victim, verdicts)(leg), { tls });
    await using client = carrier.open({ credentials: ALICE, ca: tls.ca });
    const answer = await client.request(peer.url);
    expect(explainRefusal(answer)?.code).toBe('credentials-refused');
    expect(verdicts).toEqual(['channel-bindings-mismatch']);
  });

  test('names, bindings and flags that the challenge puts into our mouth are not repeated', async () => {
    let token: Uint8Array = new Uint8Array();
    const targetInfo = [
      ...NAMES,
      avTimestamp(TIMESTAMP),
      avFlags(AvFlags.UNTRUSTED_SPN),
      avText(AvId.MsvAvTargetName, 'HTTP/bank.test'),
      { id: AvId.MsvAvChannelBindings, value: new Uint8Array(16).fill(0xbb) },
    ];
    await using peer = await HostilePeer.listen((leg) => {
      if (leg.message === 3) token = leg.token;
      leg.socket.write(leg.message === 1 ? reply({ challenge: ntlm(challengeToken({ targetInfo })) }) : honest(leg));
    });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(peer.url)).text).toBe('done');
    const answer = decodeAuthenticate(token);
    const { avPairs } = decodeNtlmV2Response(answer.ntChallengeResponse);
    expect(describeTargetInfo(avPairs)).toMatchObject({ targetName: 'HTTP/127.0.0.1', flags: AvFlags.MIC_PROVIDED });
    expect(avPairs.filter(({ id }) => id === AvId.MsvAvTargetName || id === AvId.MsvAvChannelBindings)).toHaveLength(1);
  });

  test.each([
    ['with a timestamp the MIC is sent all the same', [avTimestamp(TIMESTAMP)], true],
    ['without one there is none, and none is claimed', [], false],
  ])('MsvAvFlags that say no MIC is needed: %s', async (_what, time, withMic) => {
    let token: Uint8Array = new Uint8Array();
    await using peer = await HostilePeer.listen((leg) => {
      if (leg.message === 3) token = leg.token;
      const challenge = ntlm(challengeToken({ targetInfo: [...NAMES, ...time, avFlags(0)] }));
      leg.socket.write(leg.message === 1 ? reply({ challenge }) : honest(leg));
    });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(peer.url)).text).toBe('done');
    const { mic, ntChallengeResponse } = decodeAuthenticate(token);
    const { avPairs } = decodeNtlmV2Response(ntChallengeResponse);
    expect(describeTargetInfo(avPairs).flags).toBe(withMic ? AvFlags.MIC_PROVIDED : 0);
    expect(mic !== undefined && mic.some((byte) => byte !== 0)).toBe(withMic);
  });

  test.each([301, 302, 303, 307, 308])('a %s to another origin, before or after authentication, takes nothing there', async (status) => {
    await using target = await Origin.listen();
    const elsewhere = reply({ status, fields: `Location: ${target.url}/x\r\n` });
    for (const at of ['none', 1, 3] as const) {
      await using peer = await HostilePeer.listen((leg) => leg.socket.write(leg.message === at ? elsewhere : honest(leg)));
      await using client = carrier.open({ credentials: ALICE });
      const { status: seen } = await client.request(peer.url);
      expect([status, 401]).toContain(seen); // of the three only fetch follows
    }
    expect(target.seen.every(({ message }) => message === 'none')).toBe(true);
  });
});
