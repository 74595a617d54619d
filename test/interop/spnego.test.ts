/** SPNEGO, mechListMIC and channel bindings between our ends and gss-ntlmssp's, Samba's and Apache's. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { text as readText } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { Credentials, NtlmClient, ntlmMachine, type NtlmClientOptions } from '../../src/index.ts';
import { requestedFlags } from '../../src/machine/flags.ts';
import type { EncodeNegotiateInput } from '../../src/machine/services.ts';
import { fromSynchronous } from '../../src/machine/synchronous.ts';
import { encodeNegotiate, NegotiateFlags as F } from '../../src/messages/index.ts';
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeNegTokenInit,
  MechType,
  SpnegoAcceptor,
  type NegTokenResp,
  type SpnegoAcceptorStep,
} from '../../src/spnego/index.ts';
import { startApache, type Apache, type Whoami } from './support/apache.ts';
import { makeSelfSignedCertificate, type CertificateKind } from './support/certificates.ts';
import { GssError, GssOracle, type GssAcceptorOptions, type GssInitiatorOptions } from './support/gss.ts';
import { GssSpnegoClient, GssSpnegoServer, type NtlmAuthFeature } from './support/ntlm-auth.ts';
import { alice, juergen, nihon, testUsers, type TestUser } from './support/users.ts';

const credentialsOf = (user: TestUser, changes: Partial<TestUser> = {}): Credentials =>
  Credentials.fromPassword({ ...user, ...changes });
const clientOf = (options: Partial<NtlmClientOptions> = {}, ...rest: [{ machine?: typeof ntlmMachine }?]): NtlmClient =>
  new NtlmClient({ credentials: credentialsOf(alice), spnego: true, ...options }, ...rest);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** A client whose type 1 does not ask for signing. */
const withoutSigning = ntlmMachine.provide({
  actors: {
    encodeNegotiate: fromSynchronous(({ options }: EncodeNegotiateInput): Uint8Array<ArrayBuffer> =>
      encodeNegotiate({
        negotiateFlags: (requestedFlags(options) & ~(F.NEGOTIATE_SIGN | F.NEGOTIATE_KEY_EXCH)) >>> 0,
        version: options.version,
      }),
    ),
  },
});

let oracle: GssOracle;
beforeAll(async () => {
  oracle = await GssOracle.start();
});
afterAll(() => oracle.close());

