/** The initiator of RFC 4178 with NTLM inside, against an acceptor whose tokens are written by hand. */
import { createHash, createHmac } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromPromise } from 'xstate';
import { Credentials, ntlmMachine, type NtlmErrorCode } from '../../src/index.ts';
import { ntowfV1 } from '../../src/crypto/index.ts';
import { authenticate, type AuthenticateInput } from '../../src/machine/authenticate.ts';
import { decodeAuthenticate, hasFlag, NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import {
  createSpnegoActor,
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  MechType,
  type NegTokenRespFields,
} from '../../src/spnego/index.ts';
import { toHex } from '../support/bytes.ts';
import { needle, reachable, textNeedles } from '../support/deep-walk.ts';
import { challengeToken, GENEROUS } from '../support/handshake.ts';
import { thrown } from '../support/thrown.ts';
import {
  clientOf,
  credentials,
  emittedBy,
  finalToken,
  NTLM_LIST,
  other,
  PASSWORD,
  ScriptedAcceptor,
  stateOf,
} from './support.ts';

/** A client and its acceptor, the response made. */
function responded(options: Parameters<typeof clientOf>[0] = {}, fields?: NegTokenRespFields, flags?: number) {
  const client = clientOf(options);
  const acceptor = new ScriptedAcceptor(flags === undefined ? {} : { flags });
  const response = acceptor.challenge(client, fields);
  return { client, acceptor, response };
}

describe('the first token', () => {
  it('is an InitialContextToken that offers NTLMSSP alone, type 1 inside', () => {
    const token = clientOf().negotiate();
    // RFC 4178 4.2.1 and RFC 2743 3.1 by hand, around a type 1 of 40 bytes
    expect(toHex(token.subarray(0, 42))).toBe(
      '604806062b0601050502a03e303ca00e' + toHex(NTLM_LIST) + 'a22a0428' + '4e544c4d53535000',
    );
    expect(token).toHaveLength(2 + 0x48);
  });

  it('asks for SIGN and KEY_EXCH, which mechListMIC needs', () => {
    const { mechToken } = decodeNegTokenInit(clientOf().negotiate());
    const flags = new DataView(mechToken!.buffer, mechToken!.byteOffset).getUint32(12, true);
    expect(hasFlag(flags, F.NEGOTIATE_SIGN)).toBe(true);
    expect(hasFlag(flags, F.NEGOTIATE_KEY_EXCH)).toBe(true);
    expect(hasFlag(flags, F.NEGOTIATE_SEAL)).toBe(false);
  });

  it('follows the hint of a server that speaks first', () => {
    const mechTypes = [MechType.MS_KERBEROS, MechType.NTLMSSP];
    const client = clientOf();
    const token = client.negotiate(encodeNegTokenInit2({ mechTypes, negHints: { hintName: 'ignore' } }));
    expect(decodeNegTokenInit(token).mechTypes).toEqual([MechType.NTLMSSP]);
    expect(client.state).toBe('negotiated');
  });

  it('is not made for a server whose hint has no NTLMSSP, or is none', () => {
    const kerberos = encodeNegTokenInit2({ mechTypes: [MechType.KERBEROS] });
    const client = clientOf();
    expect(thrown(() => client.negotiate(kerberos))).toMatchObject({
      code: 'mechanism-refused',
      phase: 'spnego',
      side: 'peer',
    });
    expect(stateOf(client.spnego!)).toBe('failed.refused');
    expect(client.actor.getSnapshot().value).toBe('idle');
    for (const hint of [finalToken(), new Uint8Array(3), challengeToken()]) {
      expect(thrown(() => clientOf().negotiate(hint)).code).toBe('malformed-token');
    }
  });
});

describe('the first reply', () => {
  it('is answered by a NegTokenResp with type 3 and mechListMIC, state responded', () => {
    const { client, acceptor, response } = responded();
    expect(response).not.toHaveProperty('negState');
    expect(response).not.toHaveProperty('supportedMech');
    expect(decodeAuthenticate(response.responseToken!).mic).toBeDefined();
    acceptor.verify(response.mechListMIC!);
    expect(client.state).toBe('responded');
    expect(client.target?.name).toBe('DOMAIN');
    expect(client.sessionKey?.bytes()).toEqual(acceptor.verified?.sessionKey.bytes());
  });

  it('without KEY_EXCH gets the mechListMIC that MS-NLMP 3.4.4.2 computes', () => {
    const { client, response } = responded({}, {}, (GENEROUS & ~F.NEGOTIATE_KEY_EXCH) >>> 0);
    const magic = 'session key to client-to-server signing key magic constant\0';
    const signKey = createHash('md5').update(client.sessionKey!.bytes()).update(magic).digest();
    const checksum = createHmac('md5', signKey).update(Buffer.alloc(4)).update(NTLM_LIST).digest('hex').slice(0, 16);
    expect(toHex(response.mechListMIC!)).toBe(`01000000${checksum}00000000`);
  });

  it('that does not grant SIGN gets neither mechListMIC nor key exchange, and the negotiation goes on', () => {
    const { client, response } = responded({}, {}, (GENEROUS & ~F.NEGOTIATE_SIGN) >>> 0);
    expect(response.mechListMIC).toBeUndefined();
    expect(hasFlag(decodeAuthenticate(response.responseToken!).negotiateFlags, F.NEGOTIATE_KEY_EXCH)).toBe(false);
    expect(client.finish(finalToken())).toBeUndefined();
    expect(client.state).toBe('authenticated');
    expect(client.session).toBeUndefined();
  });

  it('that does not grant the SIGN which the caller demands is refused', () => {
    const client = clientOf({ sessionSecurity: 'sign' });
    client.negotiate();
    const reply = new ScriptedAcceptor({ flags: (GENEROUS & ~F.NEGOTIATE_SIGN) >>> 0 }).reply();
    expect(thrown(() => client.respond(reply)).code).toBe('downgrade-refused');
    expect(stateOf(client.spnego!)).toBe('failed.refused');
    expect(client.state).toBe('failed');
  });

  it.each<[string, Partial<NegTokenRespFields>]>([
    ['without supportedMech', { supportedMech: MechType.NTLMSSP }],
    ['that says accept-completed too early', { negState: 'accept-completed' }],
    ['that asks for a MIC', { negState: 'request-mic' }],
  ])('%s is answered', (_, fields) => {
    const { client, response } = responded({}, fields);
    expect(client.state).toBe('responded');
    expect(response.mechListMIC).toHaveLength(16);
  });

  it('may leave out negState and supportedMech', () => {
    const client = clientOf();
    client.negotiate();
    client.respond(encodeNegTokenResp({ responseToken: challengeToken() }));
    expect(client.state).toBe('responded');
  });

  it('may repeat the responseToken as mechListMIC', () => {
    const client = clientOf();
    client.negotiate();
    const type2 = challengeToken();
    client.respond(encodeNegTokenResp({ negState: 'accept-incomplete', responseToken: type2, mechListMIC: type2 }));
    expect(client.state).toBe('responded');
  });

  const reply = (fields: NegTokenRespFields): Uint8Array => new ScriptedAcceptor().reply(fields);
  it.each<[string, Uint8Array, NtlmErrorCode, string]>([
    ['reject', encodeNegTokenResp({ negState: 'reject' }), 'mechanism-refused', 'failed.refused'],
    ['reject with a challenge', reply({ negState: 'reject' }), 'mechanism-refused', 'failed.refused'],
    ['another mechanism', reply({ supportedMech: MechType.KERBEROS }), 'mechanism-refused', 'failed.refused'],
    ['a mechListMIC', reply({ mechListMIC: new Uint8Array(16) }), 'malformed-token', 'failed.faulted'],
    ['no challenge', finalToken(), 'malformed-token', 'failed.faulted'],
    ['an empty challenge', reply({ responseToken: new Uint8Array(0) }), 'malformed-token', 'failed.faulted'],
    ['a NegTokenInit', encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] }), 'malformed-token', 'failed.faulted'],
    ['no DER', new Uint8Array([1, 2, 3]), 'malformed-token', 'failed.faulted'],
    ['nothing', new Uint8Array(0), 'malformed-token', 'failed.faulted'],
    ['a type 1', reply({ responseToken: new Uint8Array(40) }), 'wrong-signature', 'failed.faulted'],
    ['a weak challenge', reply({ responseToken: challengeToken({ flags: 1 }) }), 'downgrade-refused', 'failed.refused'],
  ])('with %s is not answered', (_, token, code, state) => {
    const client = clientOf();
    const tokens = emittedBy(client.spnego!);
    client.negotiate();
    expect(thrown(() => client.respond(token))).toMatchObject({ code, side: 'peer' });
    expect(stateOf(client.spnego!)).toBe(state);
    expect(client.error?.code).toBe(code);
    expect(tokens.map(({ message }) => message)).toEqual(['NegTokenInit']);
    expect(client.sessionKey).toBeUndefined();
  });

  it('without SPNEGO around it is answered without', () => {
    const client = clientOf();
    const tokens = emittedBy(client.spnego!);
    client.negotiate();
    expect(decodeAuthenticate(client.respond(challengeToken())).userName).toBe('User');
    expect(tokens.map(({ message }) => message)).toEqual(['NegTokenInit', 'AUTHENTICATE']);
    client.accepted();
    expect(client.state).toBe('authenticated');
  });
});

