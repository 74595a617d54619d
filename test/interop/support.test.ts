/** The oracles of these tests against each other: what fails here is not our library's doing. */
import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateKinds, makeSelfSignedCertificate, makeServerCertificate } from './support/certificates.ts';
import { GssError, GssOracle } from './support/gss.ts';
import type { GssContext } from './support/gss.ts';
import { GssSpnegoClient, GssSpnegoServer, NtlmAuthClient, NtlmAuthServer } from './support/ntlm-auth.ts';
import type { SpnegoServerStep } from './support/ntlm-auth.ts';
import { findProgram, freePorts, LineProcess, run, Service, TemporaryDirectory } from './support/processes.ts';
import { decodeConversationsWithTshark, decodeWithTshark } from './support/tshark.ts';
import { juergen, testUsers } from './support/users.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const features = ['NTLMSSP_FEATURE_SESSION_KEY', 'NTLMSSP_FEATURE_SIGN'] as const;

describe('processes', () => {
  it('names the script that installs a missing program', () => {
    expect(() => findProgram('no-such-server')).toThrow('no-such-server is missing: run scripts/install-servers.sh');
  });

  it('reports a helper that dies, with its last words, to whoever waits for it', async () => {
    const helper = new LineProcess(findProgram('sh'), ['-c', 'read line; echo broken >&2; exit 3']);
    await expect(helper.request('hello')).rejects.toThrow('sh ended (3): broken');
    await expect(helper.request('again')).rejects.toThrow('sh ended (3): broken');
  });

  it('reports a server that does not start, with its output and its log', async () => {
    await using directory = new TemporaryDirectory('service');
    writeFileSync(directory.file('log'), 'port in use');
    const [port = 0] = await freePorts(1);
    const args = ['-c', 'echo bad configuration >&2; exit 1'];
    const started = Service.start({ program: findProgram('sh'), args, logs: [directory.file('log')], ports: [port] });
    await expect(started).rejects.toThrow(/ended while starting\nbad configuration\n\nport in use/u);
  });
});

describe('ntlm_auth', () => {
  it('accepts its own client and agrees with it on session key and flags', async () => {
    await using server = await NtlmAuthServer.start({ features });
    await using client = await NtlmAuthClient.start({ features });
    await expect(server.sessionKey()).rejects.toThrow('ntlm_auth');
    const type3 = await client.authenticate(await server.challenge(await client.negotiate()));
    expect(await server.verify(type3)).toEqual({ ok: true, identity: 'TESTDOM\\alice' });
    const key = await server.sessionKey();
    expect(key).toHaveLength(16);
    expect(await client.sessionKey()).toEqual(key);
    expect(await server.flags()).toBe(await client.flags());
    expect((await server.flags()) & 0x10).toBe(0x10); // NTLMSSP_NEGOTIATE_SIGN was asked for
  });

  it('serves one handshake after another and refuses a wrong password', async () => {
    await using server = await NtlmAuthServer.start();
    await using wrong = await NtlmAuthClient.start({ password: 'wrong' });
    await using right = await NtlmAuthClient.start();
    const refused = await wrong.authenticate(await server.challenge(await wrong.negotiate()));
    expect(await server.verify(refused)).toEqual({ ok: false, status: 'NT_STATUS_LOGON_FAILURE' });
    const accepted = await right.authenticate(await server.challenge(await right.negotiate()));
    expect(await server.verify(accepted)).toMatchObject({ ok: true });
  });

  it('takes users outside ASCII', async () => {
    await using server = await NtlmAuthServer.start(juergen);
    await using client = await NtlmAuthClient.start(juergen);
    const type3 = await client.authenticate(await server.challenge(await client.negotiate()));
    expect(await server.verify(type3)).toEqual({ ok: true, identity: 'TESTDOM\\Jürgen' });
  });

  it('rejects with the status where a token makes no sense', async () => {
    await using server = await NtlmAuthServer.start();
    await expect(server.challenge(text('nonsense'))).rejects.toMatchObject({ status: 'NT_STATUS_INVALID_PARAMETER' });
    await using client = await NtlmAuthClient.start();
    await client.negotiate();
    await expect(client.authenticate(text('nonsense'))).rejects.toMatchObject({
      status: 'NT_STATUS_INVALID_PARAMETER',
    });
  });

  it('follows smb.conf: an NTLMv1 client sends 24-byte responses', async () => {
    await using server = await NtlmAuthServer.start();
    await using client = await NtlmAuthClient.start({
      smbConf: { 'client NTLMv2 auth': 'no', 'client use spnego': 'no' },
    });
    const type3 = await client.authenticate(await server.challenge(await client.negotiate()));
    expect(new DataView(type3.buffer).getUint16(20, true)).toBe(24); // NtChallengeResponseFields.Len
    expect(await server.verify(type3)).toMatchObject({ ok: true });
  });

  it('takes its temporary directory away', async () => {
    const directory = new TemporaryDirectory('test');
    writeFileSync(directory.file('file'), 'x');
    await directory.close();
    expect(existsSync(directory.path)).toBe(false);
  });
});

