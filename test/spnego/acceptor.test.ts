/** The acceptor of RFC 4178 with NTLM inside, against our own initiator and tokens written by hand. */
import { ntlm2Session } from '../../src/legacy/index.ts';
import { describe, expect, it } from 'vitest';
import type { AcceptorOptions } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, NtlmError } from '../../src/index.ts';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { decodeNegotiate, NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  MechType,
  SpnegoAcceptor,
  type NegTokenInit,
  type NegTokenRespFields,
  type SpnegoAcceptorStep,
} from '../../src/spnego/index.ts';
import { needle, reachable } from '../support/deep-walk.ts';
import { clientOf, credentials, other, stateOf } from './support.ts';

const REJECT = { type: 'resp', negState: 'reject' };

/** An NTLM client whose SPNEGO tokens the test writes. */
class ScriptedInitiator {
  readonly client: NtlmClient;
  readonly type1: Uint8Array;
  type3: Uint8Array | undefined;
  session: NtlmSession | undefined;

  constructor(sessionSecurity: 'none' | 'sign' = 'sign', handle = credentials) {
    this.client = new NtlmClient({ credentials: handle, sessionSecurity });
    this.type1 = this.client.negotiate();
  }

  /** Takes the type 2 out of a continued step and makes the type 3. */
  answer(step: SpnegoAcceptorStep): Uint8Array {
    this.type3 = this.client.respond(respOf(step).responseToken!);
    if ((this.client.negotiateFlags! & 0x10) !== 0) this.session = NtlmSession.fromClient(this.client);
    return this.type3;
  }

  sign(...mechTypes: readonly string[]): Uint8Array {
    const mechListMIC = this.session!.sign(encodeMechTypeList(mechTypes));
    this.session!.resetSealing('outgoing');
    return mechListMIC;
  }

  verify(mechListMIC: Uint8Array, ...mechTypes: readonly string[]): void {
    this.session!.verify(encodeMechTypeList(mechTypes), mechListMIC);
    this.session!.resetSealing('incoming');
  }
}

const respOf = (step: SpnegoAcceptorStep) => decodeNegTokenResp(step.token!);
const resp = (fields: NegTokenRespFields): Uint8Array => encodeNegTokenResp(fields);
const acceptorOf = (options: Partial<AcceptorOptions> = {}): SpnegoAcceptor =>
  new SpnegoAcceptor({ credentials, ...options });

/** Acceptor and initiator, type 2 answered by type 3, which is not sent yet. */
async function challenged(options: Partial<AcceptorOptions> = {}) {
  const mechTypes = [MechType.NTLMSSP];
  const acceptor = acceptorOf(options);
  const initiator = new ScriptedInitiator();
  initiator.answer(await acceptor.accept(encodeNegTokenInit({ mechTypes, mechToken: initiator.type1 })));
  return { acceptor, initiator, responseToken: initiator.type3! };
}

