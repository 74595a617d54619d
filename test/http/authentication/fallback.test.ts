/** A Negotiate that takes no NTLM, where the scheme NTLM is offered as well: the handshake goes on with that. */
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { explainRefusal, type CredentialsProvider } from '../../../src/http/index.ts';
import { Credentials } from '../../../src/index.ts';
import { MechType, encodeNegTokenResp } from '../../../src/spnego/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { Negotiator, type NegotiatorOptions, type Verdict } from '../support/negotiator.ts';
import { ALICE, WRONG } from '../support/origin.ts';

const BOTH = ['Negotiate', 'NTLM'];
const REJECT = encodeNegTokenResp({ negState: 'reject' });
const KERBEROS = encodeNegTokenResp({ negState: 'request-mic', supportedMech: MechType.KERBEROS });

/** A server whose Negotiate takes Kerberos alone and says so thus, while its NTLM works. */
const kerberosOnly =
  (no: Omit<Verdict, 'status'>): NonNullable<NegotiatorOptions['amend']> =>
  (usual, _step, scheme) =>
    scheme === 'Negotiate' ? { status: 0, ...no } : usual;

/** The requests of one call, from the first 401 to the answer. */
const FELL_BACK = ['none', 'Negotiate init', 'NTLM raw-ntlmssp', 'NTLM raw-ntlmssp'];

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each<[string, Omit<Verdict, 'status'>]>([
    ['says reject beside NTLM', { token: REJECT, offers: ['NTLM'] }],
    ['says reject, NTLM being offered before', { token: REJECT }],
    ['says reject and closes', { token: REJECT, close: true }],
    ['chooses another mechanism', { token: KERBEROS, offers: ['NTLM'] }],
    ['says nothing beside NTLM', { token: undefined }],
    ['says nothing beside NTLM, and closes', { token: undefined, close: true }],
    ['says nothing, NTLM being offered before', { token: undefined, offers: ['Negotiate'] }],
    ['is not offered again', { token: undefined, offers: ['Basic realm="x"', 'NTLM'] }],
  ])('one that %s: NTLM follows, and is what later connections begin with', async (_what, no) => {
    const asked: unknown[] = [];
    const credentials: CredentialsProvider = ({ attempt }) => {
      asked.push(attempt);
      return ALICE;
    };
    await using server = await Negotiator.listen({ offers: BOTH, amend: kerberosOnly(no) });
    await using client = carrier.open({ credentials, prefer: 'Negotiate', maxAttempts: 1, connections: 1 });
    expect(await client.request(server.url, { method: 'POST', body: 'order' })).toMatchObject({ status: 200, text: 'alice' });
    expect(server.seen).toEqual(FELL_BACK);
    expect(server.handled).toEqual(['alice: order']);
    expect(server.connections).toBe(2); // Squid takes no second handshake where one was refused

    for (const socket of server.sockets) socket.destroy();
    await expect.poll(() => server.sockets.size).toBe(0);
    server.seen.length = 0;
    expect((await client.request(server.url)).text).toBe('alice');
    expect(server.seen).toEqual(['NTLM raw-ntlmssp', 'NTLM raw-ntlmssp']);

    server.forget();
    server.seen.length = 0;
    expect((await client.request(server.url)).text).toBe('alice');
    expect(server.seen).toEqual(['none', 'NTLM raw-ntlmssp', 'NTLM raw-ntlmssp']);
    expect(asked).toEqual([1]);
  });

  test.each<[string, Omit<Verdict, 'status'>]>([
    ['reject', { token: REJECT, offers: ['NTLM'] }],
    ['nothing', { token: undefined, offers: BOTH }],
  ])('NTLM is offered with the refusal only, which says %s', async (_what, no) => {
    await using server = await Negotiator.listen({ offers: ['Negotiate'], amend: kerberosOnly(no) });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(server.url)).text).toBe('alice');
    expect(server.seen).toEqual(FELL_BACK);
  });

  test('a body that cannot be sent twice arrives', async () => {
    await using server = await Negotiator.listen({ offers: BOTH, amend: kerberosOnly({ token: REJECT }) });
    await using client = carrier.open({ credentials: ALICE, prefer: 'Negotiate' });
    expect((await client.request(server.url, { method: 'POST', body: Readable.from([Buffer.from('order')]) })).text).toBe('alice');
    expect(server.handled).toEqual(['alice: order']);
  });

  test('connections that begin at once all get there', async () => {
    await using server = await Negotiator.listen({ offers: BOTH, amend: kerberosOnly({ token: undefined }) });
    await using client = carrier.open({ credentials: ALICE, prefer: 'Negotiate', connections: 4 });
    const replies = await Promise.all(Array.from({ length: 8 }, () => client.request(server.url)));
    expect(replies.map(({ text }) => text)).toEqual(Array<string>(8).fill('alice'));
    expect(server.seen.filter((kind) => kind === 'Negotiate init').length).toBeLessThanOrEqual(4);
  });

  test('one that says nothing, and no NTLM: handed back', async () => {
    await using server = await Negotiator.listen({ amend: kerberosOnly({ token: undefined }) });
    await using client = carrier.open({ credentials: ALICE, prefer: 'Negotiate' });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'malformed-token']);
    expect(server.seen).toEqual(['none', 'Negotiate init']);
  });

  test('one whose challenge cannot be read has not refused NTLM', async () => {
    await using server = await Negotiator.listen({ offers: BOTH, amend: kerberosOnly({ token: Uint8Array.of(1, 2, 3), offers: ['NTLM'] }) });
    await using client = carrier.open({ credentials: ALICE, prefer: 'Negotiate' });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'malformed-token']);
    expect(server.seen).toEqual(['none', 'Negotiate init']);
  });

  test('neither takes NTLM: each is tried once', async () => {
    await using server = await Negotiator.listen({ offers: BOTH, amend: () => ({ status: 0, token: undefined }) });
    await using client = carrier.open({ credentials: ALICE, prefer: 'Negotiate' });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'malformed-token']);
    expect(server.seen).toEqual(['none', 'Negotiate init', 'NTLM raw-ntlmssp']);
  });

  test('from NTLM nothing leads to Negotiate', async () => {
    await using server = await Negotiator.listen({
      offers: BOTH,
      amend: (usual, _step, scheme) => (scheme === 'NTLM' ? { status: 0, token: undefined } : usual),
    });
    await using client = carrier.open({ credentials: ALICE });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'malformed-token']);
    expect(server.seen).toEqual(['none', 'NTLM raw-ntlmssp']);
  });

  test('a refusal of credentials under Negotiate is no reason to try NTLM', async () => {
    await using server = await Negotiator.listen({ offers: BOTH });
    await using client = carrier.open({ credentials: WRONG, prefer: 'Negotiate' });
    const reply = await client.request(server.url);
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'credentials-refused']);
    expect(server.seen).toEqual(['none', 'Negotiate init', 'Negotiate resp']);
  });

  test.each([
    ['both', BOTH],
    ['Negotiate alone', ['Negotiate']],
  ])('wrong credentials: as many attempts as ever, %s being offered with each refusal', async (_what, offers) => {
    const no = kerberosOnly({ token: REJECT });
    await using server = await Negotiator.listen({
      offers: BOTH,
      amend: (usual, step, scheme) => no(step === 'refused' ? { ...usual, token: undefined, offers } : usual, step, scheme),
    });
    const asked: unknown[] = [];
    const credentials: CredentialsProvider = ({ attempt, scheme, reason }) => {
      asked.push([attempt, scheme, reason?.code]);
      return attempt === 1 ? WRONG : Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: `not it ${attempt}` });
    };
    await using client = carrier.open({ credentials, prefer: 'Negotiate', maxAttempts: 3 });
    const reply = await client.request(server.url, { method: 'POST', body: 'order' });
    expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'credentials-refused']);
    expect(asked).toEqual([
      [1, 'Negotiate', undefined],
      [2, 'NTLM', 'credentials-refused'],
      [3, 'NTLM', 'credentials-refused'],
    ]);
    expect(server.seen).toEqual([...FELL_BACK, ...Array<string>(4).fill('NTLM raw-ntlmssp')]);
    expect(server.handled).toEqual([]);
  });

  test.each([
    ['says reject', { token: REJECT }],
    ['says nothing', { token: undefined }],
  ])('the same of a proxy that %s', async (_what, no) => {
    await using proxy = await Negotiator.listen({ proxy: true, offers: BOTH, amend: kerberosOnly(no) });
    await using client = carrier.open({ credentials: ALICE, proxy: proxy.url, prefer: 'Negotiate' });
    expect((await client.request('http://intranet.test/', { method: 'POST', body: 'order' })).text).toBe('alice');
    expect(proxy.seen).toEqual([...FELL_BACK, 'none']); // the type 3 goes without the body: the server behind may ask, too
    expect(proxy.handled).toEqual(['alice: ', 'alice: order']);
  });
});