describe('our initiator before gss-ntlmssp in SPNEGO', () => {
  async function ask(client: NtlmClient, options: GssAcceptorOptions = {}) {
    const acceptor = await oracle.acceptor({ mech: 'SPNEGO', ...options });
    const first = await acceptor.step(client.negotiate());
    const response = client.respond(first.token!);
    const last = await acceptor.step(response);
    return { acceptor, complete: last.complete, final: last.token!, response: decodeNegTokenResp(response) };
  }

  it.each(testUsers)('authenticates $username, mechListMIC both ways', async (user) => {
    const client = clientOf({ credentials: credentialsOf(user) });
    const { acceptor, complete, final, response } = await ask(client);
    expect(complete).toBe(true);
    expect(response.mechListMIC).toHaveLength(16);
    expect(decodeNegTokenResp(final)).toMatchObject({
      negState: 'accept-completed',
      mechListMIC: expect.any(Uint8Array),
    });
    expect(client.finish(final)).toBeUndefined();
    expect(client.state).toBe('authenticated');
    expect((await acceptor.inquire()).initiator).toBe(`${user.domain}\\${user.username}`);
    expect(hex(client.sessionKey!.bytes())).toBe(hex(await acceptor.sessionKey()));
  });

  it.each(['offer', 'sign', 'seal'] as const)(
    'speaks on in the session that mechListMIC began, sessionSecurity %s',
    async (sessionSecurity) => {
      const client = clientOf({ sessionSecurity });
      const { acceptor, final } = await ask(client);
      client.finish(final);
      for (let size = 1; size < 2000; size = size * 3 + 7) {
        const message = new Uint8Array(size).fill(size);
        await acceptor.verifyMic(message, client.session!.sign(message));
        client.session!.verify(message, await acceptor.getMic(message));
        expect((await acceptor.unwrap(client.session!.wrap(message))).message).toEqual(message);
        expect(client.session!.unwrap((await acceptor.wrap(message)).message)).toEqual(message);
      }
    },
  );

  it('asks for no session where none is wanted, and gss-ntlmssp then wants no mechListMIC', async () => {
    const client = clientOf({ sessionSecurity: 'none' });
    const { acceptor, final } = await ask(client);
    expect(decodeNegTokenResp(final).mechListMIC).toBeUndefined();
    expect(client.finish(final)).toBeUndefined();
    expect([client.state, client.session]).toEqual(['authenticated', undefined]);
    expect((await acceptor.inquire()).flags).not.toContain('integrity');
  });

  it('takes an altered final mechListMIC for what it is', async () => {
    const client = clientOf();
    const { final } = await ask(client);
    final[final.length - 8]! ^= 1;
    expect(() => client.finish(final)).toThrow(expect.objectContaining({ code: 'mech-list-mic-mismatch' }));
    expect(client.state).toBe('failed');
  });

  it('is refused where its list was altered on the way', async () => {
    const client = clientOf();
    const acceptor = await oracle.acceptor({ mech: 'SPNEGO' });
    const { mechToken } = decodeNegTokenInit(client.negotiate());
    const forged = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP, MechType.KERBEROS], mechToken: mechToken! });
    const { token } = await acceptor.step(forged);
    await expect(acceptor.step(client.respond(token!))).rejects.toBeInstanceOf(GssError);
  });

  it('is told reject for a wrong password', async () => {
    const client = clientOf({ credentials: credentialsOf(alice, { password: 'wrong' }) });
    const refusal: unknown = await ask(client).catch((error: unknown) => error);
    if (!(refusal instanceof GssError)) throw refusal;
    expect(() => client.finish(refusal.token!)).toThrow(expect.objectContaining({ code: 'credentials-refused' }));
  });

  it('without signing gets no mechListMIC, though its type 3 has a MIC', async () => {
    const client = clientOf({}, { machine: withoutSigning });
    const { complete, final, response } = await ask(client);
    expect(complete).toBe(true);
    expect([response.mechListMIC, decodeNegTokenResp(final).mechListMIC]).toEqual([undefined, undefined]);
    expect(client.finish(final)).toBeUndefined();
    expect(client.state).toBe('authenticated');
  });

  describe.each(['SPNEGO', 'NTLM'] as const)('with channel bindings, by %s', (mech) => {
    const here = bytes('tls-server-end-point:here');
    async function bound(data: Uint8Array | undefined) {
      const acceptor = await oracle.acceptor({ mech, channelBindings: here });
      const client = clientOf({
        spnego: mech === 'SPNEGO',
        channelBindings: data && channelBindings.fromApplicationData(data),
      });
      const { token } = await acceptor.step(client.negotiate());
      const { complete } = await acceptor.step(client.respond(token!));
      return { complete, flags: (await acceptor.inquire()).flags };
    }

    it('is accepted and reported bound where they are right', async () => {
      const { complete, flags } = await bound(here);
      expect(complete).toBe(true);
      expect(flags).toContain('channel_bound');
    });

    it('is refused where they are wrong', async () => {
      await expect(bound(bytes('tls-server-end-point:there'))).rejects.toBeInstanceOf(GssError);
    });

    it('is accepted and not reported bound where they are absent', async () => {
      const { complete, flags } = await bound(undefined);
      expect(complete).toBe(true);
      expect(flags).not.toContain('channel_bound');
    });
  });
});

