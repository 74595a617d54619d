/** The public types, as an app sees them: checked by the compiler. What runs here checks the values beside them. */
import type { ActorRefFrom, EmittedFrom, EventFromLogic, InputFrom } from 'xstate';
import { describe, expect, expectTypeOf, test } from 'vitest';
import * as crypto from '../../src/crypto/index.ts';
import * as root from '../../src/index.ts';
import type { LegacyPolicy } from '../../src/legacy/index.ts';
import * as legacy from '../../src/legacy/index.ts';
import type { NtlmAcceptor } from '../../src/acceptor/index.ts';
import * as messages from '../../src/messages/index.ts';
import type { SaslClient } from '../../src/sasl/index.ts';
import type { NtlmSession, SealedMessage, UnwrappedMessage } from '../../src/session/index.ts';
import type { sealSnapshot } from '../../src/snapshot/index.ts';
import type { SpnegoAcceptorStep } from '../../src/spnego/index.ts';
import {
  Credentials,
  NtlmClient,
  createNtlmActor,
  ntlmMachine,
  type ChallengeTarget,
  type Filetime,
  type NtlmActor,
  type NtlmContext,
  type NtlmEmitted,
  type NtlmError,
  type NtlmErrorCode,
  type NtlmErrorPhase,
  type NtlmErrorSide,
  type NtlmEvent,
  type NtlmOptions,
  type NtlmState,
  type NtlmStep,
  type NtlmTag,
  type Policy,
  type PolicyName,
  type ResponseKind,
  type SessionKey,
  type SessionSecurity,
} from '../../src/index.ts';

describe('closed unions', () => {
  test('an error is told apart by code, phase and side alone', () => {
    expectTypeOf<NtlmError['code']>().toEqualTypeOf<NtlmErrorCode>();
    expectTypeOf<NtlmError['phase']>().toEqualTypeOf<NtlmErrorPhase>();
    expectTypeOf<NtlmErrorSide>().toEqualTypeOf<'local' | 'peer'>();
    expectTypeOf<string>().not.toExtend<NtlmErrorCode>();
    expectTypeOf<string>().not.toExtend<NtlmErrorPhase>();
    expectTypeOf<'downgrade-refused' | 'credentials-refused' | 'unexpected-call'>().toExtend<NtlmErrorCode>();
    expectTypeOf<NtlmError['offset']>().toEqualTypeOf<number | undefined>();
  });

  test('policies, strongest first, at run time as in the types', () => {
    expectTypeOf<Policy>().toEqualTypeOf<'ntlmv2' | 'ntlmv2-compatible' | LegacyPolicy>();
    expectTypeOf<PolicyName>().toEqualTypeOf<
      'ntlmv2' | 'ntlmv2-compatible' | 'ntlm2-session' | 'ntlmv1' | 'lm-and-ntlmv1' | 'lm'
    >();
    expectTypeOf<{ name: 'ntlmv1'; toJSON(): 'ntlmv1'; toString(): string }>().not.toExtend<LegacyPolicy>();
    expect(root.policies).toEqual(['ntlmv2', 'ntlmv2-compatible']);
    expect(legacy.legacyPolicies.map(({ name }) => name)).toEqual(['ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm']);
    expectTypeOf<ResponseKind>().toEqualTypeOf<
      'ntlmv2' | 'ntlm2-session' | 'ntlmv1' | 'lm-and-ntlmv1' | 'lm' | 'anonymous'
    >();
    expectTypeOf<SessionSecurity>().toEqualTypeOf<'none' | 'offer' | 'sign' | 'seal'>();
  });

  test('states and tags', () => {
    expectTypeOf<NtlmState>().toEqualTypeOf<
      'idle' | 'negotiated' | 'challenged' | 'responded' | 'authenticated' | 'failed'
    >();
    expectTypeOf<NtlmTag>().toEqualTypeOf<'awaiting-server' | 'busy' | 'needs-credentials' | 'settled'>();
    expect(Object.keys(ntlmMachine.states)).toEqual([
      'idle',
      'negotiated',
      'challenged',
      'responded',
      'authenticated',
      'failed',
    ]);
  });

  test('events', () => {
    expectTypeOf<NtlmEvent['type']>().toEqualTypeOf<'negotiate' | 'challenge' | 'accepted' | 'rejected' | 'reset'>();
    expectTypeOf<Extract<NtlmEvent, { type: 'challenge' }>['token']>().toEqualTypeOf<Uint8Array>();
    expectTypeOf<Extract<NtlmEvent, { type: 'reset' }>['credentials']>().toEqualTypeOf<Credentials | undefined>();
    expectTypeOf<NtlmEmitted>().toEqualTypeOf<{
      readonly type: 'token';
      readonly message: 'NEGOTIATE' | 'AUTHENTICATE';
      readonly token: Uint8Array<ArrayBuffer>;
    }>();
  });
});