describe('the end', () => {
  it('is accept-completed with a right mechListMIC; the session goes on from there', () => {
    const { client, acceptor, response } = responded({ sessionSecurity: 'seal' });
    acceptor.verify(response.mechListMIC!);
    expect(client.finish(finalToken({ mechListMIC: acceptor.sign() }))).toBeUndefined();
    expect(client.state).toBe('authenticated');
    expect(client.actor.getSnapshot().value).toBe('authenticated');

    const session = NtlmSession.fromClient(client);
    expect(session).toBe(client.session);
    const message = new TextEncoder().encode('sealed after mechListMIC');
    const sealed = session.wrap(message);
    expect(toHex(sealed.subarray(12, 16))).toBe('01000000'); // sequence number 0 was mechListMIC's
    expect(acceptor.session!.unwrap(sealed)).toEqual(message);
    expect(session.unwrap(acceptor.session!.wrap(message))).toEqual(message);
  });

  it.each<[string, NegTokenRespFields]>([
    ['accept-completed without mechListMIC', {}],
    ['the mechanism named again', { supportedMech: MechType.NTLMSSP }],
    ['another mechanism named late, which is ignored (MS-SPNG 3.3.5)', { supportedMech: MechType.KERBEROS }],
    ['an empty responseToken', { responseToken: new Uint8Array(0) }],
  ])('may be %s', (_, fields) => {
    const { client } = responded();
    expect(client.finish(finalToken(fields))).toBeUndefined();
    expect(client.state).toBe('authenticated');
  });

  it('may come without negState', () => {
    const { client, acceptor } = responded();
    expect(client.finish(encodeNegTokenResp({ mechListMIC: acceptor.sign() }))).toBeUndefined();
    expect(client.state).toBe('authenticated');
  });

  it('may come without a token', () => {
    const { client } = responded();
    client.accepted();
    expect(client.state).toBe('authenticated');
  });

  it.each([
    ['the caller demands a session', { sessionSecurity: 'sign' } as const, {}],
    ['the acceptor asked for a MIC', {}, { negState: 'request-mic' } as const],
  ])('needs the mechListMIC where %s', (_, options, fields) => {
    const finished = responded(options, fields);
    expect(thrown(() => finished.client.finish(finalToken())).code).toBe('mech-list-mic-mismatch');
    expect(stateOf(finished.client.spnego!)).toBe('failed.refused');
    const accepted = responded(options, fields);
    expect(thrown(() => accepted.client.accepted()).code).toBe('mech-list-mic-mismatch');
    expect(stateOf(accepted.client.spnego!)).toBe('failed.refused');
    const right = responded(options, fields);
    expect(right.client.finish(finalToken({ mechListMIC: right.acceptor.sign() }))).toBeUndefined();
    expect(right.client.state).toBe('authenticated');
  });

  it('is refused where the acceptor signed another list: somebody altered ours on its way', () => {
    const { client, acceptor } = responded();
    const forged = Uint8Array.from(Buffer.from('30170609' + '2a864886f712010202' + '060a2b06010401823702020a', 'hex'));
    const { sessionKey, session } = client;
    const error = thrown(() => client.finish(finalToken({ mechListMIC: acceptor.sign(forged) })));
    expect(error).toMatchObject({ code: 'mech-list-mic-mismatch', phase: 'spnego', side: 'peer' });
    expect(stateOf(client.spnego!)).toBe('failed.refused');
    expect(sessionKey!.wiped).toBe(true);
    expect(session!.closed).toBe(true);
  });

  it.each<[string, (acceptor: ScriptedAcceptor) => Uint8Array]>([
    ['zeros', () => new Uint8Array(16)],
    ['nothing', () => new Uint8Array(0)],
    ['15 bytes', (acceptor) => acceptor.sign().subarray(0, 15)],
    ['our own signature', ({ response }) => response!.mechListMIC!],
    ['the signature after it', (acceptor) => (acceptor.sign(), acceptor.sign())],
  ])('is refused with %s as mechListMIC', (_, mechListMIC) => {
    const { client, acceptor } = responded();
    expect(thrown(() => client.finish(finalToken({ mechListMIC: mechListMIC(acceptor) }))).code).toBe(
      'mech-list-mic-mismatch',
    );
    expect(stateOf(client.spnego!)).toBe('failed.refused');
  });

  it('is refused with a mechListMIC where no SIGN was agreed on', () => {
    const { client } = responded({}, {}, (GENEROUS & ~F.NEGOTIATE_SIGN) >>> 0);
    expect(thrown(() => client.finish(finalToken({ mechListMIC: new Uint8Array(16) }))).code).toBe(
      'mech-list-mic-mismatch',
    );
  });

  it.each<[string, Uint8Array, NtlmErrorCode, string]>([
    ['reject', finalToken({ negState: 'reject' }), 'credentials-refused', 'failed.rejected'],
    ['request-mic', finalToken({ negState: 'request-mic' }), 'malformed-token', 'failed.faulted'],
    ['a fourth message', finalToken({ responseToken: new Uint8Array(8) }), 'malformed-token', 'failed.faulted'],
    [
      'accept-incomplete and nothing to answer',
      finalToken({ negState: 'accept-incomplete' }),
      'malformed-token',
      'failed.faulted',
    ],
    ['a type 2', challengeToken(), 'malformed-token', 'failed.faulted'],
    ['a NegTokenInit', encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] }), 'malformed-token', 'failed.faulted'],
    ['no DER', new Uint8Array([0xa1, 0x05, 0x30]), 'malformed-token', 'failed.faulted'],
  ])('is not %s', (_, token, code, state) => {
    const { client } = responded();
    expect(thrown(() => client.finish(token))).toMatchObject({ code, side: 'peer' });
    expect(stateOf(client.spnego!)).toBe(state);
    expect(client.sessionKey!.wiped).toBe(true);
    expect(client.spnego!.getSnapshot().hasTag('needs-credentials')).toBe(state === 'failed.rejected');
  });

  it('is a rejection without a token, too', () => {
    const { client } = responded();
    client.rejected();
    expect(client.error).toMatchObject({ code: 'credentials-refused', side: 'peer' });
    expect(client.actor.getSnapshot().value).toEqual({ failed: 'rejected' });
  });
});