describe('our acceptor before gss-ntlmssp in SPNEGO', () => {
  async function ask(acceptor: SpnegoAcceptor, options: GssInitiatorOptions = {}) {
    const initiator = await oracle.initiator({ mech: 'SPNEGO', ...options });
    const first = await acceptor.accept((await initiator.step()).token!);
    const answer = await initiator.step(first.token!);
    const response = decodeNegTokenResp(answer.token!);
    const last = await acceptor.accept(answer.token!);
    return { initiator, response, last };
  }
  const acceptorOf = (options = {}): SpnegoAcceptor =>
    new SpnegoAcceptor({ credentials: credentialsOf(alice), ...options });

  it.each([alice, juergen, nihon])('authenticates $username, mechListMIC both ways, and speaks on', async (user) => {
    const acceptor = acceptorOf({ credentials: credentialsOf(user) });
    const { initiator, response, last } = await ask(acceptor, user);
    expect(response.mechListMIC).toHaveLength(16);
    expect(last).toMatchObject({
      state: 'accepted',
      result: { mic: true, identity: { username: user.username, domain: user.domain } },
    });
    expect((await initiator.step(last.token)).complete).toBe(true);
    const message = bytes('after mechListMIC');
    expect(acceptor.session!.unwrap((await initiator.wrap(message)).message)).toEqual(message);
    expect((await initiator.unwrap(acceptor.session!.wrap(message))).message).toEqual(message);
    await initiator.verifyMic(message, acceptor.session!.sign(message));
    acceptor.session!.verify(message, await initiator.getMic(message));
  });

  it('refuses a wrong password, and the initiator understands the reject', async () => {
    const { initiator, last } = await ask(acceptorOf(), { password: 'wrong' });
    expect(last).toMatchObject({ state: 'refused', reason: 'wrong-credentials' });
    await expect(initiator.step(last.token)).rejects.toBeInstanceOf(GssError);
  });

  it.each<[string, string | undefined, object]>([
    ['right', 'tls-server-end-point:here', { state: 'accepted', result: { channelBindings: true } }],
    ['wrong', 'tls-server-end-point:there', { state: 'refused', reason: 'channel-bindings-mismatch' }],
    ['absent', undefined, { state: 'accepted', result: { channelBindings: false } }],
  ])('looks at channel bindings: %s', async (_, data, outcome) => {
    const here = channelBindings.fromApplicationData(bytes('tls-server-end-point:here'));
    const options = data === undefined ? {} : { channelBindings: bytes(data) };
    expect((await ask(acceptorOf({ channelBindings: here }), options)).last).toMatchObject(outcome);
  });

  it('sends a mechListMIC that the initiator refuses once altered', async () => {
    const { initiator, last } = await ask(acceptorOf());
    last.token![last.token!.length - 8]! ^= 1;
    await expect(initiator.step(last.token)).rejects.toBeInstanceOf(GssError);
  });
});

describe('ntlm_auth --helper-protocol=gss-spnego', () => {
  async function ask(
    client: NtlmClient,
    features: readonly NtlmAuthFeature[] = ['NTLMSSP_FEATURE_SESSION_KEY'],
    user = alice,
  ) {
    await using server = await GssSpnegoServer.start({ ...user, features });
    const first = await server.step(client.negotiate());
    const response = client.respond(first.token!);
    const last = await server.step(response);
    return {
      last,
      response: decodeNegTokenResp(response),
      key: last.state === 'accepted' ? await server.sessionKey() : undefined,
    };
  }

  it.each(testUsers)('authenticates $username of our initiator, mechListMIC both ways', async (user) => {
    const client = clientOf({ credentials: credentialsOf(user) });
    const { last, key } = await ask(client, undefined, user);
    expect(last).toMatchObject({ state: 'accepted', identity: `${user.domain}\\${user.username}` });
    expect(decodeNegTokenResp(last.token!)).toMatchObject({
      negState: 'accept-completed',
      mechListMIC: expect.any(Uint8Array),
    });
    expect(client.finish(last.token!)).toBeUndefined();
    expect(hex(client.sessionKey!.bytes())).toBe(hex(key!));
  });

  it('authenticates a client that seals, and one that does not sign', async () => {
    const sealing = clientOf({ sessionSecurity: 'seal' });
    sealing.finish((await ask(sealing, ['NTLMSSP_FEATURE_SEAL'])).last.token!);
    expect(sealing.state).toBe('authenticated');
    const unsigned = clientOf({}, { machine: withoutSigning });
    const { last, response } = await ask(unsigned);
    expect([response.mechListMIC, decodeNegTokenResp(last.token!).mechListMIC]).toEqual([undefined, undefined]);
    expect(unsigned.finish(last.token!)).toBeUndefined();
  });

  it('refuses a wrong password', async () => {
    const { last } = await ask(clientOf({ credentials: credentialsOf(alice, { password: 'wrong' }) }));
    expect(last).toMatchObject({ state: 'refused', status: 'NT_STATUS_LOGON_FAILURE' });
  });

  it('answers raw NTLMSSP without SPNEGO, as does our acceptor', async () => {
    const raw = clientOf({ spnego: false });
    await using server = await GssSpnegoServer.start();
    const { token } = await server.step(raw.negotiate());
    expect((await server.step(raw.respond(token!))).state).toBe('accepted');
  });
});

