/** SPNEGO in the scheme Negotiate (RFC 4559), as client and as server. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createNtlmServer, explainRefusal, type HttpScheme } from '../../../src/http/index.ts';
import { NtlmClient } from '../../../src/index.ts';
import { MechType, decodeSpnegoToken, encodeNegTokenInit, encodeNegTokenResp } from '../../../src/spnego/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { Negotiator, type Verdict } from '../support/negotiator.ts';
import { ALICE, BOB, Origin, WRONG } from '../support/origin.ts';

/** The token of a verdict, taken apart. */
function respOf({ token }: Verdict) {
  const decoded = decodeSpnegoToken(token as Uint8Array);
  if (decoded.type !== 'resp') throw new Error('not a NegTokenResp');
  return decoded;
}

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test('a server that offers only Negotiate: three requests, the body once, both ends signed for', async () => {
    const finals: Verdict[] = [];
    await using server = await Negotiator.listen({
      amend: (verdict, step) => {
        if (step === 'accepted') finals.push(verdict);
        return verdict;
      },
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    expect(await client.request(server.url)).toMatchObject({ status: 200, text: 'alice' });
    expect(server.seen).toEqual(['none', 'Negotiate init', 'Negotiate resp']);
    expect(respOf(finals[0]!)).toMatchObject({ negState: 'accept-completed', mechListMIC: { length: 16 } });
    await client.request(server.url, { method: 'POST', body: 'order' });
    expect(server.seen.slice(3)).toEqual(['none']);
    expect(server.handled).toEqual(['alice: ', 'alice: order']);
  });

  test.each<[readonly string[], HttpScheme | undefined, HttpScheme]>([
    [['Negotiate', 'NTLM'], undefined, 'NTLM'],
    [['Negotiate, NTLM'], 'NTLM', 'NTLM'],
    [['NTLM', 'Negotiate'], 'Negotiate', 'Negotiate'],
    [['NTLM'], 'Negotiate', 'NTLM'],
    [['negotiate'], undefined, 'Negotiate'],
  ])('%j, %s preferred: %s', async (offers, prefer, expected) => {
    await using server = await Negotiator.listen({ offers });
    await using client = carrier.open({ credentials: ALICE, prefer });
    expect((await client.request(server.url)).text).toBe('alice');
    const kinds = expected === 'NTLM' ? ['raw-ntlmssp', 'raw-ntlmssp'] : ['init', 'resp'];
    expect(server.seen).toEqual(['none', ...kinds.map((kind) => `${expected} ${kind}`)]);
  });

  test('a server that answers without SPNEGO gets its type 3 so', async () => {
    await using server = await Negotiator.listen({ bare: true });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(server.url, { method: 'POST', body: 'order' })).text).toBe('alice');
    expect(server.seen).toEqual(['none', 'Negotiate init', 'Negotiate raw-ntlmssp']);
    expect(server.handled).toEqual(['alice: order']);
  });

  test('a 200 without a token is taken', async () => {
    await using server = await Negotiator.listen({ amend: (verdict, step) => (step === 'accepted' ? { ...verdict, token: undefined } : verdict) });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(server.url)).text).toBe('alice');
  });

  test.each<[string, (verdict: Verdict) => Verdict, string]>([
    [
      'a mechListMIC that is wrong',
      (verdict) => {
        const { mechListMIC, ...fields } = respOf(verdict);
        const altered = mechListMIC!.slice();
        altered[5]! ^= 1;
        return { ...verdict, token: encodeNegTokenResp({ ...fields, mechListMIC: altered }) };
      },
      'mech-list-mic-mismatch',
    ],
    ['a token that is not base64', (verdict) => ({ ...verdict, token: 'oQB=' }), 'malformed-token'],
    ['a token that is not SPNEGO', (verdict) => ({ ...verdict, token: Uint8Array.of(1, 2, 3) }), 'malformed-token'],
    ['a token that says reject', (verdict) => ({ ...verdict, token: encodeNegTokenResp({ negState: 'reject' }) }), 'credentials-refused'],
    [
      'a token that asks for more',
      (verdict) => {
        const mechListMIC = respOf(verdict).mechListMIC!;
        return { ...verdict, token: encodeNegTokenResp({ negState: 'accept-incomplete', mechListMIC }) };
      },
      'malformed-token',
    ],
  ])('a 200 with %s is an error, and its connection is closed', async (_what, spoil, code) => {
    await using server = await Negotiator.listen({
      amend: (verdict, step) => (step === 'accepted' ? spoil(verdict) : verdict),
    });
    await using client = carrier.open({ credentials: ALICE });
    await expect(client.request(server.url)).rejects.toMatchObject({ name: 'NtlmError', code });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  test.each([
    ['once: answered, and the body is taken once', 1, { status: 200, text: 'alice' }, ['alice: order']],
    ['for ever: answered once', Infinity, { status: 401 }, []],
  ])('accept-incomplete after the type 3 %s', async (_what, times, expected, handled) => {
    let asked = 0;
    const ask = (verdict: Verdict): Verdict => {
      asked += 1;
      if (asked > times) return verdict;
      const { mechListMIC } = respOf(verdict);
      return {
        status: 0,
        token: encodeNegTokenResp({ negState: 'accept-incomplete', ...(mechListMIC !== undefined && { mechListMIC }) }),
      };
    };
    await using server = await Negotiator.listen({
      amend: (verdict, step) => (step === 'accepted' ? ask(verdict) : verdict),
    });
    await using client = carrier.open({ credentials: ALICE });
    expect(await client.request(server.url, { method: 'POST', body: 'order' })).toMatchObject(expected);
    expect(server.seen).toEqual(['none', 'Negotiate init', 'Negotiate resp', 'Negotiate resp']);
    expect(server.handled).toEqual(handled);
  });

  test.each<[string, Verdict]>([
    ['says reject', { status: 0, token: encodeNegTokenResp({ negState: 'reject' }) }],
    ['says accept-completed', { status: 0, token: encodeNegTokenResp({ negState: 'accept-completed' }) }],
    ['says nothing', { status: 0, token: undefined }],
  ])('a 401 that %s ends the credentials, and others are asked for', async (_what, verdict) => {
    const asked: unknown[] = [];
    await using server = await Negotiator.listen({ amend: (usual, step) => (step === 'refused' ? verdict : usual) });
    await using client = carrier.open({
      credentials: ({ attempt, scheme, reason }) => {
        asked.push([attempt, scheme, reason?.code]);
        return attempt === 1 ? WRONG : BOB;
      },
    });
    expect((await client.request(server.url, { method: 'POST', body: 'order' })).text).toBe('bob');
    expect(asked).toEqual([
      [1, 'Negotiate', undefined],
      [2, 'Negotiate', 'credentials-refused'],
    ]);
    expect(server.handled).toEqual(['bob: order']);
  });

  test('wrong credentials: the 401 says so', async () => {
    await using server = await Negotiator.listen();
    await using client = carrier.open({ credentials: WRONG });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'credentials-refused']);
  });

  test('a server that takes Kerberos alone: its 401 is handed back with the reason', async () => {
    const reject = { status: 0, token: encodeNegTokenResp({ negState: 'reject' }) };
    await using server = await Negotiator.listen({ amend: () => reject });
    await using client = carrier.open({ credentials: ALICE });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'mechanism-refused']);
    expect(server.seen).toEqual(['none', 'Negotiate init']);
  });

  test.each(['proxy-authenticate', 'proxy-authentication-info'])('a proxy that asks, its last token in %s', async (finalField) => {
    await using proxy = await Negotiator.listen({ proxy: true, finalField });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url });
    expect((await client.request('http://intranet.test/')).text).toBe('alice');
    expect(proxy.seen).toEqual(['none', 'Negotiate init', 'Negotiate resp']);
  });

  test('a proxy whose signature is wrong is not believed', async () => {
    const spoilt = encodeNegTokenResp({ negState: 'accept-completed', mechListMIC: new Uint8Array(16) });
    await using proxy = await Negotiator.listen({
      proxy: true,
      finalField: 'proxy-authentication-info',
      amend: (verdict, step) => (step === 'accepted' ? { ...verdict, token: spoilt } : verdict),
    });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url });
    await expect(client.request('http://intranet.test/')).rejects.toMatchObject({ code: 'mech-list-mic-mismatch' });
  });

  test('over HTTPS the certificate is bound inside SPNEGO too', async () => {
    const { ca, cert, key } = await makeCertificate();
    const { channelBindings } = await import('../../../src/crypto/channel-bindings-sources.ts');
    const der = new Uint8Array(Buffer.from(cert.replace(/-----.*-----|\s/g, ''), 'base64'));
    await using server = await Negotiator.listen({
      tls: { cert, key },
      acceptor: { channelBindings: channelBindings.fromCertificate(der), requireChannelBindings: true },
    });
    await using client = carrier.open({ credentials: ALICE, ca });
    expect((await client.request(server.url)).text).toBe('alice');
    expect(server.bound).toEqual([true]);
  });

  test('a server of createNtlmServer, Negotiate alone', async () => {
    const server = createNtlmServer({ credentials: ALICE, schemes: ['Negotiate'] });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      await using client = carrier.open({ credentials: ALICE });
      const reply = await client.request(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      expect(JSON.parse(reply.text)).toMatchObject({ username: 'alice', response: 'ntlmv2', mic: true });
      const final = new Uint8Array(Buffer.from(String(reply.headers['www-authenticate']).split(' ')[1]!, 'base64'));
      expect(decodeSpnegoToken(final)).toMatchObject({ negState: 'accept-completed', mechListMIC: { length: 16 } });
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test('a scheme that nobody knows is named', () => {
  for (const [, carrier] of everyCarrier)
    expect(() => carrier.open({ credentials: ALICE, prefer: 'Basic' as HttpScheme })).toThrow(/"prefer"/);
});

test('an origin of NTLM gets no SPNEGO', async () => {
  await using origin = await Origin.listen();
  await using client = everyCarrier[0]![1].open({ credentials: ALICE, prefer: 'Negotiate' });
  expect((await client.request(origin.url)).text).toBe('alice');
  expect(origin.seen.map(({ message }) => message)).toEqual(['none', 1, 3]);
});

describe('createNtlmServer under Negotiate', () => {
  async function serve(run: (send: (authorization: string) => Promise<{ status: number; offer: string }>) => Promise<void>) {
    const verdicts: unknown[] = [];
    const server = createNtlmServer({
      credentials: ALICE,
      schemes: ['Negotiate', 'NTLM'],
      onVerdict: (verdict) => void verdicts.push(verdict),
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { Agent, get } = await import('node:http');
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    try {
      await run(
        (authorization) =>
          new Promise((resolve, reject) => {
            get({ port, host: '127.0.0.1', agent, headers: { authorization } }, (response) => {
              const offer = response.headers['www-authenticate'] ?? '';
              response.resume().on('end', () => resolve({ status: response.statusCode ?? 0, offer }));
            }).on('error', reject);
          }),
      );
    } finally {
      agent.destroy();
      server.closeAllConnections();
      server.close();
    }
    return verdicts;
  }
  const header = (token: Uint8Array) => `Negotiate ${Buffer.from(token).toString('base64')}`;
  const tokenOf = ({ offer }: { offer: string }) => new Uint8Array(Buffer.from(offer.split(/[ ,]+/)[1]!, 'base64'));

  test.each([
    ['SPNEGO', true],
    ['bare messages', false],
  ])('takes %s', async (_what, spnego) => {
    const verdicts = await serve(async (send) => {
      const client = new NtlmClient({ credentials: ALICE, spnego });
      const challenged = await send(header(client.negotiate()));
      expect(challenged.status).toBe(401);
      const accepted = await send(header(client.respond(tokenOf(challenged))));
      expect(accepted.status).toBe(200);
      if (spnego) expect(client.finish(tokenOf(accepted))).toBeUndefined();
      else expect(accepted.offer).toBe('');
    });
    expect(verdicts).toMatchObject([{ ok: true, identity: { username: 'alice' } }]);
  });

  test('says reject to wrong credentials, and tells the verdict', async () => {
    const verdicts = await serve(async (send) => {
      const client = new NtlmClient({ credentials: WRONG, spnego: true });
      const refused = await send(header(client.respond(tokenOf(await send(header(client.negotiate()))))));
      expect(refused).toMatchObject({ status: 401, offer: expect.stringMatching(/^Negotiate \S+, NTLM$/) });
      expect(decodeSpnegoToken(tokenOf(refused))).toMatchObject({ negState: 'reject' });
    });
    expect(verdicts).toMatchObject([{ ok: false, reason: 'wrong-credentials' }]);
  });

  test('refuses a signature over another list of mechanisms', async () => {
    const verdicts = await serve(async (send) => {
      const client = new NtlmClient({ credentials: ALICE, spnego: true });
      const response = client.respond(tokenOf(await send(header(client.negotiate()))));
      const decoded = decodeSpnegoToken(response);
      if (decoded.type !== 'resp') throw new Error('not a NegTokenResp');
      const altered = encodeNegTokenResp({ ...decoded, mechListMIC: new Uint8Array(16) });
      expect((await send(header(altered))).status).toBe(401);
    });
    expect(verdicts).toMatchObject([{ ok: false, reason: 'mech-list-mic-mismatch' }]);
  });

  test.each([
    ['an offer without NTLM', header(encodeNegTokenInit({ mechTypes: [MechType.KERBEROS], mechToken: new Uint8Array(8) })), 401, ['mechanism-refused']],
    ['an end before its beginning', header(encodeNegTokenResp({ negState: 'accept-incomplete' })), 401, ['challenge-missing']],
    ['no SPNEGO', header(Uint8Array.of(9, 9, 9)), 400, ['malformed']],
    ['a cut token', header(Uint8Array.of(0x60, 0x40, 6)), 400, ['malformed']],
    ['no base64', 'Negotiate !!!', 400, ['malformed']],
    ['a bare scheme', 'Negotiate', 401, []],
  ])('answers %s', async (_what, authorization, status, reasons) => {
    const verdicts = await serve(async (send) => expect((await send(authorization)).status).toBe(status));
    expect(verdicts).toMatchObject(reasons.map((reason) => ({ ok: false, reason })));
  });
});
