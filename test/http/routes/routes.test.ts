/** Who may ask on a connection, by where it goes: names, bindings, and what each end is told. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { channelBindings } from '../../../src/crypto/channel-bindings-sources.ts';
import type { Negotiator } from '../../../src/http/authentication/negotiator.ts';
import { resolveHttpOptions, type HttpOptions } from '../../../src/http/doors/options.ts';
import { Routes, type Target } from '../../../src/http/routes/routes.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer, reply } from '../support/hostile.ts';
import { ALICE, Origin } from '../support/origin.ts';

let tls: Awaited<ReturnType<typeof makeCertificate>>;
let origin: Origin;
let secured: TLSSocket;
let own: Uint8Array;
const plain = new Socket();

beforeAll(async () => {
  tls = await makeCertificate();
  origin = await Origin.listen({ tls });
  secured = connectTls({ port: origin.port, host: '127.0.0.1', ca: tls.ca });
  await once(secured, 'secureConnect');
  own = channelBindings.fromCertificate(new Uint8Array(new X509Certificate(tls.cert).raw))!.hash;
});
afterAll(async () => {
  secured.destroy();
  await origin[Symbol.asyncDispose]();
});

const target = (url: string, more: Partial<Target> = {}): Target => ({ origin: new URL(url), open: () => undefined, tls: {}, ...more });
const routes = (options: Partial<HttpOptions> = {}) => new Routes(resolveHttpOptions({ credentials: ALICE, ...options }));
/** Of each end that may ask: its name, whether it may have a handshake, the name it is given, whether it is bound. */
const ends = (options: Partial<HttpOptions>, url: string, socket: Socket, more: Partial<Target> = {}) =>
  routes(options)
    .to(() => target(url, more))
    .layers(socket)
    .map(({ allowed, handshake: { spn, channelBindings: bound } }) => [allowed, spn, bound?.hash]);

describe('the ends of a connection', () => {
  test('to a server: it alone, bound where it is TLS', () => {
    expect(ends({}, 'http://a:8080', plain)).toEqual([[true, 'HTTP/a', undefined]]);
    expect(ends({}, 'https://[::1]', secured)).toEqual([[true, 'HTTP/::1', own]]);
    expect(ends({ channelBindings: false }, 'https://a', secured)).toEqual([[true, 'HTTP/a', undefined]]);
  });

  test('to a server that may have no handshake: no certificate is looked at', () => {
    expect(ends({ allow: 'https://b' }, 'https://a', plain)).toEqual([[false, 'HTTP/a', undefined]]);
    expect(ends({ allow: 'https://a' }, 'https://a', secured)).toEqual([[true, 'HTTP/a', own]]);
  });

  test('with a service principal name of one’s own, or none', () => {
    expect(ends({ spn: 'HTTP/web' }, 'http://a', plain)).toEqual([[true, 'HTTP/web', undefined]]);
    expect(ends({ spn: false }, 'http://a', plain)).toEqual([[true, undefined, undefined]]);
    expect(ends({ spn: (name) => `HTTP/${name}` }, 'http://a:81', plain)).toEqual([[true, 'HTTP/http://a:81', undefined]]);
  });

  test('through a proxy over TLS: what the proxy shows binds its own handshake, not that of the server behind', () => {
    const proxy = { url: 'https://gate:8443', spn: 'HTTP/gate' };
    expect(ends({ proxy }, 'http://a', secured)).toEqual([[true, 'HTTP/gate', own], [true, 'HTTP/a', undefined]]);
    expect(ends({ proxy: 'http://gate' }, 'http://a', plain)).toEqual([[true, 'HTTP/gate', undefined], [true, 'HTTP/a', undefined]]);
    expect(ends({ proxy }, 'https://a', secured)).toEqual([[true, 'HTTP/a', own]]); // within the tunnel
  });

  test('on a Unix socket there is no proxy, and its path is its name', () => {
    const options = { proxy: 'http://gate', allow: 'unix:/run/app.sock' };
    expect(ends(options, 'http://localhost', plain, { socketPath: '/run/app.sock' })).toEqual([[true, 'HTTP/localhost', undefined]]);
  });
});

test.each([
  ['http://a', undefined, false, undefined],
  ['https://a', undefined, true, undefined],
  ['http://a:81/x', 'http://gate', false, 'http://a:81'],
  ['http://a', 'https://gate', true, 'http://a'],
  ['https://a', 'http://gate', true, undefined],
])('%s by way of %s: secure %s, first lines with %s', (url, proxy, secure, absolute) => {
  const route = routes(proxy === undefined ? {} : { proxy }).to(() => target(url));
  expect([route.secure, route.absolute]).toEqual([secure, absolute]);
});