describe('ntlm_auth --helper-protocol=gss-spnego-client', () => {
  /** Samba's initiator speaks after the server's hint, as in SMB. */
  async function ask(features: readonly NtlmAuthFeature[], changes: Partial<TestUser> = {}) {
    await using client = await GssSpnegoClient.start({ features, ...changes });
    const acceptor = new SpnegoAcceptor({ credentials: credentialsOf(alice) });
    let step: SpnegoAcceptorStep = { state: 'continue', token: acceptor.hint() };
    let answer: NegTokenResp | undefined;
    while (step.state === 'continue') {
      const { token } = await client.step(step.token);
      if (acceptor.state !== 'listening') answer = decodeNegTokenResp(token!);
      step = await acceptor.accept(token!);
    }
    const end = step.token === undefined ? undefined : await client.step(step.token).catch((error: unknown) => error);
    return { acceptor, step, answer, end, key: step.state === 'accepted' ? await client.sessionKey() : undefined };
  }

  it.each<{ features: readonly NtlmAuthFeature[]; signs: boolean }>([
    { features: [], signs: false },
    { features: ['NTLMSSP_FEATURE_SESSION_KEY'], signs: true },
    { features: ['NTLMSSP_FEATURE_SIGN'], signs: true },
    { features: ['NTLMSSP_FEATURE_SESSION_KEY', 'NTLMSSP_FEATURE_SEAL'], signs: true },
  ])('is authenticated by our acceptor with features $features', async ({ features, signs }) => {
    const { acceptor, step, answer, end, key } = await ask(features);
    expect(step).toMatchObject({ state: 'accepted', result: { identity: { username: 'alice', domain: 'TESTDOM' } } });
    expect(answer!.mechListMIC !== undefined).toBe(signs);
    expect(decodeNegTokenResp(step.token!).mechListMIC !== undefined).toBe(signs);
    expect(end).toMatchObject({ state: 'complete' });
    expect(hex(acceptor.sessionKey!.bytes())).toBe(hex(key!));
  });

  it('is refused with a wrong password', async () => {
    const { step, end } = await ask(['NTLMSSP_FEATURE_SESSION_KEY'], { password: 'wrong' });
    expect(step).toMatchObject({ state: 'refused', reason: 'wrong-credentials' });
    expect(end).toBeInstanceOf(Error);
  });
});