describe('ntlm_auth with SPNEGO', () => {
  async function exchange(server: GssSpnegoServer, client: GssSpnegoClient): Promise<SpnegoServerStep> {
    let sent = await client.step();
    for (;;) {
      if (sent.token === undefined) throw new Error('the client has nothing to send');
      const received = await server.step(sent.token);
      if (received.state === 'refused') return received;
      if (received.token !== undefined) sent = await client.step(received.token);
      if (received.state === 'accepted') {
        expect(sent.state).toBe('complete');
        return received;
      }
    }
  }

  it('accepts its own client and agrees with it on the session key', async () => {
    await using server = await GssSpnegoServer.start({ features });
    await using client = await GssSpnegoClient.start({ features });
    expect(await exchange(server, client)).toMatchObject({ state: 'accepted', identity: 'TESTDOM\\alice' });
    expect(await client.sessionKey()).toEqual(await server.sessionKey());
  });

  it('refuses a wrong password, then serves another handshake', async () => {
    await using server = await GssSpnegoServer.start();
    await using wrong = await GssSpnegoClient.start({ password: 'wrong' });
    await using right = await GssSpnegoClient.start();
    expect(await exchange(server, wrong)).toEqual({
      state: 'refused',
      token: undefined,
      status: 'NT_STATUS_LOGON_FAILURE',
    });
    expect(await exchange(server, right)).toMatchObject({ state: 'accepted', identity: 'TESTDOM\\alice' });
  });
});

