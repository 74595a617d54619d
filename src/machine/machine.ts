/**
 * The NTLM handshake of one client on one connection (MS-NLMP 3.1): every state, guard and transition.
 *
 * Rules
 * - A challenge is answered once, and only where a negotiate waits for it (or `connectionless` allows none).
 * - A challenge is decoded first, then each refusal of the policy is looked at in its order; only a
 *   challenge that none applies to reaches `responding`. No transition leads from a refusal to a response.
 * - The bytes are made by invoked services, which may be synchronous or not. Each returns by `onDone` or
 *   `onError`; guards and actions never throw.
 * - `authenticated` and `failed` settle the handshake: only `reset` leaves them. `reset` works everywhere,
 *   wipes what belonged to the handshake and counts the attempt.
 * - An event that a state does not know changes nothing.
 */
import { assign, emit, setup } from 'xstate';
import { Credentials } from '../crypto/credentials.ts';
import { NtlmError, asNtlmError, type NtlmErrorPhase } from '../errors.ts';
import { isBytes } from '../checks.ts';
import { NO_BYTES } from '../messages/text.ts';
import type { AuthenticateInput } from './authenticate.ts';
import type { NtlmContext, NtlmEmitted, NtlmEvent, NtlmInput, NtlmTag } from './context.ts';
import { resolveOptions } from './options.ts';
import { isAnswer, isChallenge, isToken } from './outputs.ts';
import { refusals, type RefusalName, type Situation } from './refusals.ts';
import { authenticateService, decodeChallengeService, encodeNegotiateService } from './services.ts';

const BLANK = {
  negotiateToken: undefined,
  challengeToken: undefined,
  challenge: undefined,
  token: undefined,
  response: undefined,
  negotiateFlags: undefined,
  sessionKey: undefined,
  error: undefined,
} as const satisfies Partial<NtlmContext>;

/** The decision about a decoded challenge, one guarded way out for each refusal. */
const refuse = (name: RefusalName) =>
  ({ guard: name, target: '#ntlm.failed.refused', actions: { type: 'refuse', params: { refusal: name } } }) as const;

/** The way out of a service that gave something else than its output. */
const misfit = <Phase extends NtlmErrorPhase>(phase: Phase) =>
  ({
    target: '#ntlm.failed.faulted',
    actions: { type: 'fault', params: { phase, error: 'not the output of this service' } },
  }) as const;

/** The way out of a service that failed. */
const failing = <Phase extends NtlmErrorPhase>(phase: Phase) =>
  ({
    target: '#ntlm.failed.faulted',
    actions: { type: 'fault', params: ({ event }: { event: { error: unknown } }) => ({ phase, error: event.error }) },
  }) as const;

/** In the order in which they are looked at. */
const REFUSALS = Object.keys(refusals) as RefusalName[];

type Applies = ({ context }: { context: NtlmContext }) => boolean;
const GUARDS = Object.fromEntries(
  REFUSALS.map((name): [string, Applies] => [name, ({ context }) => refusals[name].applies(context as Situation)]), // of a decoded challenge
) as Record<RefusalName, Applies>;

