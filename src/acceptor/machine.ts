/**
 * The server's end of one NTLM handshake on one connection (MS-NLMP 3.2): every state and transition.
 *
 * Rules
 * - A challenge is drawn anew for each negotiate, and is good for one authenticate.
 * - `accepted` and `refused` settle the handshake: only `reset` leaves them.
 * - Services return by `onDone` or `onError`; actions never throw.
 * - An event that a state does not know changes nothing.
 */
import { assign, emit, fromPromise, setup } from 'xstate';
import { asNtlmError, type NtlmErrorPhase } from '../errors.ts';
import { policyOf } from '../machine/policy.ts';
import { fromSynchronous } from '../machine/synchronous.ts';
import type {
  AcceptorContext,
  AcceptorEmitted,
  AcceptorEvent,
  AcceptorOptions,
  AcceptorTag,
  ResolvedAcceptorOptions,
} from './context.ts';
import { makeChallenge } from './make-challenge.ts';
import { resolveAcceptorOptions } from './options.ts';
import type { Prover } from './proof.ts';
import type { VerifyResult } from './verdict.ts';
import { verifyThrough, type VerifyQuestion } from './verify.ts';

const BLANK = {
  negotiateToken: undefined,
  challengeToken: undefined,
  authenticateToken: undefined,
  result: undefined,
  refusal: undefined,
  claimed: undefined,
  error: undefined,
} as const satisfies Partial<AcceptorContext>;

const NO_BYTES = new Uint8Array(0);

export interface ChallengeServiceInput {
  readonly options: ResolvedAcceptorOptions;
  readonly negotiate: Uint8Array;
}

export interface VerifyServiceInput extends VerifyQuestion {
  readonly prove: Prover;
}

export const acceptorMachine = setup({
  types: {
    input: {} as AcceptorOptions,
    context: {} as AcceptorContext,
    events: {} as AcceptorEvent,
    emitted: {} as AcceptorEmitted,
    tags: {} as AcceptorTag,
  },
  actors: {
    makeChallenge: fromSynchronous(({ options, negotiate }: ChallengeServiceInput) =>
      makeChallenge({
        negotiate,
        target: options.target,
        serverChallenge: options.randomBytes(8),
        timestamp: options.timestamp ? options.now() : undefined,
      }),
    ),
    verify: fromPromise(
      ({ input: { prove, ...question }, signal }: { input: VerifyServiceInput; signal: AbortSignal }): Promise<VerifyResult> =>
        verifyThrough(prove, question, signal),
    ),
  },
  guards: {
    verified: (_, { ok }: { ok: boolean }) => ok,
  },
  actions: {
    keepNegotiateToken: assign(({ event }) => (event.type === 'negotiate' ? { negotiateToken: copy(event.token) } : {})),
    keepAuthenticateToken: assign(({ event }) =>
      event.type === 'authenticate' ? { authenticateToken: copy(event.token) } : {},
    ),
    keepResult: assign((_, { result }: { result: VerifyResult }) =>
      result.ok ? { result } : { refusal: result.reason, error: result.error, claimed: result.identity },
    ),
    fault: assign((_, { phase, error }: { phase: NtlmErrorPhase; error: unknown }) => ({ error: asNtlmError(error, phase) })),
    emitToken: emit((_, { token }: { token: Uint8Array<ArrayBuffer> }) => ({ type: 'token' as const, message: 'CHALLENGE' as const, token })),
    wipe: ({ context }) => context.result?.sessionKey.wipe(),
    startOver: assign(BLANK),
  },
}).createMachine({
  id: 'acceptor',
  context: ({ input }) => ({ ...BLANK, options: resolveAcceptorOptions(input) }),
  initial: 'listening',
  on: {
    reset: { target: '.listening', actions: ['wipe', 'startOver'] },
  },
  states: {
    listening: {
      tags: 'awaiting-client',
      on: { negotiate: { target: 'challenging', actions: 'keepNegotiateToken' } },
    },
    challenging: {
      tags: 'busy',
      invoke: {
        src: 'makeChallenge',
        input: ({ context: { options, negotiateToken } }) => ({ options, negotiate: negotiateToken ?? NO_BYTES }),
        onDone: {
          target: 'challenged',
          actions: [
            assign({ challengeToken: ({ event }) => event.output }),
            { type: 'emitToken', params: ({ event }) => ({ token: event.output }) },
          ],
        },
        onError: { target: 'refused', actions: { type: 'fault', params: ({ event }) => ({ phase: 'negotiate', error: event.error }) } },
      },
    },
    challenged: {
      tags: 'awaiting-client',
      on: { authenticate: { target: 'verifying', actions: 'keepAuthenticateToken' } },
    },
    verifying: {
      tags: 'busy',
      invoke: {
        src: 'verify',
        input: ({ context: { options, ...tokens } }) => ({
          ...options,
          policy: policyOf(options),
          negotiate: tokens.negotiateToken,
          challenge: tokens.challengeToken ?? NO_BYTES,
          authenticate: tokens.authenticateToken ?? NO_BYTES,
        }),
        onDone: [
          {
            guard: { type: 'verified', params: ({ event }) => ({ ok: event.output.ok }) },
            target: 'accepted',
            actions: { type: 'keepResult', params: ({ event }) => ({ result: event.output }) },
          },
          { target: 'refused', actions: { type: 'keepResult', params: ({ event }) => ({ result: event.output }) } },
        ],
        onError: { target: 'refused', actions: { type: 'fault', params: ({ event }) => ({ phase: 'authenticate', error: event.error }) } },
      },
    },
    accepted: { tags: 'settled' },
    refused: { tags: 'settled' },
  },
});

function copy(token: Uint8Array): Uint8Array<ArrayBuffer> {
  return token instanceof Uint8Array ? new Uint8Array(token) : NO_BYTES;
}
