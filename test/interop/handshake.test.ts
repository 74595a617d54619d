/** Our type 1 and type 3 before acceptors that others wrote: Samba's ntlm_auth and gss-ntlmssp. */
import { credentialsWithLmHash, legacyPolicies, ntlm2Session, ntlmv1 } from '../../src/legacy/index.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { Credentials, NtlmClient, ntlmMachine, type EncodeNegotiateInput, type NtlmOptions } from '../../src/index.ts';
import { fromSynchronous } from '../../src/machine/synchronous.ts';
import { requestedFlags } from '../../src/machine/flags.ts';
import {
  AvId,
  MIC_OFFSET,
  NegotiateFlags,
  decodeAuthenticate,
  decodeChallenge,
  decodeNtlmV2Response,
  describeTargetInfo,
  encodeNegotiate,
  hasFlag,
} from '../../src/messages/index.ts';
import { GssError, GssOracle } from './support/gss.ts';
import { NtlmAuthServer } from './support/ntlm-auth.ts';
import { alice, juergen, nihon, testUsers, type TestUser } from './support/users.ts';

const credentialsOf = (user: TestUser, changes: Partial<TestUser> = {}): Credentials =>
  Credentials.fromPassword({ ...user, ...changes });

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** A client whose type 1 does not ask for key exchange. */
const withoutKeyExchange = ntlmMachine.provide({
  actors: {
    encodeNegotiate: fromSynchronous(({ options }: EncodeNegotiateInput): Uint8Array<ArrayBuffer> =>
      encodeNegotiate({
        negotiateFlags: (requestedFlags(options) & ~NegotiateFlags.NEGOTIATE_KEY_EXCH) >>> 0,
        version: options.version,
      }),
    ),
  },
});