describe('accept-incomplete with mechListMIC after the type 3', () => {
  it('is answered with ours, and then accepted', () => {
    const { client, acceptor, response } = responded();
    const token = client.finish(finalToken({ negState: 'accept-incomplete', mechListMIC: acceptor.sign() }));
    expect(decodeNegTokenResp(token!)).toEqual({ type: 'resp', mechListMIC: response.mechListMIC });
    acceptor.verify(response.mechListMIC!);
    expect(client.state).toBe('responded');
    expect(client.finish(finalToken())).toBeUndefined();
    expect(client.state).toBe('authenticated');
  });

  it('is answered once', () => {
    const { client, acceptor } = responded();
    client.finish(finalToken({ negState: 'accept-incomplete', mechListMIC: acceptor.sign() }));
    expect(thrown(() => client.finish(finalToken({ negState: 'accept-incomplete' }))).code).toBe('malformed-token');
    expect(stateOf(client.spnego!)).toBe('failed.faulted');
  });

  it('is not answered where it is wrong', () => {
    const { client } = responded();
    const token = finalToken({ negState: 'accept-incomplete', mechListMIC: new Uint8Array(16) });
    expect(thrown(() => client.finish(token)).code).toBe('mech-list-mic-mismatch');
  });

  it('and the accept-completed after it may not bring another one', () => {
    const { client, acceptor } = responded();
    client.finish(finalToken({ negState: 'accept-incomplete', mechListMIC: acceptor.sign() }));
    expect(thrown(() => client.finish(finalToken({ mechListMIC: acceptor.sign() }))).code).toBe(
      'mech-list-mic-mismatch',
    );
  });
});