test('a target that cannot be named is a route that does not open, and has nobody to ask', () => {
  const boom = new Error('boom');
  const route = routes().to(() => {
    throw boom;
  });
  const told: unknown[] = [];
  route.open((error) => told.push(error), () => {});
  expect([told, route.secure, route.layers(plain)]).toEqual([[boom], false, []]);
});

describe('what goes before NTLM', () => {
  const machine = createMachine({});
  const negotiator = (spn?: string): Negotiator => {
    const made: Negotiator = { mechanism: 'Kerberos', ntlm: true, proves: true, spn, machine, input: (request) => request, forProxy: () => made };
    return made;
  };
  const input = (options: Partial<HttpOptions>, socket: Socket = plain) => routes(options).to(() => target('http://a')).layers(socket)[0]!.negotiator;

  test.each([
    [{}, 'HTTP/a'],
    [{ spn: 'HTTP/web' }, 'HTTP/web'],
    [{ spn: false }, 'HTTP/a'],
  ] as const)('is told the name of the end, with %j', (options, spn) => {
    const negotiate = negotiator();
    expect(input({ ...options, negotiate, legTimeout: 123 })).toEqual({ of: negotiate, input: { spn, channelBindings: undefined, legTimeout: 123 } });
  });

  test('may know a name of its own, and is told what binds the connection', () => {
    expect(input({ negotiate: negotiator('HTTP/own') })?.input).toMatchObject({ spn: 'HTTP/own' });
    expect(input({ negotiate: negotiator() }, secured)?.input).toMatchObject({ channelBindings: { hash: own } });
    expect(input({})).toBeUndefined();
  });

  test('is not asked for each origin, as a function of credentials is', () => {
    const credentials = () => ALICE;
    const allowed = (options: Partial<HttpOptions>) => {
      const known = routes({ credentials, ...options });
      return ['http://a', 'http://b'].map((url) => known.to(() => target(url)).layers(plain)[0]!.allowed);
    };
    expect(allowed({})).toEqual([true, true]);
    expect(allowed({ negotiate: negotiator() })).toEqual([true, false]);
  });
});

test('refusals are forgotten where that is asked for', async () => {
  const known = routes({ refusals: { limit: 1 } });
  const ask = () =>
    known.to(() => target('http://a')).layers(plain)[0]!.realm.ask({ scheme: 'NTLM', refused: undefined, reason: undefined }, { signal: new AbortController().signal, maxAttempts: 1 });
  (await ask())!.proof.refused('GET /');
  await expect(ask()).rejects.toMatchObject({ code: 'not-tried-again' });
  known.forgetRefusals();
  expect(await ask()).toBeDefined();
});

describe('to the proxy itself', () => {
  test('TLS takes the certificates that are the proxy’s', async () => {
    await using peer = await HostilePeer.listen(({ socket }) => socket.end(reply({ status: 403 })), { tls });
    const end = (ca: string | undefined) =>
      new Promise<unknown>((resolve) => {
        routes({ proxy: { url: peer.url, ca } }).to(() => target('https://server.invalid')).open((error) => resolve(error), () => {});
      });
    expect(await end(tls.ca)).toMatchObject({ code: 'proxy-refused' });
    expect(await end(undefined)).toMatchObject({ code: 'SELF_SIGNED_CERT_IN_CHAIN' });
  });

  test('there is one connection to it, and one end', () => {
    const route = routes({ proxy: 'https://gate:8443' }).toProxy(new URL('http://a'));
    expect([route.secure, route.absolute]).toEqual([true, undefined]);
    expect(route.layers(secured).map(({ handshake }) => [handshake.spn, handshake.channelBindings?.hash])).toEqual([['HTTP/gate', own]]);
    expect(routes({ proxy: 'http://gate' }).toProxy(new URL('http://a')).secure).toBe(false);
  });

  test('where there is none is an error', () => {
    expect(() => routes().toProxy(new URL('http://a'))).toThrow(expect.objectContaining({ code: 'invalid-argument', message: '"proxy" is missing' }));
  });
});

test('limits are told as they were given', () => {
  const given = routes({ legTimeout: 123, answerTimeout: 456, maxRepeatableBody: 7 });
  expect(given.legTimeout).toBe(123);
  expect(given.to(() => target('http://a'))).toMatchObject({ legTimeout: 123, answerTimeout: 456, maxRepeatableBody: 7, teller: given.teller });
});