describe('our two ends', () => {
  it.each([
    { sessionSecurity: undefined },
    { sessionSecurity: 'offer' },
    { sessionSecurity: 'sign' },
    { sessionSecurity: 'seal' },
    { sessionSecurity: 'offer', unicode: false },
    { sessionSecurity: 'seal', policy: ntlm2Session },
  ] as const)('authenticate with %o, and their sessions understand each other', async (options) => {
    const acceptor = acceptorOf({ policy: options.policy });
    const client = clientOf(options);
    const first = await acceptor.accept(client.negotiate());
    expect(respOf(first)).toMatchObject({ negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP });
    const last = await acceptor.accept(client.respond(first.token!));
    expect(last).toMatchObject({ state: 'accepted', result: { identity: { username: 'User', domain: 'Domain' } } });
    expect(respOf(last)).toMatchObject({ negState: 'accept-completed', mechListMIC: expect.any(Uint8Array) });
    expect(client.finish(last.token!)).toBeUndefined();
    expect([client.state, acceptor.state]).toEqual(['authenticated', 'accepted']);
    expect(acceptor.identity).toMatchObject({ username: 'User' });
    expect(acceptor.sessionKey!.bytes()).toEqual(client.sessionKey!.bytes());
    for (let size = 0; size < 300; size += 100) {
      const message = new Uint8Array(size).fill(size);
      expect(acceptor.session!.unwrap(client.session!.wrap(message))).toEqual(message);
      expect(client.session!.unwrap(acceptor.session!.wrap(message))).toEqual(message);
    }
  });

  it('agree on no session where none is wanted: no SIGN, no key exchange, no mechListMIC (MS-SPNG 3.1.5.1)', async () => {
    const acceptor = acceptorOf();
    const client = clientOf({ sessionSecurity: 'none' });
    const init = client.negotiate();
    const asked = decodeNegotiate((decodeNegTokenInit(init) as NegTokenInit).mechToken!).negotiateFlags;
    const first = await acceptor.accept(init);
    const response = client.respond(first.token!);
    const last = await acceptor.accept(response);
    for (const flags of [asked, client.negotiateFlags!]) {
      expect(flags & (F.NEGOTIATE_SIGN | F.NEGOTIATE_SEAL | F.NEGOTIATE_KEY_EXCH)).toBe(0);
    }
    expect(decodeNegTokenResp(response).mechListMIC).toBeUndefined();
    expect(respOf(last).mechListMIC).toBeUndefined();
    expect(respOf(last).negState).toBe('accept-completed');
    expect(client.finish(last.token!)).toBeUndefined();
    expect([client.state, client.session, acceptor.session]).toEqual(['authenticated', undefined, undefined]);
  });

  it('agree on a channel, and refuse another one', async () => {
    const bindings = (name: string) =>
      channelBindings.fromApplicationData(new TextEncoder().encode(`tls-unique:${name}`));
    const acceptor = acceptorOf({ channelBindings: bindings('a'), requireChannelBindings: true });
    const ask = async (client: NtlmClient) => {
      acceptor.reset();
      const { token } = await acceptor.accept(client.negotiate());
      return acceptor.accept(client.respond(token!));
    };
    expect(await ask(clientOf({ channelBindings: bindings('a') }))).toMatchObject({
      state: 'accepted',
      result: { channelBindings: true },
    });
    expect(await ask(clientOf({ channelBindings: bindings('b') }))).toMatchObject({
      state: 'refused',
      reason: 'channel-bindings-mismatch',
    });
    expect(await ask(clientOf())).toMatchObject({ state: 'refused', reason: 'channel-bindings-missing' });
  });

  it('end in reject with a wrong password', async () => {
    const acceptor = acceptorOf({ credentials: Credentials.fromPassword({ username: 'User', password: 'another' }) });
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    const step = await acceptor.accept(client.respond(token!));
    expect(step).toMatchObject({
      state: 'refused',
      reason: 'wrong-credentials',
      error: { code: 'verification-failed' },
    });
    expect(respOf(step)).toEqual(REJECT);
    expect(() => client.finish(step.token!)).toThrow(expect.objectContaining({ code: 'credentials-refused' }));
    expect([acceptor.identity, acceptor.session, acceptor.sessionKey]).toEqual([undefined, undefined, undefined]);
  });

  it('notice that somebody put Kerberos into the list on its way', async () => {
    const acceptor = acceptorOf();
    const client = clientOf();
    const { mechToken } = decodeNegTokenInit(client.negotiate());
    const forged = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP, MechType.KERBEROS], mechToken: mechToken! });
    const { token } = await acceptor.accept(forged);
    const step = await acceptor.accept(client.respond(token!));
    expect(step).toMatchObject({
      state: 'refused',
      reason: 'mech-list-mic-mismatch',
      error: { code: 'mech-list-mic-mismatch', side: 'peer' },
    });
    expect(respOf(step)).toEqual(REJECT);
  });
});

describe('the hint', () => {
  it('is a NegTokenInit2 with NTLMSSP, which a client of ours and the acceptor go on from', async () => {
    const acceptor = acceptorOf();
    const hint = acceptor.hint();
    // MS-SPNG 3.2.5.2
    expect(decodeNegTokenInit(hint)).toMatchObject({
      type: 'init2',
      mechTypes: [MechType.NTLMSSP],
      negHints: { hintName: 'not_defined_in_RFC4178@please_ignore' },
    });
    expect((await acceptor.accept(clientOf().negotiate(hint))).state).toBe('continue');
    expect(() => acceptor.hint()).toThrow(expect.objectContaining({ code: 'unexpected-call' }));
  });
});

