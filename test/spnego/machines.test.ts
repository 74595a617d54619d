/** Both machines from outside: their tags, what they emit, what they say, and children and services that misbehave. */
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { createActor, fromPromise, type AnyStateMachine, type AnyStateNode, type StateValue } from 'xstate';
import { Credentials, NtlmError, SessionKey, ntlmMachine } from '../../src/index.ts';
import { NegotiateFlags as F } from '../../src/messages/index.ts';
import {
  MechType,
  SpnegoAcceptor,
  createSpnegoActor,
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeNegTokenInit,
  encodeNegTokenResp,
  spnegoAcceptorMachine,
  spnegoMachine,
  type SpnegoAcceptorActor,
} from '../../src/spnego/index.ts';
import { objections as acceptorObjections } from '../../src/spnego/acceptor/objections.ts';
import { BLANK as ACCEPTOR_BLANK } from '../../src/spnego/acceptor/setup.ts';
import { objections } from '../../src/spnego/objections.ts';
import { verifyMechListMicService, wrapResponseService } from '../../src/spnego/services.ts';
import { BLANK } from '../../src/spnego/setup.ts';
import { GENEROUS, challengeToken } from '../support/handshake.ts';
import { ScriptedAcceptor, clientOf, credentials, emittedBy, finalToken, stateOf } from './support.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

const leavesOf = (node: AnyStateNode): AnyStateNode[] => {
  const children = Object.values(node.states);
  return children.length === 0 ? [node] : children.flatMap(leavesOf);
};

describe('tags tell what is waited for', () => {
  const tagsOf = (machine: AnyStateMachine, context: object): Record<string, string> =>
    Object.fromEntries(
      leavesOf(machine.root).map(({ path }) => {
        const value = path.reduceRight<StateValue>((inner, name) => (inner === '' ? name : { [name]: inner }), '');
        const snapshot = machine.resolveState({ value, context });
        return [path.join('.'), [...snapshot.tags].sort().join(' ')];
      }),
    );
  const busy = (parent: string, ...names: string[]): Record<string, string> =>
    Object.fromEntries(names.map((name) => [`${parent}.${name}`, 'busy']));

  test('of the initiator', () => {
    expect(tagsOf(spnegoMachine, BLANK)).toEqual({
      idle: '',
      ...busy('negotiated', 'decoding', 'deciding', 'encoding'),
      'negotiated.waiting': 'awaiting-server',
      ...busy('challenged', 'decoding', 'deciding', 'responding', 'wrapping'),
      'responded.waiting': 'awaiting-server',
      ...busy('responded', 'decoding', 'deciding', 'verifying', 'concluding', 'answering'),
      authenticated: 'settled',
      'failed.faulted': 'settled',
      'failed.refused': 'settled',
      'failed.rejected': 'needs-credentials settled',
    });
  });

  test('of the acceptor', () => {
    expect(tagsOf(spnegoAcceptorMachine, ACCEPTOR_BLANK)).toEqual({
      listening: 'awaiting-client',
      ...busy('negotiating', 'decoding', 'choosing', 'decodingNegotiate', 'deciding'),
      'negotiating.chosen': 'awaiting-client',
      ...busy('presented', 'stepping', 'answering', 'decoding', 'deciding'),
      'presented.waiting': 'awaiting-client',
      challenging: 'busy',
      challenged: 'awaiting-client',
      ...busy('verifying', 'decoding', 'deciding', 'verifying', 'concluding', 'answering'),
      'confirming.waiting': 'awaiting-client',
      ...busy('confirming', 'decoding', 'deciding', 'verifying'),
      accepted: 'settled',
      refused: 'settled',
    });
  });
});

describe('an objection', () => {
  // A guard that throws ends its actor.
  test.each([...Object.entries(objections), ...Object.entries(acceptorObjections)])('"%s" looks at no token without a fault', (_, { applies }) => {
    expect(typeof (applies as (context: object) => boolean)({ ...BLANK, ...ACCEPTOR_BLANK })).toBe('boolean');
  });
});