describe('gss-ntlmssp', () => {
  let gss: GssOracle;
  beforeAll(async () => {
    gss = await GssOracle.start();
  });
  afterAll(() => gss.close());

  async function establish(initiator: GssContext, acceptor: GssContext): Promise<void> {
    let { token, complete } = await initiator.step();
    for (let accepted = false; !accepted || !complete; ) {
      const answer = await acceptor.step(token);
      accepted = answer.complete;
      if (answer.token === undefined) break;
      ({ token, complete } = await initiator.step(answer.token));
    }
  }

  for (const mech of ['NTLM', 'SPNEGO'] as const) {
    it(`completes ${mech}, with the same key at both ends, and messages pass both ways`, async () => {
      const initiator = await gss.initiator({ mech });
      const acceptor = await gss.acceptor({ mech });
      await establish(initiator, acceptor);
      const key = await initiator.sessionKey();
      expect(key).toHaveLength(16);
      expect(await acceptor.sessionKey()).toEqual(key);

      const sealed = await initiator.wrap(text('to the server'));
      expect(sealed.conf).toBe(true);
      expect(Buffer.from(sealed.message).includes('to the server')).toBe(false);
      expect(await acceptor.unwrap(sealed.message)).toEqual({ message: text('to the server'), conf: true });
      const answer = await acceptor.wrap(text('to the client'), false);
      expect(answer.conf).toBe(true); // gss-ntlmssp seals whatever it wraps
      expect((await initiator.unwrap(answer.message)).message).toEqual(text('to the client'));
      await acceptor.verifyMic(text('signed'), await initiator.getMic(text('signed')));
      const mic = await initiator.getMic(text('signed'));
      await expect(acceptor.verifyMic(text('forged'), mic)).rejects.toThrow(GssError);
      await initiator.release();
      await acceptor.release();
    });
  }

  for (const user of testUsers) {
    it(`knows ${user.username}`, async () => {
      const initiator = await gss.initiator({ ...user, target: 'cifs@files' });
      const acceptor = await gss.acceptor();
      await establish(initiator, acceptor);
      expect(await initiator.inquire()).toMatchObject({ target: 'cifs/files' });
      const { initiator: name, flags } = await acceptor.inquire();
      expect(name).toBe(`TESTDOM\\${user.username}`);
      expect(flags).toEqual(expect.arrayContaining(['integrity', 'confidentiality']));
    });
  }

  it.each([
    { wanted: ['integrity'] as const, bits: 0x10 }, // NTLMSSP_NEGOTIATE_SIGN
    { wanted: ['confidentiality'] as const, bits: 0x20 }, // NTLMSSP_NEGOTIATE_SEAL
    { wanted: ['integrity', 'confidentiality'] as const, bits: 0x30 },
  ])('negotiates $wanted and no more for a caller who wants that', async ({ wanted, bits }) => {
    const initiator = await gss.initiator({ flags: wanted });
    const acceptor = await gss.acceptor();
    const { token: type1 = text('') } = await initiator.step();
    expect(new DataView(type1.buffer).getUint32(12, true) & 0x30).toBe(bits);
    const { token: type2 } = await acceptor.step(type1);
    await acceptor.step((await initiator.step(type2)).token);
    const { flags } = await acceptor.inquire();
    expect(new Set(flags)).toEqual(new Set(wanted));
  });

  it('refuses a wrong password as data, and goes on', async () => {
    const acceptor = await gss.acceptor();
    const initiator = await gss.initiator({ password: 'wrong' });
    await expect(establish(initiator, acceptor)).rejects.toMatchObject({ name: 'GssError', major: 0xd0000 });
    await establish(await gss.initiator(), await gss.acceptor());
  });

  it('enforces channel bindings', async () => {
    const channelBindings = text('tls-server-end-point:one');
    const other = await gss.acceptor({ channelBindings: text('tls-server-end-point:two') });
    await expect(establish(await gss.initiator({ channelBindings }), other)).rejects.toThrow(GssError);
    const same = await gss.acceptor({ channelBindings });
    await establish(await gss.initiator({ channelBindings }), same);
    expect((await same.inquire()).flags).toContain('channel_bound');
  });

  it('measures how many messages it seals', async () => {
    const initiator = await gss.initiator();
    await establish(initiator, await gss.acceptor());
    const { count, seconds } = await initiator.benchWrap(1024, 0.05);
    expect(count).toBeGreaterThan(10);
    expect(seconds).toBeGreaterThanOrEqual(0.05);
  });

  it('agrees with ntlm_auth on the exported session key', async () => {
    await using server = await NtlmAuthServer.start({ features });
    const initiator = await gss.initiator();
    const { token: type1 = text('') } = await initiator.step();
    const { token: type3 = text('') } = await initiator.step(await server.challenge(type1));
    expect(await server.verify(type3)).toMatchObject({ ok: true });
    expect(await server.sessionKey()).toEqual(await initiator.sessionKey());
  });
});