describe('the first token', () => {
  it('with hints in it is taken as any other (MS-SPNG 3.2.5)', async () => {
    const { type1 } = new ScriptedInitiator();
    const token = encodeNegTokenInit2({ mechTypes: [MechType.NTLMSSP], mechToken: type1, negHints: {} });
    expect(respOf(await acceptorOf().accept(token))).toMatchObject({ negState: 'accept-incomplete' });
  });

  it('without an NTLM message gets the mechanism, then the challenge', async () => {
    const acceptor = acceptorOf();
    const first = await acceptor.accept(encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] }));
    expect(respOf(first)).toEqual({ type: 'resp', negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP });
    const initiator = new ScriptedInitiator();
    const second = await acceptor.accept(resp({ responseToken: initiator.type1 }));
    expect(respOf(second)).not.toHaveProperty('supportedMech'); // only in the first reply (RFC 4178 4.2.2)
    const last = await acceptor.accept(
      resp({ responseToken: initiator.answer(second), mechListMIC: initiator.sign(MechType.NTLMSSP) }),
    );
    expect(last.state).toBe('accepted');
  });

  describe('for another mechanism before NTLM', () => {
    const mechTypes = [MechType.KERBEROS, MechType.NTLMSSP];
    async function chosen() {
      const acceptor = acceptorOf();
      const initiator = new ScriptedInitiator();
      const first = await acceptor.accept(encodeNegTokenInit({ mechTypes, mechToken: Uint8Array.of(0x60, 1, 2) }));
      const second = await acceptor.accept(resp({ responseToken: initiator.type1 }));
      const responseToken = initiator.answer(second);
      return { acceptor, initiator, first, second, responseToken };
    }

    it('gets request-mic and no challenge, its message ignored', async () => {
      const { first, second } = await chosen();
      expect(respOf(first)).toEqual({ type: 'resp', negState: 'request-mic', supportedMech: MechType.NTLMSSP });
      expect(respOf(second)).toMatchObject({ negState: 'accept-incomplete', responseToken: expect.any(Uint8Array) });
    });

    it('is accepted with the mechListMIC over its own list', async () => {
      const { acceptor, initiator, responseToken } = await chosen();
      const last = await acceptor.accept(resp({ responseToken, mechListMIC: initiator.sign(...mechTypes) }));
      expect(last.state).toBe('accepted');
      initiator.verify(respOf(last).mechListMIC!, ...mechTypes);
    });

    it('is not accepted with the mechListMIC over another list', async () => {
      const { acceptor, initiator, responseToken } = await chosen();
      const last = await acceptor.accept(resp({ responseToken, mechListMIC: initiator.sign(MechType.NTLMSSP) }));
      expect(last).toMatchObject({ state: 'refused', reason: 'mech-list-mic-mismatch' });
    });

    it('may bring the mechListMIC after the type 3', async () => {
      const { acceptor, initiator, responseToken } = await chosen();
      const incomplete = await acceptor.accept(resp({ responseToken }));
      expect(respOf(incomplete)).toMatchObject({ negState: 'accept-incomplete' });
      initiator.verify(respOf(incomplete).mechListMIC!, ...mechTypes);
      expect(acceptor.state).toBe('confirming');
      expect([acceptor.identity, acceptor.session]).toEqual([undefined, undefined]);
      const last = await acceptor.accept(resp({ mechListMIC: initiator.sign(...mechTypes) }));
      expect(last.state).toBe('accepted');
      expect(respOf(last)).toEqual({ type: 'resp', negState: 'accept-completed' });
    });

    it('may not leave SPNEGO out with the type 3', async () => {
      const { acceptor, responseToken } = await chosen();
      expect(await acceptor.accept(responseToken)).toMatchObject({ state: 'refused', reason: 'mech-list-mic-missing' });
    });
  });

  const ntlm = [MechType.NTLMSSP];
  it.each<[string, Uint8Array, string, string]>([
    [
      'Kerberos alone',
      encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] }),
      'mechanism-refused',
      'mechanism-refused',
    ],
    [
      'Kerberos itself',
      Uint8Array.from(Buffer.from('600d06092a864886f7120102020100', 'hex')),
      'mechanism-refused',
      'mechanism-refused',
    ],
    ['a NegTokenResp', resp({ negState: 'accept-completed' }), 'malformed', 'malformed-token'],
    ['no DER', new Uint8Array([9]), 'malformed', 'malformed-token'],
    ['nothing', new Uint8Array(0), 'malformed', 'malformed-token'],
    [
      'a cut type 1',
      encodeNegTokenInit({ mechTypes: ntlm, mechToken: new ScriptedInitiator().type1.subarray(0, 11) }),
      'malformed',
      'truncated',
    ],
  ])('with %s is answered by reject', async (_, token, reason, code) => {
    const acceptor = acceptorOf();
    const step = await acceptor.accept(token);
    expect(step).toMatchObject({ state: 'refused', reason, error: { code, side: 'peer' } });
    expect(respOf(step)).toEqual(REJECT);
    expect(acceptor.state).toBe('refused');
  });
});