describe('what the acceptor emits is what its context holds, in copies', () => {
  const watch = (actor: SpnegoAcceptorActor) => {
    const emitted: { type: string; message: string; token: Uint8Array }[] = [];
    actor.on('token', (event) => {
      const held = actor.getSnapshot().context.token;
      expect(event.token).not.toBe(held);
      emitted.push(event);
    });
    return emitted;
  };
  const mechTypes = [MechType.NTLMSSP];

  it('hint, mechanism, challenge, end', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const emitted = watch(acceptor.actor);
    const tokens = [acceptor.hint()];
    const client = clientOf();
    const { mechToken } = decodeNegTokenInit(client.negotiate());
    const send = async (token: Uint8Array): Promise<Uint8Array> => {
      const step = await acceptor.accept(token);
      tokens.push(step.token!);
      return step.token!;
    };
    const chosen = await send(encodeNegTokenInit({ mechTypes }));
    expect(decodeNegTokenResp(chosen)).toEqual({ type: 'resp', negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP });
    const challenge = await send(encodeNegTokenResp({ responseToken: mechToken! }));
    // The mechanism is named once (RFC 4178 4.2.2).
    expect(decodeNegTokenResp(challenge)).toEqual({ type: 'resp', negState: 'accept-incomplete', responseToken: expect.any(Uint8Array) });
    await send(client.respond(challenge));
    expect(acceptor.state).toBe('accepted');
    expect(emitted.map(({ type, message }) => `${type} ${message}`)).toEqual(['token NegTokenInit2', ...Array(3).fill('token NegTokenResp')]);
    expect(emitted.map(({ token }) => token)).toEqual(tokens);
  });

  it('a challenge without SPNEGO to who speaks without, and no reject', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const emitted = watch(acceptor.actor);
    const { token } = await acceptor.accept(clientOf({ spnego: false }).negotiate());
    expect(await acceptor.accept(new Uint8Array(70))).toMatchObject({ state: 'refused' });
    expect(emitted).toEqual([{ type: 'token', message: 'CHALLENGE', token }]);
  });

  it('nothing more to who speaks without SPNEGO and is accepted', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const emitted = watch(acceptor.actor);
    const client = clientOf({ spnego: false });
    const { token } = await acceptor.accept(client.negotiate());
    expect(await acceptor.accept(client.respond(token!))).toMatchObject({ state: 'accepted' });
    expect(emitted.map(({ message }) => message)).toEqual(['CHALLENGE']);
  });

  it('request-mic, to who likes another mechanism best', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const emitted = watch(acceptor.actor);
    const { token } = await acceptor.accept(encodeNegTokenInit({ mechTypes: [MechType.KERBEROS, MechType.NTLMSSP] }));
    expect(emitted).toEqual([{ type: 'token', message: 'NegTokenResp', token }]);
  });

  it('reject', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const emitted = watch(acceptor.actor);
    const { token } = await acceptor.accept(encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] }));
    expect(emitted).toEqual([{ type: 'token', message: 'NegTokenResp', token }]);
  });

  it('the last word after a mechListMIC that came late', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const emitted = watch(acceptor.actor);
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    const { responseToken, mechListMIC } = decodeNegTokenResp(client.respond(token!));
    await acceptor.accept(encodeNegTokenResp({ responseToken: responseToken! }));
    const last = await acceptor.accept(encodeNegTokenResp({ mechListMIC: mechListMIC! }));
    expect(last.state).toBe('accepted');
    expect(emitted.at(-1)).toEqual({ type: 'token', message: 'NegTokenResp', token: last.token });
    expect(emitted.map(({ message }) => message)).toEqual(Array(3).fill('NegTokenResp'));
  });

  it('reset leaves nothing of the negotiation before', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    await acceptor.accept(client.respond(token!));
    acceptor.reset();
    expect(acceptor.actor.getSnapshot().context).toEqual({ ...ACCEPTOR_BLANK, options: { credentials } });
  });

  it('a refusal closes the session that was open', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    const { responseToken } = decodeNegTokenResp(client.respond(token!));
    await acceptor.accept(encodeNegTokenResp({ responseToken: responseToken! }));
    const { session } = acceptor.actor.getSnapshot().context;
    expect(session!.closed).toBe(false);
    await acceptor.accept(encodeNegTokenResp({ mechListMIC: new Uint8Array(16) }));
    expect(session!.closed).toBe(true);
  });
});