describe('the anonymous user', () => {
  const anonymous = { credentials: Credentials.anonymous() };

  it('sends no mechListMIC, and needs none', () => {
    const { client, response } = responded(anonymous);
    expect(response.mechListMIC).toBeUndefined();
    client.finish(finalToken());
    expect(client.state).toBe('authenticated');
  });

  it('sends it where the acceptor asks for it', () => {
    const early = responded(anonymous, { negState: 'request-mic' });
    early.acceptor.verify(early.response.mechListMIC!);
    const late = responded(anonymous);
    const token = late.client.finish(finalToken({ negState: 'accept-incomplete', mechListMIC: late.acceptor.sign() }));
    late.acceptor.verify(decodeNegTokenResp(token!).mechListMIC!);
  });
});

describe('reset', () => {
  it('wipes keys and session, and the next negotiation may use other credentials', () => {
    const { client } = responded();
    const { sessionKey, session } = client;
    client.reset({ credentials: other });
    expect(client.state).toBe('idle');
    expect([sessionKey!.wiped, session!.closed, client.session, client.sessionKey]).toEqual([
      true,
      true,
      undefined,
      undefined,
    ]);
    client.negotiate();
    const { responseToken } = decodeNegTokenResp(client.respond(new ScriptedAcceptor({ nonce: 5 }).reply()));
    expect(decodeAuthenticate(responseToken!).userName).toBe('Other');
  });

  it('works from every state', () => {
    const idle = clientOf();
    const negotiated = clientOf();
    negotiated.negotiate();
    const failed = clientOf();
    failed.negotiate();
    thrown(() => failed.respond(new Uint8Array(1)));
    const authenticated = responded().client;
    authenticated.accepted();
    for (const client of [idle, negotiated, failed, responded().client, authenticated]) {
      client.reset();
      expect(client.state).toBe('idle');
      expect(client.error).toBeUndefined();
      client.negotiate();
      expect(client.state).toBe('negotiated');
    }
  });
});