describe('a client without SPNEGO', () => {
  it('is answered without', async () => {
    const acceptor = acceptorOf();
    const client = clientOf({ spnego: false, sessionSecurity: 'seal' });
    const { token } = await acceptor.accept(client.negotiate());
    const last = await acceptor.accept(client.respond(token!));
    expect(last).toMatchObject({ state: 'accepted', token: undefined });
    client.accepted();
    const session = NtlmSession.fromClient(client);
    expect(acceptor.session!.unwrap(session.wrap(Uint8Array.of(1, 2)))).toEqual(Uint8Array.of(1, 2));
  });

  it('is refused without', async () => {
    const acceptor = acceptorOf();
    const client = clientOf({ spnego: false, credentials: other });
    const { token } = await acceptor.accept(client.negotiate());
    expect(await acceptor.accept(client.respond(token!))).toMatchObject({ state: 'refused', token: undefined });
  });

  it('may be one with SPNEGO that leaves it out with the type 3 (MS-SPNG 3.1.5.1)', async () => {
    const { acceptor, responseToken } = await challenged();
    expect(await acceptor.accept(responseToken)).toMatchObject({ state: 'accepted', token: undefined });
  });
});

describe('the type 3', () => {
  it('with a MIC and no mechListMIC gets accept-incomplete', async () => {
    const { acceptor, initiator, responseToken } = await challenged();
    const step = await acceptor.accept(resp({ responseToken }));
    expect(respOf(step)).toMatchObject({ negState: 'accept-incomplete', mechListMIC: expect.any(Uint8Array) });
    const last = await acceptor.accept(resp({ mechListMIC: initiator.sign(MechType.NTLMSSP) }));
    expect(last.state).toBe('accepted');
    const message = Uint8Array.of(7);
    initiator.verify(respOf(step).mechListMIC!, MechType.NTLMSSP);
    expect(acceptor.session!.unwrap(initiator.session!.wrap(message))).toEqual(message);
    expect(initiator.session!.unwrap(acceptor.session!.wrap(message))).toEqual(message);
  });

  it('without a MIC needs no mechListMIC', async () => {
    const { acceptor, responseToken } = await challenged({ timestamp: false });
    const last = await acceptor.accept(resp({ responseToken }));
    expect(last.state).toBe('accepted');
    expect(respOf(last)).toEqual({ type: 'resp', negState: 'accept-completed' });
  });

  it('without SIGN needs no mechListMIC, and one that comes is ignored', async () => {
    for (const mechListMIC of [undefined, new Uint8Array(16)]) {
      const acceptor = acceptorOf();
      const initiator = new ScriptedInitiator('none');
      const first = await acceptor.accept(
        encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken: initiator.type1 }),
      );
      const last = await acceptor.accept(
        resp({ responseToken: initiator.answer(first), ...(mechListMIC && { mechListMIC }) }),
      );
      expect(respOf(last)).toEqual({ type: 'resp', negState: 'accept-completed' });
      expect(acceptor.session).toBeUndefined();
    }
  });

  it('of the anonymous user needs no mechListMIC', async () => {
    const acceptor = acceptorOf({ anonymous: true });
    const client = clientOf({ credentials: Credentials.anonymous() });
    const { token } = await acceptor.accept(client.negotiate());
    const last = await acceptor.accept(client.respond(token!));
    expect(last).toMatchObject({ state: 'accepted', result: { response: 'anonymous' } });
    expect(client.finish(last.token!)).toBeUndefined();
  });

  it.each<[string, (responseToken: Uint8Array) => Uint8Array, string]>([
    [
      'a zero mechListMIC',
      (responseToken) => resp({ responseToken, mechListMIC: new Uint8Array(16) }),
      'mech-list-mic-mismatch',
    ],
    [
      'another NegTokenInit',
      (mechToken) => encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken }),
      'malformed',
    ],
    ['reject', (responseToken) => resp({ negState: 'reject', responseToken }), 'mechanism-refused'],
    ['no message', () => resp({ mechListMIC: new Uint8Array(16) }), 'malformed'],
    ['a cut message', (token) => resp({ responseToken: token.subarray(0, 60) }), 'malformed'],
    ['no DER', () => new Uint8Array([0xa1]), 'malformed'],
  ])('with %s is refused, keys wiped', async (_, token, reason) => {
    const { acceptor, responseToken } = await challenged();
    const step = await acceptor.accept(token(responseToken));
    expect(step).toMatchObject({ state: 'refused', reason });
    expect(respOf(step)).toEqual(REJECT);
    expect(acceptor.actor.getSnapshot().children.acceptor!.getSnapshot().context.result).toBeUndefined();
  });

  it.each<[string, Uint8Array, string]>([
    ['nothing', resp({}), 'mech-list-mic-missing'],
    ['zeros', resp({ mechListMIC: new Uint8Array(16) }), 'mech-list-mic-mismatch'],
    ['a fourth message', resp({ responseToken: Uint8Array.of(1), mechListMIC: new Uint8Array(16) }), 'malformed'],
    ['reject', resp({ negState: 'reject' }), 'mechanism-refused'],
    ['a NegTokenInit', encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] }), 'malformed'],
  ])('whose mechListMIC comes later as %s is refused', async (_, token, reason) => {
    const { acceptor, responseToken } = await challenged();
    await acceptor.accept(resp({ responseToken }));
    const step = await acceptor.accept(token);
    expect(step).toMatchObject({ state: 'refused', reason });
    expect(acceptor.session).toBeUndefined();
  });
});