describe('ntlm_auth --helper-protocol=squid-2.5-ntlmssp', () => {
  async function ask(options: NtlmOptions, user: TestUser = alice, alter = (type3: Uint8Array) => type3) {
    await using server = await NtlmAuthServer.start({ ...user, features: ['NTLMSSP_FEATURE_SESSION_KEY'] });
    const client = new NtlmClient(options);
    const challenge = await server.challenge(client.negotiate());
    const type3 = client.respond(challenge);
    const verdict = await server.verify(alter(type3));
    const sessionKey = verdict.ok ? await server.sessionKey() : undefined;
    return { verdict, client, challenge, message: decodeAuthenticate(type3), sessionKey };
  }

  it.each(testUsers)('takes $username with the right password, and both ends have one session key', async (user) => {
    const { verdict, client, sessionKey } = await ask({ credentials: credentialsOf(user), sessionSecurity: 'seal' }, user);
    expect(verdict).toEqual({ ok: true, identity: `${user.domain}\\${user.username}` });
    expect(hex(client.sessionKey!.bytes())).toBe(hex(sessionKey!));
    client.accepted();
    expect(client.state).toBe('authenticated');
  });

  it.each(testUsers)('refuses $username with a wrong password', async (user) => {
    const { verdict } = await ask({ credentials: credentialsOf(user, { password: `${user.password}x` }) }, user);
    expect(verdict.ok).toBe(false);
  });

  it('takes the empty domain, an upper-case user and a UPN', async () => {
    for (const changes of [{ domain: '' }, { username: 'ALICE' }, { username: 'alice@testdom.example', domain: '' }]) {
      const { verdict } = await ask({ credentials: credentialsOf(alice, changes) });
      expect(verdict.ok, JSON.stringify(changes)).toBe(true);
    }
  });

  it('takes an OEM message', async () => {
    const { verdict, message } = await ask({ credentials: credentialsOf(alice), unicode: false });
    expect(hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_OEM)).toBe(true);
    expect(hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_UNICODE)).toBe(false);
    expect(verdict.ok).toBe(true);
  });

  it('takes a message without key exchange, session key equal', async () => {
    const { verdict, client, sessionKey, message } = await ask({ credentials: credentialsOf(alice) });
    expect(hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_KEY_EXCH)).toBe(false);
    expect(message.encryptedRandomSessionKey).toHaveLength(0);
    expect(verdict.ok).toBe(true);
    expect(hex(client.sessionKey!.bytes())).toBe(hex(sessionKey!));
  });

  it('takes the MIC, and refuses an altered one', async () => {
    const right = await ask({ credentials: credentialsOf(alice), sessionSecurity: 'sign' });
    expect(right.message.mic).toBeDefined();
    expect(right.verdict.ok).toBe(true);
    const altered = await ask({ credentials: credentialsOf(alice), sessionSecurity: 'sign' }, alice, (type3) => {
      type3[MIC_OFFSET]! ^= 1;
      return type3;
    });
    expect(altered.verdict.ok).toBe(false);
  });

  it('takes MsvAvTargetName and MsvAvChannelBindings', async () => {
    const hash = new Uint8Array(16).fill(7);
    const { verdict, message } = await ask({
      credentials: credentialsOf(alice),
      spn: 'HTTP/server.testdom.example',
      channelBindings: { hash },
    });
    const stated = describeTargetInfo(decodeNtlmV2Response(message.ntChallengeResponse).avPairs);
    expect(stated).toMatchObject({ targetName: 'HTTP/server.testdom.example', channelBindings: hash });
    expect(verdict.ok).toBe(true);
  });

  it.each(legacyPolicies)('takes policy %s, session key equal', async (policy) => {
    const credentials = credentialsWithLmHash(alice);
    const { verdict, client, sessionKey } = await ask({ credentials, policy });
    expect(verdict.ok).toBe(true);
    expect(hex(client.sessionKey!.bytes())).toBe(hex(sessionKey!));
  });

  it('takes the NT hash in place of the password', async () => {
    // MD4 over UTF-16LE of alice's password, computed with `openssl dgst -provider legacy -md4`
    const ntHash = 'fc525c9683e8fe067095ba2ddc971889';
    const { verdict } = await ask({ credentials: Credentials.fromNtHash({ username: 'alice', domain: 'TESTDOM', ntHash }) });
    expect(verdict.ok).toBe(true);
  });

  it('takes a second handshake after a rejection and a reset with other credentials', async () => {
    await using server = await NtlmAuthServer.start(alice);
    const client = new NtlmClient({ credentials: credentialsOf(alice, { password: 'wrong' }) });
    const refused = await server.verify(client.respond(await server.challenge(client.negotiate())));
    expect(refused.ok).toBe(false);
    client.rejected();
    expect(client.error).toMatchObject({ code: 'credentials-refused', side: 'peer' });
    client.reset({ credentials: credentialsOf(alice) });
    const accepted = await server.verify(client.respond(await server.challenge(client.negotiate())));
    expect(accepted.ok).toBe(true);
  });
});