describe('the machine and its actor', () => {
  test('speak the public types', () => {
    expectTypeOf<EventFromLogic<typeof ntlmMachine>>().toEqualTypeOf<NtlmEvent>();
    expectTypeOf<EmittedFrom<typeof ntlmMachine>>().toEqualTypeOf<NtlmEmitted>();
    expectTypeOf<InputFrom<typeof ntlmMachine>>().toEqualTypeOf<NtlmOptions>();
    expectTypeOf<NtlmActor>().toExtend<ActorRefFrom<typeof ntlmMachine>>();
    expectTypeOf(createNtlmActor).returns.toEqualTypeOf<NtlmActor>();
    expectTypeOf<Parameters<NtlmActor['send']>[0]>().toEqualTypeOf<NtlmEvent>();
    expectTypeOf<ReturnType<NtlmActor['getSnapshot']>['context']>().toEqualTypeOf<NtlmContext>();
  });

  test('keep secrets behind handles in the context', () => {
    expectTypeOf<NtlmContext['credentials']>().toEqualTypeOf<Credentials>();
    expectTypeOf<NtlmContext['sessionKey']>().toEqualTypeOf<SessionKey | undefined>();
    expectTypeOf<NtlmContext['error']>().toEqualTypeOf<NtlmError | undefined>();
  });
});

describe('the client', () => {
  test('gives bytes for bytes', () => {
    expectTypeOf<NtlmClient['negotiate']>().toEqualTypeOf<(hint?: Uint8Array) => Uint8Array<ArrayBuffer>>();
    expectTypeOf<NtlmClient['respond']>().toEqualTypeOf<(challenge: Uint8Array) => Uint8Array<ArrayBuffer>>();
    expectTypeOf<NtlmClient['finish']>().toEqualTypeOf<(token: Uint8Array) => Uint8Array<ArrayBuffer> | undefined>();
    expectTypeOf<NtlmClient['accepted']>().toEqualTypeOf<() => void>();
    expectTypeOf<NtlmClient['rejected']>().toEqualTypeOf<() => void>();
    expectTypeOf<NtlmClient['state']>().toEqualTypeOf<NtlmState>();
    expectTypeOf<NtlmClient['target']>().toEqualTypeOf<ChallengeTarget | undefined>();
    expectTypeOf<NtlmClient['sessionKey']>().toEqualTypeOf<SessionKey | undefined>();
    expectTypeOf<NtlmClient['error']>().toEqualTypeOf<NtlmError | undefined>();
  });

  test('gives bytes that fetch, Blob and crypto.subtle take as they are, and takes any', () => {
    expectTypeOf<ReturnType<NtlmClient['negotiate']>>().toExtend<BodyInit>();
    expectTypeOf<NonNullable<NtlmStep['token']>>().toExtend<BodyInit>();
    expectTypeOf<NtlmEmitted['token']>().toExtend<BodyInit>();
    expectTypeOf<ReturnType<NtlmAcceptor['challenge']>>().toExtend<BodyInit>();
    expectTypeOf<NonNullable<SpnegoAcceptorStep['token']>>().toExtend<BodyInit>();
    expectTypeOf<ReturnType<SaslClient['start']>>().toExtend<BodyInit>();
    expectTypeOf<ReturnType<NtlmSession['wrap']>>().toExtend<BodyInit>();
    expectTypeOf<SealedMessage<ArrayBuffer>['sealed']>().toExtend<BodyInit>();
    expectTypeOf<UnwrappedMessage>().toExtend<BodyInit>();
    expectTypeOf<ReturnType<typeof sealSnapshot>>().toExtend<BodyInit>();
    expectTypeOf<ReturnType<typeof messages.encodeAuthenticate>>().toExtend<BodyInit>();
    expectTypeOf<ReturnType<typeof crypto.mic>>().toExtend<BodyInit>();
    expectTypeOf<Uint8Array>().not.toExtend<BodyInit>();
    expectTypeOf<Uint8Array<SharedArrayBuffer>>().toExtend<Parameters<NtlmClient['respond']>[0]>();
    expectTypeOf<Buffer>().toExtend<SealedMessage['sealed']>();
  });

  test('demands credentials and nothing else', () => {
    expectTypeOf<{ credentials: Credentials }>().toExtend<NtlmOptions>();
    expectTypeOf<object>().not.toExtend<NtlmOptions>();
    expectTypeOf<{ credentials: { username: string; password: string } }>().not.toExtend<NtlmOptions>();
    expectTypeOf<{ credentials: Credentials; policy: string }>().not.toExtend<NtlmOptions>();
    expectTypeOf<NtlmOptions['now']>().toEqualTypeOf<(() => Filetime) | undefined>();
    expectTypeOf<Filetime>().toEqualTypeOf<bigint>();
    expectTypeOf<NtlmOptions['randomBytes']>().toEqualTypeOf<((length: number) => Uint8Array) | undefined>();
  });

  test('takes credentials from their makers only', () => {
    // @ts-expect-error: the constructor is private
    expect(() => new Credentials({ username: 'user', domain: '' }, { password: 'x' })).toThrow('"Credentials"');
    expectTypeOf<Credentials>().not.toHaveProperty('password');
    expectTypeOf<Credentials>().not.toHaveProperty('ntHash');
  });
});