describe('the calls', () => {
  it('end with the negotiation, until reset', async () => {
    const acceptor = acceptorOf();
    await acceptor.accept(new Uint8Array(0));
    await expect(acceptor.accept(clientOf().negotiate())).rejects.toMatchObject({
      code: 'unexpected-call',
      side: 'local',
    });
    acceptor.reset();
    expect(acceptor.state).toBe('listening');
    expect((await acceptor.accept(clientOf().negotiate())).state).toBe('continue');
  });

  it('reject what is no token, and options that are none', async () => {
    for (const value of ['token', null, 7] as never[]) {
      await expect(acceptorOf().accept(value)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    expect(() => new SpnegoAcceptor({ credentials: 'User' as never })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
    expect(() => acceptorOf({ policy: 'strong' as never })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    );
  });

  it('throw where the credentials cannot be looked up', async () => {
    const { acceptor, responseToken } = await challenged({
      credentials: () => Promise.reject(new Error('no directory')),
    });
    await expect(acceptor.accept(resp({ responseToken }))).rejects.toMatchObject({
      code: 'service-failed',
      side: 'local',
    });
    expect(acceptor.state).toBe('refused');
  });

  it('reset closes the session and wipes the key', async () => {
    const acceptor = acceptorOf();
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    await acceptor.accept(client.respond(token!));
    const { session, sessionKey } = acceptor;
    acceptor.reset();
    expect([session!.closed, sessionKey!.wiped]).toEqual([true, true]);
  });

  it('a reset while a token is looked at ends the wait', async () => {
    const { acceptor, responseToken } = await challenged({ credentials: () => new Promise<never>(() => {}) });
    const step = acceptor.accept(resp({ responseToken }));
    acceptor.reset();
    await expect(step).rejects.toMatchObject({ code: 'aborted' });
  });

  it('leave no secret in the context', async () => {
    const acceptor = acceptorOf();
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    await acceptor.accept(client.respond(token!));
    const key = needle('session key', acceptor.sessionKey!.bytes());
    expect(reachable(acceptor.actor.getSnapshot().context, [key])).toEqual([]);
    expect(stateOf(acceptor.actor)).toBe('accepted');
  });

  it('throw nothing but NtlmError', async () => {
    await expect(acceptorOf().accept(null as never)).rejects.toBeInstanceOf(NtlmError);
  });
});
