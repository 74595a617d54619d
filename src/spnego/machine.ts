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
import { assign, emit, sendTo, setup } from 'xstate';
import { Credentials } from '../crypto/credentials.ts';
import { NtlmError, invalidArgument } from '../errors.ts';
import type { NtlmEvent, NtlmTag } from '../machine/context.ts';
import { asNtlmError, ntlmMachine } from '../machine/machine.ts';
import { resolveOptions } from '../machine/options.ts';
import { isBytes } from '../messages/checks.ts';
import type { NtlmMoved, SpnegoContext, SpnegoEmitted, SpnegoEvent, SpnegoInput } from './context.ts';
import { encodeMechTypeList, MechType } from './messages/mech-types.ts';
import { encodeNegTokenInit } from './messages/neg-token-init.ts';
import {
  canAnswer,
  isIncomplete,
  mechListMICOf,
  messageOf,
  objections,
  type ObjectionName,
} from './objections.ts';
import { answerService, decodeTokenService, verifyMechListMicService, wrapResponseService } from './services.ts';

const MECH_TYPES = [MechType.NTLMSSP];

const BLANK = {
  replyToken: undefined,
  reply: undefined,
  raw: false,
  micRequested: false,
  token: undefined,
  session: undefined,
  mechListMIC: undefined,
  micVerified: false,
  answered: false,
  error: undefined,
} as const satisfies Partial<SpnegoContext>;

const NO_BYTES = new Uint8Array(0);

/** One guarded way out for an objection. */
const object = <Name extends ObjectionName>(name: Name) =>
  ({
    guard: name,
    target: `#spnego.failed.${objections[name].outcome}`,
    actions: { type: 'object', params: { objection: name } },
  }) as const;

const applies =
  (name: ObjectionName) =>
  ({ context }: { context: SpnegoContext }): boolean =>
    objections[name].applies(context);

const onFault = {
  target: '#spnego.failed.faulted',
  actions: { type: 'fault', params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }) },
} as const;

/** The handshake inside failed: so did the negotiation, and for its reason. */
const onNtlmFailed = [
  { guard: 'ntlmRefused', target: '#spnego.failed.refused', actions: 'takeError' },
  { guard: 'ntlmFaulted', target: '#spnego.failed.faulted', actions: 'takeError' },
] as const;