describe('the calls', () => {
  it('throw unexpected-call where the state does not know them, and change nothing', () => {
    const client = clientOf();
    const calls = {
      negotiate: () => client.negotiate(),
      respond: () => client.respond(new ScriptedAcceptor().reply()),
      finish: () => client.finish(finalToken()),
      accepted: () => client.accepted(),
      rejected: () => client.rejected(),
    };
    const refusesAllBut = (...allowed: (keyof typeof calls)[]): void => {
      const before = client.spnego!.getSnapshot();
      for (const [name, call] of Object.entries(calls)) {
        if (!allowed.includes(name as keyof typeof calls)) expect(thrown(call).code, name).toBe('unexpected-call');
      }
      expect(client.spnego!.getSnapshot()).toBe(before);
    };
    refusesAllBut('negotiate');
    calls.negotiate();
    refusesAllBut('respond');
    calls.respond();
    refusesAllBut('finish', 'accepted', 'rejected');
    calls.accepted();
    refusesAllBut();
  });

  it('name a wrong argument', () => {
    for (const value of ['token', null, 7, [1]] as never[]) {
      expect(thrown(() => clientOf().negotiate(value))).toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining('"hint"'),
      });
      expect(thrown(() => responded().client.finish(value))).toMatchObject({
        code: 'invalid-argument',
        message: expect.stringContaining('"token"'),
      });
    }
  });

  it('finish() and hints are for SPNEGO only', () => {
    const client = clientOf({ spnego: false });
    expect(thrown(() => client.negotiate(new Uint8Array(1))).code).toBe('invalid-argument');
    client.negotiate();
    client.respond(challengeToken());
    expect(thrown(() => client.finish(finalToken())).code).toBe('unexpected-call');
    client.accepted();
    expect(client.state).toBe('authenticated');
  });

  it.each<[string, object]>([
    ['spnego', { spnego: 'yes' }],
    ['spnego', { spnego: null }],
    ['connectionless', { connectionless: true }],
    ['policy', { policy: 'strong' }],
    ['credentials', { credentials: undefined }],
  ])('option "%s" is checked: %o', (name, options) => {
    const error = thrown(() => clientOf(options));
    expect(error).toMatchObject({
      code: 'invalid-argument',
      side: 'local',
      message: expect.stringContaining(`"${name}"`),
    });
  });
});