describe('the entry points', () => {
  test('. has the machine, the client, the handles and the error', () => {
    for (const name of [
      'ntlmMachine',
      'createNtlmActor',
      'stateOf',
      'policies',
      'NtlmClient',
      'Credentials',
      'SessionKey',
      'NtlmError',
    ] as const) {
      expect(root[name]).toBeDefined();
    }
  });

  test('./messages pairs each decoder with its encoder', () => {
    expectTypeOf(messages.decodeNegotiate).returns.toEqualTypeOf<messages.NegotiateMessage>();
    expectTypeOf(messages.decodeChallenge).returns.toEqualTypeOf<messages.ChallengeMessage>();
    expectTypeOf(messages.decodeAuthenticate).returns.toEqualTypeOf<messages.AuthenticateMessage>();
    expectTypeOf(messages.encodeNegotiate).parameter(0).toEqualTypeOf<messages.NegotiateMessage>();
    expectTypeOf(messages.encodeChallenge).parameter(0).toEqualTypeOf<messages.ChallengeMessage>();
    expectTypeOf(messages.encodeAuthenticate).parameter(0).toEqualTypeOf<messages.AuthenticateMessage>();
    expectTypeOf<messages.NtlmMessage['type']>().toEqualTypeOf<'NEGOTIATE' | 'CHALLENGE' | 'AUTHENTICATE'>();
    expect(Object.keys(messages)).toEqual(
      expect.arrayContaining(
        ['Negotiate', 'Challenge', 'Authenticate'].flatMap((name) => [`encode${name}`, `decode${name}`]),
      ),
    );
  });

  test('./crypto has the functions by the names of the specification, and no way into a handle', () => {
    expect(Object.keys(crypto)).toEqual(
      expect.arrayContaining([
        'md4',
        'rc4',
        'hmacMd5',
        'ntowfV1',
        'ntowfV2',
        'lmV2Response',
        'ntProofStr',
        'signKey',
        'sealKey',
        'mic',
        'channelBindingsHash',
        'Credentials',
        'SessionKey',
      ]),
    );
    expectTypeOf(crypto.ntowfV1).toEqualTypeOf<(password: string) => Uint8Array<ArrayBuffer>>();
    expectTypeOf(crypto.Credentials).toEqualTypeOf(root.Credentials);
    for (const entry of [root, messages, crypto, legacy]) expect(entry).not.toHaveProperty('secretsOf');
  });

  test('./legacy has what is weak, and the class of its policies is no value of it', () => {
    expect(Object.keys(legacy).sort()).toEqual([
      'credentialsWithLmHash',
      'des',
      'desl',
      'expandDesKey',
      'kxKey',
      'legacyPolicies',
      'lm',
      'lmAndNtlmv1',
      'lmV1Response',
      'lmowfV1',
      'ntlm2Session',
      'ntlm2SessionResponse',
      'ntlmV1Response',
      'ntlmv1',
      'sessionBaseKeyV1',
    ]);
    for (const entry of [root, messages, crypto]) for (const name of Object.keys(legacy)) expect(entry).not.toHaveProperty(name);
  });

  test('one class each, whichever entry point it came through', () => {
    expect(crypto.Credentials).toBe(root.Credentials);
    expect(crypto.SessionKey).toBe(root.SessionKey);
    expect(messages.NtlmError).toBe(root.NtlmError);
  });
});