describe('gss-ntlmssp', () => {
  let oracle: GssOracle;
  beforeAll(async () => {
    oracle = await GssOracle.start();
  });
  afterAll(() => oracle.close());

  async function ask(options: NtlmOptions, { machine = ntlmMachine, alter = (type3: Uint8Array) => type3 } = {}) {
    const acceptor = await oracle.acceptor();
    const client = new NtlmClient(options, { machine });
    const { token: challenge } = await acceptor.step(client.negotiate());
    const type3 = client.respond(challenge!);
    const message = decodeAuthenticate(type3);
    const { complete } = await acceptor.step(alter(type3));
    const { initiator } = await acceptor.inquire();
    const sessionKey = await acceptor.sessionKey();
    await acceptor.release();
    return { complete, initiator, client, message, sessionKey, challenge: decodeChallenge(challenge!) };
  }

  it.each(testUsers)('takes $username with the right password, and both ends have one session key', async (user) => {
    const { complete, initiator, client, sessionKey, message } = await ask({
      credentials: credentialsOf(user),
      sessionSecurity: 'seal',
    });
    expect(complete).toBe(true);
    expect(initiator).toBe(`${user.domain}\\${user.username}`);
    expect(message.mic).toBeDefined();
    expect(hex(client.sessionKey!.bytes())).toBe(hex(sessionKey));
  });

  it.each(testUsers)('refuses $username with a wrong password', async (user) => {
    await expect(ask({ credentials: credentialsOf(user, { password: 'wrong' }) })).rejects.toBeInstanceOf(GssError);
  });

  it('merges its MsvAvFlags of zero with the announcement of the MIC', async () => {
    const { challenge, message } = await ask({ credentials: credentialsOf(alice) });
    expect(describeTargetInfo(challenge.targetInfo!).flags).toBe(0);
    const stated = decodeNtlmV2Response(message.ntChallengeResponse).avPairs.filter(({ id }) => id === AvId.MsvAvFlags);
    expect(stated.map(({ value }) => hex(value))).toEqual(['02000000']);
  });

  it('refuses an altered MIC', async () => {
    const alter = (type3: Uint8Array): Uint8Array => {
      type3[MIC_OFFSET + 15]! ^= 0x80;
      return type3;
    };
    await expect(ask({ credentials: credentialsOf(alice) }, { alter })).rejects.toBeInstanceOf(GssError);
  });

  it('takes an upper-case user and the empty domain', async () => {
    expect((await ask({ credentials: credentialsOf(alice, { username: 'ALICE' }) })).complete).toBe(true);
    expect((await ask({ credentials: credentialsOf(juergen, { username: 'JÜRGEN' }) })).complete).toBe(true);
    expect((await ask({ credentials: credentialsOf(alice, { domain: '' }) })).complete).toBe(true);
  });

  it('refuses a UPN, a wrong domain and the weak responses', async () => {
    const upn = credentialsOf(alice, { username: 'alice@testdom', domain: '' });
    await expect(ask({ credentials: upn })).rejects.toBeInstanceOf(GssError);
    await expect(ask({ credentials: credentialsOf(alice, { domain: 'OTHER' }) })).rejects.toBeInstanceOf(GssError);
    for (const policy of [ntlm2Session, ntlmv1]) {
      await expect(ask({ credentials: credentialsOf(nihon), policy }), policy.name).rejects.toBeInstanceOf(GssError);
    }
  });

  it('takes an OEM message', async () => {
    const { complete, message } = await ask({ credentials: credentialsOf(alice), unicode: false });
    expect(hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_OEM)).toBe(true);
    expect(complete).toBe(true);
  });

  it('takes a signed session without key exchange, session key equal', async () => {
    const { complete, message, client, sessionKey } = await ask(
      { credentials: credentialsOf(alice), sessionSecurity: 'sign' },
      { machine: withoutKeyExchange },
    );
    expect(hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_SIGN)).toBe(true);
    expect(hasFlag(message.negotiateFlags, NegotiateFlags.NEGOTIATE_KEY_EXCH)).toBe(false);
    expect(complete).toBe(true);
    expect(hex(client.sessionKey!.bytes())).toBe(hex(sessionKey));
  });

  it('takes the tokens of an actor as they are emitted', async () => {
    const acceptor = await oracle.acceptor();
    const actor = createActor(ntlmMachine, { input: { credentials: credentialsOf(alice) } });
    const tokens: Uint8Array[] = [];
    actor.on('token', ({ token }) => tokens.push(token));
    actor.start();
    actor.send({ type: 'negotiate' });
    const { token } = await acceptor.step(tokens[0]);
    actor.send({ type: 'challenge', token: token! });
    const { complete } = await acceptor.step(tokens[1]);
    actor.send({ type: complete ? 'accepted' : 'rejected' });
    expect(actor.getSnapshot().value).toBe('authenticated');
  });
});
