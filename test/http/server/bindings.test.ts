/** Channel bindings of each connection: whose certificate, and whether they are demanded. */
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { connect, createSecureContext, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';
import { channelBindings } from '../../../src/crypto/channel-bindings-sources.ts';
import { requireNtlm, type NtlmServerOptions, type NtlmServerVerdict } from '../../../src/http/index.ts';
import { makeCertificate, makeUnhashedCertificate } from '../support/certificate.ts';
import { alice, closeLater, listen, options, whoAmI } from './support.ts';
import { GET, handshake, openWire, wireOver } from './wire.ts';

type Pem = Awaited<ReturnType<typeof makeCertificate>>;
let one: Pem;
let two: Pem;
beforeAll(async () => {
  [one, two] = await Promise.all([makeCertificate(), makeCertificate()]);
});

const der = ({ cert }: Pem) => new Uint8Array(new X509Certificate(cert).raw);
const bindingOf = (pem: Pem) => channelBindings.fromCertificate(der(pem))!;

async function serve(given: Partial<NtlmServerOptions>, tls: ServerOptions = { cert: one.cert, key: one.key }) {
  const verdicts: NtlmServerVerdict[] = [];
  const gate = requireNtlm({ ...options, onVerdict: (verdict) => void verdicts.push(verdict), ...given }, whoAmI);
  return { port: await listen(createTlsServer(tls, gate)), verdicts };
}

/** Status and verdict for a client that names `stated`. */
async function come(
  { port, verdicts }: Awaited<ReturnType<typeof serve>>,
  stated: Pem | undefined,
  open = () => openWire(port, one.ca),
) {
  const binding = stated && bindingOf(stated);
  const answer = await handshake(await open(), GET, { credentials: alice(), ...(binding && { channelBindings: binding }) });
  const verdict = verdicts.at(-1);
  if (verdict === undefined) return [answer.status];
  return [answer.status, 'ok' in verdict ? (verdict.ok ? verdict.channelBindings : verdict.reason) : verdict.code];
}

const sources: [string, () => NtlmServerOptions['channelBindings'] & object][] = [
  ['the socket’s own certificate', () => ({ demand: 'required' })],
  ['PEM', () => ({ demand: 'required', certificate: one.cert })],
  ['PEM of a chain', () => ({ demand: 'required', certificate: `${one.cert}\n${one.ca}` })],
  ['DER', () => ({ demand: 'required', certificate: der(one) })],
  ['a function of the socket', () => ({ demand: 'required', certificate: () => one.cert })],
  ['a function that takes its time', () => ({ demand: 'required', certificate: () => Promise.resolve(der(one)) })],
];

describe.each(sources)('from %s', (_, source) => {
  it('required: the right channel is taken, another one and none are refused', async () => {
    const server = await serve({ channelBindings: source() });
    expect(await come(server, one)).toEqual([200, true]);
    expect(await come(server, two)).toEqual([401, 'channel-bindings-mismatch']);
    expect(await come(server, undefined)).toEqual([401, 'channel-bindings-missing']);
  });

  it('allowed: another one is refused alone', async () => {
    const server = await serve({ channelBindings: { ...source(), demand: 'allowed' } as NtlmServerOptions['channelBindings'] });
    expect(await come(server, one)).toEqual([200, true]);
    expect(await come(server, two)).toEqual([401, 'channel-bindings-mismatch']);
    expect(await come(server, undefined)).toEqual([200, false]);
  });
});

describe('the word alone', () => {
  it.each([
    ['required', [401, 'channel-bindings-missing']],
    ['allowed', [200, false]],
  ] as const)('%s is of the socket’s own certificate', async (demand, without) => {
    const server = await serve({ channelBindings: demand });
    expect(await come(server, one)).toEqual([200, true]);
    expect(await come(server, undefined)).toEqual(without);
  });
});

describe('a hash', () => {
  it.each([
    [true, [401, 'channel-bindings-missing']],
    [false, [200, false]],
    [undefined, [200, false]],
  ] as const)('with requireChannelBindings %s is demanded of whoever names a channel', async (requireChannelBindings, without) => {
    const server = await serve({ channelBindings: bindingOf(one), requireChannelBindings });
    expect(await come(server, one)).toEqual([200, true]);
    expect(await come(server, two)).toEqual([401, 'channel-bindings-mismatch']);
    expect(await come(server, undefined)).toEqual(without);
  });
});

describe('a server of several names', () => {
  it('binds each connection to the certificate that it was opened with', async () => {
    const server = await serve(
      { channelBindings: 'required' },
      {
        cert: one.cert,
        key: one.key,
        SNICallback: (name, done) => done(null, name === 'two.example' ? createSecureContext({ cert: two.cert, key: two.key }) : undefined),
      },
    );
    const openAt = (servername: string) => async () => {
      const socket = connect({ port: server.port, host: '127.0.0.1', servername, rejectUnauthorized: false });
      closeLater(() => socket.destroy());
      await once(socket, 'secureConnect');
      return wireOver(socket);
    };
    expect(await come(server, two, openAt('two.example'))).toEqual([200, true]);
    expect(await come(server, one, openAt('two.example'))).toEqual([401, 'channel-bindings-mismatch']);
    expect(await come(server, one, openAt('one.example'))).toEqual([200, true]);
  });

  it('binds a connection to its certificate after another one has taken its place', async () => {
    const gate = requireNtlm({ ...options, channelBindings: 'required' }, whoAmI);
    const tls = createTlsServer({ cert: one.cert, key: one.key }, gate);
    const port = await listen(tls);
    const before = await openWire(port, one.ca);
    tls.setSecureContext({ cert: two.cert, key: two.key });
    const after = await openWire(port, two.ca);
    const named = (pem: Pem) => ({ credentials: alice(), channelBindings: bindingOf(pem) });
    expect((await handshake(before, GET, named(one))).status).toBe(200);
    expect((await handshake(after, GET, named(two))).status).toBe(200);
    expect((await handshake(after, GET, named(one))).status).toBe(401);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('binds a resumed session, too: %s', async (version) => {
    const server = await serve({ channelBindings: 'required' }, { cert: one.cert, key: one.key, minVersion: version, maxVersion: version });
    let session: Buffer | undefined;
    for (const reused of [false, true]) {
      const socket: TLSSocket = connect({ port: server.port, host: '127.0.0.1', ca: one.ca, session });
      closeLater(() => socket.destroy());
      const ticket = once(socket, 'session') as Promise<[Buffer]>;
      await once(socket, 'secureConnect');
      expect(socket.isSessionReused()).toBe(reused);
      expect(await come(server, one, () => Promise.resolve(wireOver(socket)))).toEqual([200, true]);
      session ??= (await ticket)[0];
    }
  });

  it('asks its function once for each connection', async () => {
    let asked = 0;
    const server = await serve({ channelBindings: { demand: 'required', certificate: () => ((asked += 1), one.cert) } });
    const wire = await openWire(server.port, one.ca);
    const open = () => Promise.resolve(wire);
    expect(await come(server, two, open)).toEqual([401, 'channel-bindings-mismatch']);
    expect(await come(server, one, open)).toEqual([200, true]);
    expect(asked).toBe(1);
  });
});

const NO_CERTIFICATE = '"channelBindings.certificate" must be an X.509 certificate, PEM or DER, or a function of a TLS socket that gives one';
const DEMAND = '"channelBindings.demand" must be "required" or "allowed"';

describe('what cannot be demanded', () => {
  const fails = async (given: NtlmServerOptions['channelBindings'], verifyTimeout = 60) => {
    const server = await serve({ channelBindings: given, verifyTimeout });
    const wire = await openWire(server.port, one.ca);
    const status = await handshake(wire, GET, { credentials: alice() }).then(
      (answer) => answer.status,
      (error: Error) => Number(/no challenge: (\d+)/.exec(error.message)?.[1]),
    );
    const [verdict] = server.verdicts;
    return [status, verdict !== undefined && 'code' in verdict ? `${verdict.code}: ${verdict.message}` : verdict];
  };

  it.each<[string, () => unknown, number, string]>([
    ['throws', () => { throw new Error('no such file'); }, 500, 'service-failed: a service of the server failed'],
    ['rejects', () => Promise.reject(new Error('no such file')), 500, 'service-failed: a service of the server failed'],
    ['hangs', () => new Promise(() => {}), 503, 'timed-out: no verdict within 60 ms'],
    ['gives nonsense', () => 'PEM', 500, `invalid-argument: ${NO_CERTIFICATE}`],
    ['gives something else', () => 7, 500, `invalid-argument: ${NO_CERTIFICATE}`],
    [
      'gives nothing',
      () => undefined,
      500,
      'unsupported: channel bindings are required, and the certificate of this connection is missing or has no ' +
        'tls-server-end-point binding: its signature has no hash of its own (RFC 5929 4.1)',
    ],
  ])('a certificate function that %s', async (_, certificate, status, code) => {
    expect(await fails({ demand: 'required', certificate: certificate as () => string })).toEqual([status, code]);
  });

  it('a certificate whose signature has no hash is refused where bindings are required, and else goes without', async () => {
    const unhashed = await makeUnhashedCertificate();
    const fixed = { demand: 'required', certificate: unhashed.cert } as const;
    expect(() => requireNtlm({ ...options, channelBindings: fixed })).toThrowError(
      '"channelBindings.certificate" has no tls-server-end-point binding: its signature has no hash of its own (RFC 5929 4.1)',
    );
    for (const given of [{ ...fixed, demand: 'allowed' } as const, 'allowed' as const]) {
      const server = await serve({ channelBindings: given }, unhashed);
      expect(await come(server, undefined, () => openWire(server.port, unhashed.ca))).toEqual([200, false]);
    }
  });

  it('of a connection without TLS is refused, and says so; a fixed certificate is of a TLS proxy in front', async () => {
    const verdicts: NtlmServerVerdict[] = [];
    const onVerdict = (verdict: NtlmServerVerdict) => void verdicts.push(verdict);
    const port = await listen(createServer(requireNtlm({ ...options, channelBindings: 'required', onVerdict }, whoAmI)));
    await expect(handshake(await openWire(port), GET, { credentials: alice() })).rejects.toThrowError('no challenge: 500');
    expect(verdicts).toMatchObject([
      { code: 'unsupported', phase: 'authenticate', side: 'local', message: 'channel bindings are required, and this connection has no TLS' },
    ]);
    const fixed: NtlmServerOptions = { ...options, channelBindings: { demand: 'required', certificate: one.cert } };
    const behind = await listen(createServer(requireNtlm(fixed, whoAmI)));
    const named = { credentials: alice(), channelBindings: bindingOf(one) };
    expect((await handshake(await openWire(behind), GET, named)).status).toBe(200);
  });

  it.each<[string, object]>([
    [NO_CERTIFICATE, { channelBindings: { demand: 'required', certificate: 'PEM' } }],
    [NO_CERTIFICATE, { channelBindings: { demand: 'required', certificate: 7 } }],
    [DEMAND, { channelBindings: 'sometimes' }],
    [DEMAND, { channelBindings: { certificate: 'x' } }],
    [DEMAND, { channelBindings: null }],
    ['"requireChannelBindings" goes with a hash: set "channelBindings.demand" to "required" or "allowed"', { channelBindings: 'allowed', requireChannelBindings: true }],
    ['"requireChannelBindings"', { requireChannelBindings: true }],
    ['"channelBindings"', { channelBindings: { hash: new Uint8Array(4) } }],
  ])('an option that cannot be used is named: %s', (sentence, given) => {
    expect(() => requireNtlm({ ...options, ...given } as NtlmServerOptions)).toThrowError(sentence);
  });
});