describe('what is said', () => {
  const errorOf = async (call: () => unknown): Promise<string> => {
    try {
      await call();
    } catch (error) {
      const { code, phase, side, message } = error as NtlmError;
      return `${code} ${phase} ${side}: ${message}`;
    }
    return 'nothing was thrown';
  };

  it('by the calls of the acceptor', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    expect(await errorOf(() => acceptor.accept('x' as never))).toBe('invalid-argument spnego local: "token" must be a Uint8Array');
    await acceptor.accept(clientOf().negotiate());
    expect(await errorOf(() => acceptor.hint())).toBe('unexpected-call spnego local: hint() has no meaning in state "challenged"; nothing changed');
    await acceptor.accept(new Uint8Array(1));
    expect(await errorOf(() => acceptor.accept(new Uint8Array(1)))).toBe('unexpected-call spnego local: accept() has no meaning in state "refused"; nothing changed');
    const waiting = new SpnegoAcceptor({ credentials: () => new Promise<never>(() => {}) });
    const client = clientOf();
    const { token } = await waiting.accept(client.negotiate());
    const step = waiting.accept(client.respond(token!));
    waiting.reset();
    expect(await errorOf(() => step)).toBe('aborted spnego local: the negotiation was reset');
  });

  it('by a refusal of the acceptor', async () => {
    const refused = async (token: Uint8Array): Promise<unknown> => {
      const step = await new SpnegoAcceptor({ credentials }).accept(token);
      return step.state === 'refused' ? step.error : undefined;
    };
    const kerberos = encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] });
    expect(await refused(kerberos)).toMatchObject({ code: 'mechanism-refused', phase: 'spnego', side: 'peer' });
  });

  it('by the initiator', async () => {
    const rejected = clientOf();
    rejected.negotiate();
    rejected.respond(new ScriptedAcceptor().reply());
    rejected.rejected();
    expect(await errorOf(() => { throw rejected.error!; })).toBe('credentials-refused spnego peer: the server refused the credentials');
    const refused = clientOf();
    refused.negotiate();
    expect(await errorOf(() => refused.respond(encodeNegTokenResp({ negState: 'reject' })))).toBe('mechanism-refused spnego peer: the acceptor refuses NTLMSSP');
    const altered = clientOf();
    altered.negotiate();
    altered.respond(new ScriptedAcceptor().reply());
    expect(await errorOf(() => altered.finish(finalToken({ mechListMIC: new Uint8Array(16) })))).toMatch(/^mech-list-mic-mismatch spnego peer: mechListMIC is not the signature/);
    expect(await errorOf(() => clientOf({ connectionless: true }))).toMatch(/^invalid-argument configure local: "connectionless" has no meaning in SPNEGO/);
  });

  it('by a service of the acceptor that fails with an error of no type', async () => {
    const machine = spnegoAcceptorMachine.provide({
      actors: { conclude: fromPromise(() => Promise.reject(new TypeError('no HSM'))) as never },
    });
    const acceptor = createActor(machine, { input: { credentials } }).start();
    const client = clientOf();
    acceptor.send({ type: 'token', token: client.negotiate() });
    acceptor.send({ type: 'token', token: client.respond(acceptor.getSnapshot().context.token!) });
    await vi.waitFor(() => expect(acceptor.getSnapshot().value).toBe('refused'));
    const { error, refusal } = acceptor.getSnapshot().context;
    expect(error).toMatchObject({ code: 'service-failed', phase: 'spnego', side: 'local', cause: expect.any(TypeError) });
    expect(refusal).toBeUndefined(); // not the client's doing
  });
});

describe('a child that says nonsense changes nothing', () => {
  const nonsense = [undefined, null, {}, { matches: 'responded' }, 7];

  test('to the initiator, while the handshake inside is at work', () => {
    const machine = ntlmMachine.provide({
      actors: {
        encodeNegotiate: fromPromise(() => new Promise<never>(() => {})) as never,
        authenticate: fromPromise(() => new Promise<never>(() => {})) as never,
      },
    });
    const encoding = createSpnegoActor({ credentials }, { machine });
    encoding.send({ type: 'negotiate' });
    const half = ntlmMachine.provide({ actors: { authenticate: fromPromise(() => new Promise<never>(() => {})) as never } });
    const responding = createSpnegoActor({ credentials }, { machine: half });
    responding.send({ type: 'negotiate' });
    responding.send({ type: 'challenge', token: new ScriptedAcceptor().reply() });
    for (const [actor, state] of [[encoding, 'negotiated.encoding'], [responding, 'challenged.responding']] as const) {
      for (const snapshot of nonsense) {
        actor.send({ type: 'xstate.snapshot.ntlm', snapshot } as never);
        expect(actor.getSnapshot().status).toBe('active');
        expect(stateOf(actor)).toBe(state);
      }
    }
  });

  test('to the acceptor, while it looks up the credentials', async () => {
    const acceptor = new SpnegoAcceptor({ credentials: () => new Promise<never>(() => {}) });
    const client = clientOf();
    const { token } = await acceptor.accept(client.negotiate());
    acceptor.actor.send({ type: 'token', token: client.respond(token!) });
    for (const snapshot of nonsense) {
      acceptor.actor.send({ type: 'xstate.snapshot.acceptor', snapshot } as never);
      expect(acceptor.actor.getSnapshot().status).toBe('active');
      expect(stateOf(acceptor.actor)).toBe('verifying.verifying');
    }
  });
});

