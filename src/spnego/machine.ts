/**
 * SPNEGO around the NTLM handshake of one client (RFC 4178, MS-SPNG): every state, guard and transition.
 *
 * Rules
 * - NTLMSSP is all that is offered. Its messages, policy and keys are the child's, `ntlmMachine`; here is only what
 *   is wrapped around them.
 * - A token is decoded first, then each objection is looked at in its order. No transition leads from an objection
 *   to an answer.
 * - The acceptor's mechListMIC is verified wherever it comes, and must come where it was owed.
 * - An acceptor that answers NTLMSSP without SPNEGO gets the type 3 in the same way.
 * - `accept-incomplete` after the type 3 is answered once, with our mechListMIC.
 * - `authenticated` and `failed` settle the negotiation: only `reset` leaves them. `reset` works everywhere.
 * - An event that a state does not know changes nothing.
 */
import { assign } from 'xstate';
import { invalidArgument } from '../errors.ts';
import { resolveOptions } from '../machine/options.ts';
import type { SpnegoContext, SpnegoInput } from './context.ts';
import { encodeMechTypeList } from './messages/mech-types.ts';
import type { SpnegoToken } from './messages/spnego-token.ts';
import { mechListMICOf, objections, type ObjectionName } from './objections.ts';
import { BLANK, MECH_TYPES, NO_BYTES, moved, spnegoSetup } from './setup.ts';

/** One guarded way out for an objection. */
const object = <Name extends ObjectionName>(name: Name) =>
  ({
    guard: name,
    target: `#spnego.failed.${objections[name].outcome}`,
    actions: { type: 'object', params: { objection: name } },
  }) as const;

const onFault = {
  target: '#spnego.failed.faulted',
  actions: { type: 'fault', params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }) },
} as const;

/** Decodes the token at hand, for the state `target` to look at. */
const decodeInto = <Target extends string>(target: Target) =>
  ({
    src: 'decodeToken',
    input: ({ context }: { context: SpnegoContext }) => ({ token: context.replyToken ?? NO_BYTES }),
    onDone: {
      target,
      actions: {
        type: 'keepReply',
        params: ({ event }: { event: { output: SpnegoToken } }) => ({ reply: event.output }),
      },
    },
    onError: onFault,
  }) as const;

/** The handshake inside failed: so did the negotiation, and for its reason. */
const onNtlmFailed = [
  { guard: 'ntlmRefused', target: '#spnego.failed.refused', actions: 'takeError' },
  { guard: 'ntlmFaulted', target: '#spnego.failed.faulted', actions: 'takeError' },
] as const;

