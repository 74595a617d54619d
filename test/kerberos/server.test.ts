/** The package at the server's end: what is asked of it, and what its texts mean. They are those of kerberos 7 with MIT krb5 1.20.1. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { kerberosServer, type KerberosPackageServer, type KerberosServerModule } from '../../src/kerberos/index.ts';
import { thrown } from '../support/thrown.ts';
import { kerberosToken } from '../vectors/kerberos.ts';

const TICKET = kerberosToken('AP-REQ');
const ANSWER = kerberosToken('AP-REP');
const ALICE = { username: 'alice@CASTLE.EXAMPLE', targetName: 'HTTP/keep.castle.example@CASTLE.EXAMPLE' };
const signal = new AbortController().signal;

interface Told extends Partial<KerberosPackageServer> {
  readonly initialize?: Error;
}

/** The package, answering as it is told. */
function packaged({ initialize, ...told }: Told = {}) {
  const services: string[] = [];
  const tokens: string[] = [];
  const module: KerberosServerModule = {
    initializeServer: async (service) => {
      services.push(service);
      if (initialize !== undefined) throw initialize;
      return { ...ALICE, step: async (token) => (tokens.push(token), Buffer.from(ANSWER).toString('base64')), ...told };
    },
  };
  return { services, tokens, module };
}

const take = async (module: KerberosServerModule, options = {}) => {
  const context = await kerberosServer({ ...options, module }).begin({ channelBindings: undefined }, signal);
  return context.step(TICKET, signal);
};
const fails = (text: string) => ({ step: () => Promise.reject(new Error(text)) });
const UNSPECIFIED = 'Unspecified GSS failure.  Minor code may provide more information: ';

afterEach(() => vi.unstubAllGlobals());

describe('a ticket', () => {
  test('as base64 there and back, and whose it is', async () => {
    const { module, services, tokens } = packaged();
    expect(await take(module)).toEqual({ token: Buffer.from(ANSWER), complete: true, principal: 'alice@CASTLE.EXAMPLE' });
    expect(services).toEqual(['']);
    expect(tokens).toEqual([Buffer.from(TICKET).toString('base64')]);
  });

  test('without an answer, where the client asks for none', async () => {
    expect(await take(packaged({ step: async () => null }).module)).toMatchObject({ token: undefined, complete: true });
  });

  test('nobody\'s name is nobody', async () => {
    expect(await take(packaged({ username: null }).module)).toMatchObject({ principal: undefined });
  });

  test.each(['HTTP/keep.castle.example@CASTLE.EXAMPLE', 'http/keep@CASTLE.EXAMPLE'])('for %s is taken', async (targetName) => {
    expect(await take(packaged({ targetName }).module)).toMatchObject({ complete: true });
  });

  test.each(['host/keep.castle.example@CASTLE.EXAMPLE', 'HTTPS/keep@CASTLE.EXAMPLE', 'xHTTP/keep@CASTLE.EXAMPLE', null, undefined])('for %s is not', async (targetName) => {
    await expect(take(packaged({ targetName }).module)).rejects.toMatchObject({ code: 'ticket-refused', side: 'peer', phase: 'kerberos', message: expect.stringContaining(targetName ?? 'no service') });
  });

  test('one service by name: the library looks at it, and tells no target', async () => {
    const { module, services } = packaged({ targetName: null });
    expect(await take(module, { service: 'HTTP@keep.castle.example' })).toMatchObject({ complete: true });
    expect(services).toEqual(['HTTP@keep.castle.example']);
  });
});

describe('what the package says', () => {
  test.each([
    `${UNSPECIFIED}Request ticket server HTTP/keep.castle.example@CASTLE.EXAMPLE not found in keytab (ticket kvno 2)`,
    `${UNSPECIFIED}Request ticket server HTTP/keep.castle.example@CASTLE.EXAMPLE kvno 2 not found in keytab; keytab is likely out of date`,
    `${UNSPECIFIED}Clock skew too great`,
    `${UNSPECIFIED}Ticket expired`,
    `${UNSPECIFIED}Request is a replay`,
    'Invalid token was supplied: Unknown error',
  ])('of a ticket: %s', async (text) => {
    await expect(take(packaged(fails(text)).module)).rejects.toMatchObject({ code: 'ticket-refused', side: 'peer', message: expect.stringContaining(text) });
  });

  test('of the keytab', async () => {
    const text = 'No credentials were supplied, or the credentials were unavailable or inaccessible: Key table entry not found';
    const error = await take(packaged(fails(text)).module).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'service-failed', side: 'local', phase: 'kerberos', message: expect.stringMatching(/KRB5_KTNAME.*klist -k.*Key table entry not found/) });
  });

  test('before there is a context', async () => {
    await expect(take(packaged({ initialize: new Error('no name') }).module)).rejects.toMatchObject({ code: 'service-failed', side: 'local', message: expect.stringContaining('no name') });
  });

  test('in other words than ASCII, which steer nobody\'s terminal', async () => {
    const error = (await take(packaged(fails('caf\u00e9 \u001b[2J')).module).catch((reason: unknown) => reason)) as Error;
    expect(error.message).toContain('caf? ?[2J');
  });

  test('in no words at all', async () => {
    await expect(take(packaged({ step: () => Promise.reject(7 as never) }).module)).rejects.toMatchObject({ code: 'ticket-refused', message: expect.stringContaining('7') });
  });
});

describe('its options', () => {
  test.each([
    ['service', { service: 'HTTP/keep' }],
    ['service', { service: 'HTTP@' }],
    ['service', { service: '@keep' }],
    ['service', { service: 'x/HTTP@keep' }],
    ['service', { service: ['HTTP@keep'] as never }],
    ['service', { service: 'HTTP@keep castle' }],
    ['service', { service: 7 as never }],
    ['unbound', { unbound: 1 as never }],
  ])('%s is looked at: %o', (name, options) => {
    expect(thrown(() => kerberosServer(options))).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining(`"${name}"`) });
  });

  test('it binds nothing, and goes unbound where that is said', () => {
    expect([kerberosServer().binds, kerberosServer().unbound, kerberosServer({ unbound: true }).unbound]).toEqual([false, false, true]);
  });

  test('on Windows there is none', () => {
    vi.stubGlobal('process', { ...process, platform: 'win32' });
    expect(thrown(() => kerberosServer())).toMatchObject({ code: 'unsupported', side: 'local', message: expect.stringContaining('Windows') });
  });

  test('without the package: what to install', async () => {
    await expect((async () => kerberosServer().begin({ channelBindings: undefined }, signal))()).rejects.toMatchObject({ code: 'unsupported', side: 'local', phase: 'kerberos', message: expect.stringContaining('npm install kerberos') });
  });
});