export const ntlmMachine = setup({
  types: {
    input: {} as NtlmInput,
    context: {} as NtlmContext,
    events: {} as NtlmEvent,
    emitted: {} as NtlmEmitted,
    tags: {} as NtlmTag,
  },
  actors: {
    encodeNegotiate: encodeNegotiateService,
    decodeChallenge: decodeChallengeService,
    authenticate: authenticateService,
  },
  guards: {
    connectionless: ({ context }) => context.options.connectionless,
    resettable: ({ event }) =>
      event.type === 'reset' && (event.credentials === undefined || event.credentials instanceof Credentials),
    isToken: (_, { output }: { output: unknown }) => isToken(output),
    isChallenge: (_, { output }: { output: unknown }) => isChallenge(output),
    isAnswer: (_, { output }: { output: unknown }) => isAnswer(output),
    ...GUARDS,
  },
  actions: {
    // A copy, which slice() of a Buffer is not: the MIC covers the bytes as they came, whatever becomes of theirs.
    keepChallengeToken: assign(({ event }) =>
      event.type === 'challenge' && isBytes(event.token) ? { challengeToken: new Uint8Array(event.token) } : {},
    ),
    refuse: assign((_, { refusal }: { refusal: RefusalName }) => {
      const { code, side, message } = refusals[refusal];
      return { error: new NtlmError(message, { code, phase: 'challenge', side }) };
    }),
    fault: assign((_, { phase, error }: { phase: NtlmErrorPhase; error: unknown }) => ({ error: asNtlmError(error, phase) })),
    noteRejection: assign(() => ({
      error: new NtlmError('the server refused the credentials', {
        code: 'credentials-refused',
        phase: 'authenticate',
        side: 'peer',
      }),
    })),
    // A copy here too: what a listener does with its token does not reach the MIC.
    emitToken: emit((_, { message, token }: Omit<NtlmEmitted, 'type'>) => ({
      type: 'token' as const,
      message,
      token: new Uint8Array(token),
    })),
    wipe: ({ context }) => context.sessionKey?.wipe(),
    startOver: assign(({ context, event }) => ({
      ...BLANK,
      attempt: context.attempt + 1,
      credentials: (event.type === 'reset' ? event.credentials : undefined) ?? context.credentials,
    })),
  },
}).createMachine({
  id: 'ntlm',
  context: ({ input }) => ({ ...BLANK, options: resolveOptions(input), credentials: input.credentials, attempt: 1 }),
  initial: 'idle',
  on: {
    reset: { guard: 'resettable', target: '.idle', actions: ['wipe', 'startOver'] },
  },
  states: {
    idle: {
      on: {
        negotiate: 'negotiated',
        challenge: { guard: 'connectionless', target: 'challenged', actions: 'keepChallengeToken' },
      },
    },

    negotiated: {
      initial: 'encoding',
      states: {
        encoding: {
          tags: 'busy',
          invoke: {
            src: 'encodeNegotiate',
            input: ({ context: { options } }) => ({ options }),
            onDone: [
              {
                guard: { type: 'isToken', params: ({ event: { output } }) => ({ output }) },
                target: 'waiting',
                actions: [
                  assign({ negotiateToken: ({ event }) => event.output, token: ({ event }) => event.output }),
                  {
                    type: 'emitToken',
                    params: ({ event }) => ({ message: 'NEGOTIATE', token: event.output }),
                  },
                ],
              },
              misfit('negotiate'),
            ],
            onError: failing('negotiate'),
          },
        },
        waiting: {
          tags: 'awaiting-server',
          on: {
            challenge: { target: '#ntlm.challenged', actions: 'keepChallengeToken' },
          },
        },
      },
    },

    challenged: {
      initial: 'decoding',
      tags: 'busy',
      states: {
        decoding: {
          invoke: {
            src: 'decodeChallenge',
            input: ({ context }) => ({ token: context.challengeToken ?? NO_BYTES }),
            onDone: [
              {
                guard: { type: 'isChallenge', params: ({ event: { output } }) => ({ output }) },
                target: 'deciding',
                actions: assign({ challenge: ({ event }) => event.output }),
              },
              misfit('challenge'),
            ],
            onError: failing('challenge'),
          },
        },
        deciding: {
          always: [
            ...REFUSALS.map(refuse),
            { target: 'responding' },
          ],
        },
        responding: {
          invoke: {
            src: 'authenticate',
            input: ({ context }) => authenticateInput(context),
            onDone: [
              {
                guard: { type: 'isAnswer', params: ({ event: { output } }) => ({ output }) },
                target: '#ntlm.responded',
                actions: [
                  assign(({ event: { output } }) => ({
                    token: output.token,
                    response: output.response,
                    negotiateFlags: output.negotiateFlags,
                    sessionKey: output.sessionKey,
                  })),
                  {
                    type: 'emitToken',
                    params: ({ event }) => ({ message: 'AUTHENTICATE', token: event.output.token }),
                  },
                ],
              },
              misfit('authenticate'),
            ],
            onError: failing('authenticate'),
          },
        },
      },
    },

    responded: {
      tags: 'awaiting-server',
      on: {
        accepted: 'authenticated',
        rejected: { target: 'failed.rejected', actions: ['wipe', 'noteRejection'] },
      },
    },

    authenticated: { tags: 'settled' },

    failed: {
      tags: 'settled',
      initial: 'faulted',
      states: {
        /** A message was malformed or a service failed. */
        faulted: {},
        /** Our policy said no to the challenge. */
        refused: {},
        /** The server said no to the credentials. */
        rejected: { tags: 'needs-credentials' },
      },
    },
  },
});

function authenticateInput(context: NtlmContext): AuthenticateInput {
  const { options, credentials, negotiateToken = NO_BYTES, challengeToken = NO_BYTES, challenge } = context;
  return { options, credentials, negotiateToken, challengeToken, challenge: challenge! };
}