export const spnegoMachine = setup({
  types: {
    input: {} as SpnegoInput,
    context: {} as SpnegoContext,
    events: {} as SpnegoEvent | NtlmMoved,
    emitted: {} as SpnegoEmitted,
    tags: {} as NtlmTag,
    children: {} as { ntlm: 'ntlm' },
  },
  actors: {
    ntlm: ntlmMachine,
    decodeToken: decodeTokenService,
    wrapResponse: wrapResponseService,
    verifyMechListMIC: verifyMechListMicService,
    answer: answerService,
  },
  guards: {
    hinted: ({ event }) => event.type === 'negotiate' && event.hint !== undefined,
    resettable: ({ event }) =>
      event.type === 'reset' && (event.credentials === undefined || event.credentials instanceof Credentials),
    ntlmNegotiated: ({ event }) => moved(event)?.matches({ negotiated: 'waiting' }) === true,
    ntlmResponded: ({ event }) => moved(event)?.matches('responded') === true,
    ntlmRefused: ({ event }) => moved(event)?.matches({ failed: 'refused' }) === true,
    ntlmFaulted: ({ event }) => moved(event)?.matches({ failed: 'faulted' }) === true,
    carriesMechListMIC: ({ context }) => mechListMICOf(context) !== undefined,
    answerIsDue: ({ context }) => isIncomplete(context) && canAnswer(context),
    notAHint: applies('notAHint'),
    ntlmNotOffered: applies('ntlmNotOffered'),
    notAReply: applies('notAReply'),
    mechanismRejected: applies('mechanismRejected'),
    otherMechanism: applies('otherMechanism'),
    micTooEarly: applies('micTooEarly'),
    challengeMissing: applies('challengeMissing'),
    notAFinalToken: applies('notAFinalToken'),
    credentialsRejected: applies('credentialsRejected'),
    micRequestedLate: applies('micRequestedLate'),
    messageTooMany: applies('messageTooMany'),
    micUnverifiable: applies('micUnverifiable'),
    unanswerable: applies('unanswerable'),
    micMissing: applies('micMissing'),
  },
  actions: {
    tellNtlm: sendTo('ntlm', (_, { event }: { event: NtlmEvent }) => event),
    passChallenge: sendTo('ntlm', ({ context }) => ({ type: 'challenge' as const, token: messageOf(context) ?? NO_BYTES })),
    keepReplyToken: assign(({ event }) => {
      const bytes = event.type === 'negotiate' ? event.hint : 'token' in event ? event.token : undefined;
      return { reply: undefined, replyToken: isBytes(bytes) ? bytes.slice() : NO_BYTES };
    }),
    noteReply: assign(({ context: { reply } }) => ({
      raw: reply?.type === 'raw-ntlmssp',
      micRequested: reply?.type === 'resp' && reply.negState === 'request-mic',
    })),
    object: assign((_, { objection }: { objection: ObjectionName }) => {
      const { code, message } = objections[objection];
      return { error: new NtlmError(message, { code, phase: 'spnego', side: 'peer' }) };
    }),
    fault: assign((_, { error }: { error: unknown }) => ({ error: asNtlmError(error, 'spnego') })),
    takeError: assign(({ event }) => ({ error: moved(event)?.context.error })),
    noteRejection: assign({
      error: new NtlmError('the server refused the credentials', {
        code: 'credentials-refused',
        phase: 'spnego',
        side: 'peer',
      }),
    }),
    makeNegTokenInit: assign(({ event }) => {
      const mechToken = moved(event)?.context.negotiateToken ?? NO_BYTES;
      return { token: encodeNegTokenInit({ mechTypes: MECH_TYPES, mechToken }) };
    }),
    emitToken: emit(({ context }, { message }: { message: SpnegoEmitted['message'] }) => ({
      type: 'token' as const,
      message,
      token: context.token ?? NO_BYTES,
    })),
    wipe: ({ context }) => context.session?.close(),
    startOver: assign(BLANK),
  },
}).createMachine({
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
          { guard: 'hinted', target: 'negotiated.reading', actions: 'keepReplyToken' },
          { target: 'negotiated.encoding' },
        ],
      },
    },

    negotiated: {
      initial: 'encoding',
      states: {
        reading: {
          tags: 'busy',
          invoke: {
            src: 'decodeToken',
            input: ({ context }) => ({ token: context.replyToken ?? NO_BYTES }),
            onDone: { target: 'deciding', actions: assign({ reply: ({ event }) => event.output }) },
            onError: onFault,
          },
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
          invoke: {
            src: 'decodeToken',
            input: ({ context }) => ({ token: context.replyToken ?? NO_BYTES }),
            onDone: { target: 'deciding', actions: assign({ reply: ({ event }) => event.output }) },
            onError: onFault,
          },
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
          invoke: {
            src: 'decodeToken',
            input: ({ context }) => ({ token: context.replyToken ?? NO_BYTES }),
            onDone: { target: 'deciding', actions: assign({ reply: ({ event }) => event.output }) },
            onError: onFault,
          },
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

function moved(event: SpnegoEvent | NtlmMoved): NtlmMoved['snapshot'] | undefined {
  return event.type === 'xstate.snapshot.ntlm' ? event.snapshot : undefined;
}

/** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
function checkInput(input: SpnegoInput): Pick<SpnegoContext, 'options' | 'sessionSecurity'> {
  const { sessionSecurity, connectionless } = resolveOptions(input);
  if (connectionless) throw invalidArgument('connectionless', 'has no meaning in SPNEGO, whose client speaks first');
  // Without SIGN there is no mechListMIC, which acceptors demand of whoever sends a MIC (MS-SPNG 3.1.5.1).
  return { options: sessionSecurity === 'none' ? { ...input, sessionSecurity: 'offer' } : input, sessionSecurity };
}