describe('a build without SPNEGO', () => {
  afterEach(() => vi.doUnmock('../../src/spnego/_included.ts'));

  it('says so, and takes it from the caller', async () => {
    vi.resetModules();
    vi.doMock('../../src/spnego/_included.ts', () => import('../../src/spnego/_left-out.ts'));
    const { NtlmClient, Credentials: Handle } = await import('../../src/index.ts');
    const { spnego } = await import('../../src/spnego/index.ts');
    const own = Handle.fromPassword({ username: 'User', password: 'Password' });
    expect(() => new NtlmClient({ credentials: own, spnego: true })).toThrow(
      expect.objectContaining({ code: 'unsupported', side: 'local' }),
    );
    expect(decodeNegTokenInit(new NtlmClient({ credentials: own, spnego }).negotiate()).type).toBe('init');
  });
});

describe('the actor', () => {
  it('waits where a service of the handshake answers later', async () => {
    const machine = ntlmMachine.provide({
      actors: {
        authenticate: fromPromise(async ({ input }: { input: AuthenticateInput }) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return authenticate(input);
        }),
      },
    });
    const actor = createSpnegoActor({ credentials }, { machine });
    const tokens = emittedBy(actor);
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: new ScriptedAcceptor().reply() });
    expect(stateOf(actor)).toBe('challenged.responding');
    expect(actor.getSnapshot().hasTag('busy')).toBe(true);
    await vi.waitFor(() => expect(stateOf(actor)).toBe('responded.waiting'));
    expect(tokens.map(({ message }) => message)).toEqual(['NegTokenInit', 'NegTokenResp']);
    expect(decodeNegTokenResp(tokens[1]!.token).mechListMIC).toHaveLength(16);
  });

  it('keeps a service failure of the handshake as its own error', () => {
    const machine = ntlmMachine.provide({
      actors: { encodeNegotiate: fromPromise(() => Promise.reject(new Error('no HSM'))) as never },
    });
    const actor = createSpnegoActor({ credentials }, { machine });
    actor.send({ type: 'negotiate' });
    return vi.waitFor(() => {
      expect(stateOf(actor)).toBe('failed.faulted');
      expect(actor.getSnapshot().context.error).toMatchObject({
        code: 'service-failed',
        phase: 'negotiate',
        side: 'local',
      });
    });
  });

  it('shows no secret in any snapshot, emitted token or error', () => {
    const { client, acceptor } = responded({ sessionSecurity: 'seal' });
    const key = acceptor.verified!.sessionKey.bytes();
    const needles = [
      ...textNeedles('password', PASSWORD),
      needle('NT hash', ntowfV1(PASSWORD)),
      needle('session key', key),
    ];
    expect(reachable(client.spnego!.getSnapshot().context, needles)).toEqual([]);
    client.finish(finalToken({ mechListMIC: acceptor.sign() }));
    expect(reachable(client.spnego!.getSnapshot().context, needles)).toEqual([]);
    expect(reachable(client.session, needles)).toEqual([]);
    const wrong = responded().client;
    expect(
      reachable(
        thrown(() => wrong.finish(finalToken({ mechListMIC: new Uint8Array(16) }))),
        needles,
      ),
    ).toEqual([]);
  });
});