describe('services by themselves', () => {
  const type1 = clientOf({ spnego: false }).negotiate();
  const whole = { token: type1, sessionKey: new SessionKey(new Uint8Array(16)), negotiateFlags: F.NEGOTIATE_SIGN };

  test.each<[string, object | undefined]>([
    ['no handshake', undefined],
    ['no token', { ...whole, token: undefined }],
    ['no session key', { ...whole, sessionKey: undefined }],
    ['no flags', { ...whole, negotiateFlags: undefined }],
    ['nothing but flags', { negotiateFlags: 1 }],
  ])('a response with %s is not wrapped', (_, handshake) => {
    const input = { raw: false, micRequested: false, mechTypeList: new Uint8Array(2), handshake: handshake as never };
    const snapshot = createActor(wrapResponseService, { input }).getSnapshot();
    expect(snapshot).toMatchObject({ status: 'error', error: { name: 'NtlmError', code: 'service-failed', phase: 'spnego', side: 'local' } });
    expect((snapshot as unknown as { error: NtlmError }).error.message).toContain('no response yet');
  });

  test.each([{ session: undefined, mechListMIC: new Uint8Array(16) }, { session: undefined, mechListMIC: undefined }])(
    'without a session there is no mechListMIC to verify (%#)',
    (given) => {
      const actor = createActor(verifyMechListMicService, { input: { ...given, mechTypeList: new Uint8Array(2) } });
      expect(actor.getSnapshot().status).toBe('done');
    },
  );

  test('nor one to verify in a session that has it not', () => {
    const client = clientOf();
    const acceptor = new ScriptedAcceptor();
    acceptor.challenge(client);
    const input = { session: acceptor.session, mechListMIC: undefined, mechTypeList: new Uint8Array(2) };
    expect(createActor(verifyMechListMicService, { input }).getSnapshot().status).toBe('done');
  });
});

describe('where a mechListMIC is owed, and where not', () => {
  const finished = (options: Parameters<typeof clientOf>[0], flags: number, fields: Parameters<ScriptedAcceptor['reply']>[0] = {}) => {
    const client = clientOf(options);
    new ScriptedAcceptor({ flags }).challenge(client, fields);
    return client;
  };
  const UNSIGNED = (GENEROUS & ~F.NEGOTIATE_SIGN) >>> 0;

  it('owed to who demands sealing', () => {
    const client = finished({ sessionSecurity: 'seal' }, GENEROUS);
    expect(() => client.finish(finalToken())).toThrow(expect.objectContaining({ code: 'mech-list-mic-mismatch' }));
  });

  it('not owed by an acceptor that asked for one and grants no SIGN', () => {
    const client = finished({}, UNSIGNED, { negState: 'request-mic' });
    expect(client.finish(finalToken())).toBeUndefined();
    expect(client.state).toBe('authenticated');
  });

  it('not owed by one without SPNEGO, though the caller demands a session', () => {
    const client = clientOf({ sessionSecurity: 'seal' });
    client.negotiate();
    client.respond(challengeToken());
    client.accepted();
    expect(client.state).toBe('authenticated');
  });

  it('accept-incomplete without SIGN waits for what does not exist', () => {
    const client = finished({}, UNSIGNED);
    expect(() => client.finish(finalToken({ negState: 'accept-incomplete' }))).toThrow(expect.objectContaining({ code: 'malformed-token', side: 'peer' }));
  });

  it('accept-incomplete to who has sent none is answered with it', () => {
    const client = finished({ credentials: Credentials.anonymous() }, GENEROUS);
    const emitted = emittedBy(client.spnego!);
    const token = client.finish(finalToken({ negState: 'accept-incomplete' }));
    expect(decodeNegTokenResp(token!).mechListMIC).toHaveLength(16);
    expect(emitted).toEqual([{ message: 'NegTokenResp', token }]);
  });

  it('a rejection closes the session that was begun', () => {
    const client = finished({}, GENEROUS);
    const { session } = client;
    expect(session!.closed).toBe(false);
    client.rejected();
    expect(session!.closed).toBe(true);
  });
});

describe('createSpnegoActor', () => {
  it('has an inspector see the negotiation, or none', () => {
    let events = 0;
    createSpnegoActor({ credentials }, { inspect: () => void (events += 1) }).send({ type: 'negotiate' });
    expect(events).toBeGreaterThan(3);
    expect(emittedBy(createSpnegoActor({ credentials }, { inspect: undefined }))).toEqual([]);
  });

  it.each([
    [undefined, 0],
    ['ntlmv2', 0],
    ['legacy', 1],
  ] as const)('warns of a weak policy: %s', async (policy, warnings) => {
    const emitWarning = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { createSpnegoActor: create } = await import('../../src/spnego/index.ts');
    const { Credentials: Handle } = await import('../../src/index.ts');
    const { ntlmv1 } = await import('../../src/legacy/index.ts');
    create({ credentials: Handle.fromPassword({ username: 'User', password: 'Password' }), policy: policy === 'legacy' ? ntlmv1 : policy });
    expect(emitWarning).toHaveBeenCalledTimes(warnings);
  });
});