describe('Apache over HTTPS', () => {
  let apache: Apache;
  beforeAll(async () => {
    apache = await startApache();
  });
  afterAll(() => apache.close());

  interface Answer {
    readonly status: number;
    readonly body: string;
    /** The token of the scheme asked for. */
    readonly token: Uint8Array | undefined;
  }

  /** One connection, which `request`s go over one after the other. */
  class Connection {
    readonly #agent: Agent;
    readonly #base: string;
    socket: TLSSocket | undefined;

    constructor({ https, ca }: Apache) {
      this.#base = https;
      this.#agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
    }

    async ask(scheme: 'Negotiate' | 'NTLM', token?: Uint8Array, path = '/cgi/whoami'): Promise<Answer> {
      const headers = token && { authorization: `${scheme} ${Buffer.from(token).toString('base64')}` };
      const sent = request(`${this.#base}${path}`, { agent: this.#agent, ...(headers && { headers }) });
      const [response] = (await once(sent.end(), 'response')) as [IncomingMessage];
      const socket = response.socket as TLSSocket;
      expect(this.socket ?? socket).toBe(socket);
      this.socket = socket;
      const body = await readText(response);
      const [, base64] =
        new RegExp(`${scheme} ([\\w+/=]+)`, 'u').exec(response.headers['www-authenticate'] ?? '') ?? [];
      return {
        status: response.statusCode!,
        body,
        token: base64 === undefined ? undefined : new Uint8Array(Buffer.from(base64, 'base64')),
      };
    }

    [Symbol.dispose](): void {
      this.#agent.destroy();
    }
  }

  it.each(testUsers)('lets $username in by Negotiate, and its final token is right', async (user) => {
    using connection = new Connection(apache);
    expect((await connection.ask('Negotiate')).status).toBe(401);
    const client = clientOf({
      credentials: credentialsOf(user),
      spn: 'HTTP/127.0.0.1',
      channelBindings: channelBindings.fromTlsSocket(connection.socket!),
    });
    const first = await connection.ask('Negotiate', client.negotiate());
    expect(first.status).toBe(401);
    const last = await connection.ask('Negotiate', client.respond(first.token!));
    expect(last.status).toBe(200);
    expect(decodeNegTokenResp(last.token!)).toMatchObject({
      negState: 'accept-completed',
      mechListMIC: expect.any(Uint8Array),
    });
    expect(client.finish(last.token!)).toBeUndefined();
    expect(client.state).toBe('authenticated');
    expect(JSON.parse(last.body) as Whoami).toMatchObject({ user: `TESTDOM\\${user.username}`, secure: true });
  });

  it('notices a final token altered on its way', async () => {
    using connection = new Connection(apache);
    const client = clientOf();
    const first = await connection.ask('Negotiate', client.negotiate());
    const { token } = await connection.ask('Negotiate', client.respond(first.token!));
    token![token!.length - 6]! ^= 4;
    expect(() => client.finish(token!)).toThrow(expect.objectContaining({ code: 'mech-list-mic-mismatch' }));
  });

  it('refuses a wrong password by Negotiate', async () => {
    using connection = new Connection(apache);
    const client = clientOf({ credentials: credentialsOf(alice, { password: 'wrong' }) });
    const first = await connection.ask('Negotiate', client.negotiate());
    const last = await connection.ask('Negotiate', client.respond(first.token!));
    expect(last.status).toBe(401);
    if (last.token === undefined) client.rejected();
    else expect(() => client.finish(last.token!)).toThrow(expect.objectContaining({ code: 'credentials-refused' }));
    expect(client.error?.code).toBe('credentials-refused');
  });

  it('lets alice in by NTLM with the bindings of the TLS connection', async () => {
    using connection = new Connection(apache);
    await connection.ask('NTLM');
    const client = clientOf({ spnego: false, channelBindings: channelBindings.fromTlsSocket(connection.socket!) });
    const first = await connection.ask('NTLM', client.negotiate());
    const last = await connection.ask('NTLM', client.respond(first.token!));
    expect(last.status).toBe(200);
    client.accepted();
    expect(JSON.parse(last.body) as Whoami).toMatchObject({ user: 'TESTDOM\\alice', secure: true });
  });
});

describe('bindings of a certificate', () => {
  it.each<CertificateKind>(['rsa-sha256', 'rsa-sha384', 'rsa-sha512', 'rsa-pss-sha384', 'ecdsa-p384-sha384'])(
    'of kind %s are what gss-ntlmssp compares with',
    async (kind) => {
      const { der } = await makeSelfSignedCertificate(kind);
      const bindings = channelBindings.fromCertificate(der)!;
      const acceptor = await oracle.acceptor({ mech: 'SPNEGO', channelBindings: bindings.applicationData });
      const client = clientOf({ channelBindings: bindings });
      const { token } = await acceptor.step(client.negotiate());
      await acceptor.step(client.respond(token!));
      expect((await acceptor.inquire()).flags).toContain('channel_bound');
    },
  );
});