export const spnegoMachine = spnegoSetup.createMachine({
  id: 'spnego',
  context: ({ input }) => ({ ...BLANK, ...checkInput(input), mechTypeList: encodeMechTypeList(MECH_TYPES) }),
  invoke: {
    id: 'ntlm',
    src: 'ntlm',
    input: ({ context }) => context.options,
    onSnapshot: {},
  },
  initial: 'idle',
  on: {
    reset: {
      guard: 'resettable',
      target: '.idle',
      actions: ['wipe', 'startOver', { type: 'tellNtlm', params: ({ event }) => ({ event }) }],
    },
  },
  states: {
    idle: {
      on: {
        negotiate: [
          { guard: 'hinted', target: 'negotiated.decoding', actions: 'keepReplyToken' },
          { target: 'negotiated.encoding' },
        ],
      },
    },

    negotiated: {
      initial: 'encoding',
      states: {
        decoding: {
          tags: 'busy',
          invoke: decodeInto('deciding'),
        },
        deciding: {
          tags: 'busy',
          always: [object('notAHint'), object('ntlmNotOffered'), { target: 'encoding' }],
        },
        encoding: {
          tags: 'busy',
          entry: { type: 'tellNtlm', params: { event: { type: 'negotiate' } } },
          on: {
            'xstate.snapshot.ntlm': [
              {
                guard: 'ntlmNegotiated',
                target: 'waiting',
                actions: ['makeNegTokenInit', { type: 'emitToken', params: { message: 'NegTokenInit' } }],
              },
              ...onNtlmFailed,
            ],
          },
        },
        waiting: {
          tags: 'awaiting-server',
          on: { challenge: { target: '#spnego.challenged', actions: 'keepReplyToken' } },
        },
      },
    },

    challenged: {
      tags: 'busy',
      initial: 'decoding',
      states: {
        decoding: {
          invoke: decodeInto('deciding'),
        },
        deciding: {
          always: [
            object('notAReply'),
            object('mechanismRejected'),
            object('otherMechanism'),
            object('micTooEarly'),
            object('challengeMissing'),
            { target: 'responding', actions: 'noteReply' },
          ],
        },
        responding: {
          entry: 'passChallenge',
          on: {
            'xstate.snapshot.ntlm': [{ guard: 'ntlmResponded', target: 'wrapping' }, ...onNtlmFailed],
          },
        },
        wrapping: {
          invoke: {
            src: 'wrapResponse',
            input: ({ context, event }) => ({ ...context, handshake: moved(event)?.context }),
            onDone: {
              target: '#spnego.responded',
              actions: [
                assign(({ event: { output } }) => ({ ...output, reply: undefined })),
                {
                  type: 'emitToken',
                  params: ({ context }) => ({ message: context.raw ? 'AUTHENTICATE' : 'NegTokenResp' }),
                },
              ],
            },
            onError: onFault,
          },
        },
      },
    },

    responded: {
      initial: 'waiting',
      states: {
        waiting: {
          tags: 'awaiting-server',
          on: {
            finish: { target: 'decoding', actions: 'keepReplyToken' },
            accepted: [object('micMissing'), { target: '#spnego.authenticated' }],
            rejected: { target: '#spnego.failed.rejected', actions: 'noteRejection' },
          },
        },
        decoding: {
          tags: 'busy',
          invoke: decodeInto('deciding'),
        },
        deciding: {
          tags: 'busy',
          always: [
            object('notAFinalToken'),
            object('credentialsRejected'),
            object('micRequestedLate'),
            object('messageTooMany'),
            object('micUnverifiable'),
            { guard: 'carriesMechListMIC', target: 'verifying' },
            { target: 'concluding' },
          ],
        },
        verifying: {
          tags: 'busy',
          invoke: {
            src: 'verifyMechListMIC',
            input: ({ context }) => ({ ...context, mechListMIC: mechListMICOf(context) }),
            onDone: { target: 'concluding', actions: assign({ micVerified: true }) },
            onError: { ...onFault, target: '#spnego.failed.refused' },
          },
        },
        concluding: {
          tags: 'busy',
          always: [
            object('unanswerable'),
            object('micMissing'),
            { guard: 'answerIsDue', target: 'answering' },
            { target: '#spnego.authenticated' },
          ],
        },
        answering: {
          tags: 'busy',
          invoke: {
            src: 'answer',
            input: ({ context }) => context,
            onDone: {
              target: 'waiting',
              actions: [
                assign(({ event: { output } }) => ({ ...output, reply: undefined, answered: true })),
                { type: 'emitToken', params: { message: 'NegTokenResp' } },
              ],
            },
            onError: onFault,
          },
        },
      },
    },

    authenticated: {
      tags: 'settled',
      entry: { type: 'tellNtlm', params: { event: { type: 'accepted' } } },
    },

    failed: {
      tags: 'settled',
      initial: 'faulted',
      entry: ['wipe', { type: 'tellNtlm', params: { event: { type: 'rejected' } } }],
      states: {
        /** A token was malformed or a service failed. */
        faulted: {},
        /** We said no: to the challenge, to the mechanism or to a mechListMIC. */
        refused: {},
        /** The acceptor said no to the credentials. */
        rejected: { tags: 'needs-credentials' },
      },
    },
  },
});

/** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
function checkInput(input: SpnegoInput): Pick<SpnegoContext, 'options' | 'sessionSecurity'> {
  const { connectionless } = resolveOptions(input);
  if (connectionless) throw invalidArgument('connectionless', 'has no meaning in SPNEGO, whose client speaks first');
  // Without SIGN there is no mechListMIC, which acceptors may demand of whoever sends a MIC (MS-SPNG 3.1.5.1).
  const { sessionSecurity = 'offer' } = input;
  return { options: { ...input, sessionSecurity }, sessionSecurity };
}