describe('tshark', () => {
  async function handshake(): Promise<readonly [Uint8Array, Uint8Array, Uint8Array]> {
    await using server = await NtlmAuthServer.start(juergen);
    await using client = await NtlmAuthClient.start(juergen);
    const type1 = await client.negotiate();
    const type2 = await server.challenge(type1);
    return [type1, type2, await client.authenticate(type2)];
  }

  it('decodes the three messages, with offsets into each', async () => {
    const [type1, type2, type3] = await handshake();
    const [one, two, three] = await decodeWithTshark([type1, type2, type3]);
    expect([one, two, three].map((message) => message?.value('ntlmssp.messagetype'))).toEqual([
      '0x00000001',
      '0x00000002',
      '0x00000003',
    ]);
    const challenge = Buffer.from(type2.subarray(24, 32)).toString('hex').replace(/..(?=.)/gu, '$&:');
    expect(two?.get('ntlmssp.ntlmserverchallenge')).toEqual({
      name: 'ntlmssp.ntlmserverchallenge',
      value: challenge,
      offset: 24,
      length: 8,
    });
    const userName = new DataView(type3.buffer).getUint32(40, true); // UserNameFields.BufferOffset
    expect(three?.get('ntlmssp.auth.username')).toMatchObject({ value: 'Jürgen', offset: userName, length: 12 });
    const proof = three?.get('ntlmssp.ntlmv2_response.ntproofstr');
    expect(proof?.length).toBe(16);
    expect(three?.value('ntlmssp.negotiateflags')).toMatch(/^0x[0-9a-f]{8}$/u);
    expect(three?.all('ntlmssp.ntlmv2_response.item.type').map(({ value }) => value)).toContain('0x0007');
  });

  it('decodes many exchanges in one run, also a lone message and one of several packets', async () => {
    const [type1, type2, type3] = await handshake();
    const long = new Uint8Array(60_000);
    long.set(type3);
    const decoded = await decodeConversationsWithTshark([[type2], [type1, type2, long], [type3]]);
    expect(decoded.map((messages) => messages.map((message) => message.value('ntlmssp.messagetype')))).toEqual([
      ['0x00000002'],
      ['0x00000001', '0x00000002', '0x00000003'],
      ['0x00000003'],
    ]);
  });

  it('decodes SPNEGO tokens', async () => {
    await using server = await GssSpnegoServer.start();
    await using client = await GssSpnegoClient.start();
    const first = (await client.step()).token ?? text('');
    const second = (await server.step(first)).token ?? text('');
    const [init, response] = await decodeWithTshark([first, second], { scheme: 'Negotiate' });
    expect(init?.value('spnego.MechType')).toContain('1.3.6.1.4.1.311.2.2.10');
    expect(response?.value('spnego.negResult')).toBe('1'); // accept-incomplete
    expect(response?.value('ntlmssp.messagetype')).toBe('0x00000002');
  });
});

describe('certificates', () => {
  /** The signature's own words in the DER, by openssl rather than by the kind's name. */
  const algorithms: Record<string, string> = {
    'rsa-md5': 'md5WithRSAEncryption',
    'rsa-sha1': 'sha1WithRSAEncryption',
    'rsa-sha256': 'sha256WithRSAEncryption',
    'rsa-sha384': 'sha384WithRSAEncryption',
    'rsa-sha512': 'sha512WithRSAEncryption',
    'rsa-pss-sha256': 'rsassaPss',
    'rsa-pss-sha384': 'rsassaPss',
    'ecdsa-p256-sha256': 'ecdsa-with-SHA256',
    'ecdsa-p384-sha384': 'ecdsa-with-SHA384',
    ed25519: 'ED25519',
  };

  it.each(certificateKinds)('makes one of kind %s', async (kind) => {
    const { pem, keyPem, der } = await makeSelfSignedCertificate(kind);
    const described = await run('openssl', ['x509', '-noout', '-text'], { input: pem });
    expect(described).toContain(`Signature Algorithm: ${algorithms[kind]}`);
    if (kind === 'rsa-pss-sha384') expect(described).toContain('Hash Algorithm: sha384');
    expect(described).toContain('DNS:localhost, IP Address:127.0.0.1');
    expect(keyPem).toContain('PRIVATE KEY');
    expect(Buffer.from(der).toString('base64')).toBe(pem.replace(/-----[^-]+-----|\s/gu, ''));
  });

  it('makes a server certificate of a private authority', async () => {
    const { authority, server } = await makeServerCertificate();
    await using directory = new TemporaryDirectory('verify');
    writeFileSync(directory.file('ca.pem'), authority.pem);
    const verified = await run('openssl', ['verify', '-CAfile', directory.file('ca.pem')], { input: server.pem });
    expect(verified).toContain('OK');
  });
});
