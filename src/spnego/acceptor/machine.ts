/**
 * SPNEGO around the acceptor's end of an NTLM handshake (RFC 4178, MS-SPNG): every state and transition.
 *
 * Rules
 * - NTLMSSP is taken, and Kerberos where somebody is there to take its tickets and the client likes it best: they get the
 *   tokens of that mechanism alone. Where the client likes another one best, its first message is that one's and ignored, and
 *   mechListMIC is asked for in the first reply.
 * - A client without SPNEGO around its messages is answered in the same way.
 * - A token is decoded first, then each objection is looked at in its order. Every refusal answers `reject`.
 * - `accepted` is reached with the client's response right, and with its mechListMIC right where it is owed.
 * - `accepted` and `refused` settle the negotiation: only `reset` leaves them.
 * - An event that a state does not know changes nothing.
 */
import { resolveAcceptorOptions } from '../../acceptor/options.ts';
import type { ClientToken, SpnegoAcceptorContext, SpnegoAcceptorEmitted } from './context.ts';
import { checkKerberos } from './kerberos.ts';
import { mechListMICOf, messageOf, type ObjectionName } from './objections.ts';
import { BLANK, NO_BYTES, ofNtlm, spnegoAcceptorSetup } from './setup.ts';

const object = <Name extends ObjectionName>(name: Name) =>
  ({
    guard: name,
    target: '#spnegoAcceptor.refused',
    actions: { type: 'object', params: { objection: name } },
  }) as const;

/** What a token may not be in which NTLM's next message is due. */
const notTheNextMessage = [
  object('offeredAgain'),
  object('abandoned'),
  object('unwrapped'),
  object('messageMissing'),
] as const;

const onFault = {
  target: '#spnegoAcceptor.refused',
  actions: { type: 'fault', params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }) },
} as const;

/** Decodes the token at hand, for the state `target` to look at. */
const decodeInto = <Target extends string>(target: Target) =>
  ({
    src: 'decodeToken',
    input: ({ context }: { context: SpnegoAcceptorContext }) => ({ token: context.clientToken ?? NO_BYTES, kerberos: context.options.kerberos !== undefined }),
    onDone: {
      target,
      actions: {
        type: 'keepReceived',
        params: ({ event }: { event: { output: ClientToken } }) => ({ received: event.output }),
      },
    },
    onError: onFault,
  }) as const;

const toClient = <Message extends SpnegoAcceptorEmitted['message']>(message: Message) =>
  ({ type: 'emitToken', params: { message } }) as const;

export const spnegoAcceptorMachine = spnegoAcceptorSetup.createMachine({
  id: 'spnegoAcceptor',
  context: ({ input }) => {
    resolveAcceptorOptions(input); // throws where the child would
    checkKerberos(input.kerberos, input.channelBindings !== undefined);
    return { ...BLANK, options: input };
  },
  invoke: {
    id: 'acceptor',
    src: 'acceptor',
    input: ({ context: { options: { kerberos, ...ntlm } } }) => ntlm,
    onSnapshot: {},
  },
  initial: 'listening',
  on: {
    reset: {
      target: '.listening',
      actions: ['wipe', 'startOver', { type: 'tellNtlm', params: { event: { type: 'reset' } } }],
    },
  },
  states: {
    listening: {
      tags: 'awaiting-client',
      on: {
        hint: { actions: ['makeHint', toClient('NegTokenInit2')] },
        token: { target: 'negotiating', actions: 'keepClientToken' },
      },
    },

    negotiating: {
      initial: 'decoding',
      states: {
        decoding: {
          tags: 'busy',
          invoke: decodeInto('choosing'),
        },
        choosing: {
          tags: 'busy',
          always: [
            object('notAnOffer'),
            { guard: 'hasTicket', target: '#spnegoAcceptor.presented', actions: 'noteKerberos' },
            {
              guard: 'prefersKerberos',
              target: '#spnegoAcceptor.presented.waiting',
              actions: ['noteKerberos', 'chooseKerberos', toClient('NegTokenResp')],
            },
            object('ntlmNotOffered'),
            { guard: 'isRaw', target: '#spnegoAcceptor.challenging', actions: 'noteRaw' },
            { guard: 'hasNegotiate', target: '#spnegoAcceptor.challenging', actions: 'noteOffer' },
            {
              guard: 'prefersNtlm',
              target: 'chosen',
              actions: [
                'noteOffer',
                { type: 'choose', params: { negState: 'accept-incomplete' } },
                toClient('NegTokenResp'),
              ],
            },
            {
              target: 'chosen',
              actions: ['noteOffer', { type: 'choose', params: { negState: 'request-mic' } }, toClient('NegTokenResp')],
            },
          ],
        },
        chosen: {
          tags: 'awaiting-client',
          on: { token: { target: 'decodingNegotiate', actions: 'keepClientToken' } },
        },
        decodingNegotiate: {
          tags: 'busy',
          invoke: decodeInto('deciding'),
        },
        deciding: {
          tags: 'busy',
          always: [
            ...notTheNextMessage,
            { target: '#spnegoAcceptor.challenging' },
          ],
        },
      },
    },

    /** The client's tokens are Kerberos's. */
    presented: {
      entry: { type: 'noteMechanism', params: { mechanism: 'Kerberos' } },
      initial: 'stepping',
      states: {
        stepping: {
          tags: 'busy',
          invoke: {
            src: 'stepKerberos',
            input: ({ context }) => ({
              acceptor: context.options.kerberos!,
              channelBindings: context.options.channelBindings,
              held: context.held,
              token: messageOf(context) ?? NO_BYTES,
            }),
            onDone: {
              target: 'answering',
              actions: { type: 'keepStep', params: ({ event }) => ({ step: event.output }) },
            },
            onError: onFault,
          },
        },
        answering: {
          tags: 'busy',
          always: [
            { guard: 'isEstablished', target: '#spnegoAcceptor.accepted', actions: 'emitAnswer' },
            { target: 'waiting', actions: 'emitAnswer' },
          ],
        },
        waiting: {
          tags: 'awaiting-client',
          on: { token: { target: 'decoding', actions: 'keepClientToken' } },
        },
        decoding: {
          tags: 'busy',
          invoke: decodeInto('deciding'),
        },
        deciding: {
          tags: 'busy',
          always: [object('offeredAgain'), object('abandoned'), object('messageMissing'), { target: 'stepping' }],
        },
      },
    },

    challenging: {
      tags: 'busy',
      entry: [{ type: 'noteMechanism', params: { mechanism: 'NTLM' } }, { type: 'passMessage', params: { type: 'negotiate' } }],
      on: {
        'xstate.snapshot.acceptor': [
          {
            guard: 'ntlmChallenged',
            target: 'challenged',
            actions: [
              'wrapChallenge',
              {
                type: 'emitToken',
                params: ({ context }) => ({ message: context.raw ? 'CHALLENGE' : 'NegTokenResp' }),
              },
            ],
          },
          { guard: 'ntlmRefused', target: 'refused', actions: 'takeRefusal' },
        ],
      },
    },

    challenged: {
      tags: 'awaiting-client',
      on: { token: { target: 'verifying', actions: 'keepClientToken' } },
    },

    verifying: {
      tags: 'busy',
      initial: 'decoding',
      states: {
        decoding: {
          invoke: decodeInto('deciding'),
        },
        deciding: {
          always: [
            ...notTheNextMessage,
            { guard: 'isRaw', target: 'verifying', actions: 'noteRaw' },
            { target: 'verifying' },
          ],
        },
        verifying: {
          entry: { type: 'passMessage', params: { type: 'authenticate' } },
          on: {
            'xstate.snapshot.acceptor': [
              { guard: 'ntlmAccepted', target: 'concluding', actions: 'takeResult' },
              { guard: 'ntlmRefused', target: '#spnegoAcceptor.refused', actions: 'takeRefusal' },
            ],
          },
        },
        concluding: {
          invoke: {
            src: 'conclude',
            input: ({ context }) => ({ ...context, result: ofNtlm(context.result), mechListMIC: mechListMICOf(context) }),
            onDone: {
              target: 'answering',
              actions: { type: 'keepConclusion', params: ({ event }) => ({ conclusion: event.output }) },
            },
            onError: onFault,
          },
        },
        answering: {
          always: [
            { guard: 'speaksRaw', target: '#spnegoAcceptor.accepted' },
            { guard: 'unconfirmed', target: '#spnegoAcceptor.confirming', actions: toClient('NegTokenResp') },
            { target: '#spnegoAcceptor.accepted', actions: toClient('NegTokenResp') },
          ],
        },
      },
    },

    /** The client's mechListMIC is still due. */
    confirming: {
      initial: 'waiting',
      states: {
        waiting: {
          tags: 'awaiting-client',
          on: { token: { target: 'decoding', actions: 'keepClientToken' } },
        },
        decoding: {
          tags: 'busy',
          invoke: decodeInto('deciding'),
        },
        deciding: {
          tags: 'busy',
          always: [
            object('offeredAgain'),
            object('abandoned'),
            object('messageTooMany'),
            object('mechListMICMissing'),
            { target: 'verifying' },
          ],
        },
        verifying: {
          tags: 'busy',
          invoke: {
            src: 'confirm',
            input: ({ context }) => ({ ...context, mechListMIC: mechListMICOf(context) }),
            onDone: {
              target: '#spnegoAcceptor.accepted',
              actions: [{ type: 'keepToken', params: ({ event }) => event.output }, toClient('NegTokenResp')],
            },
            onError: onFault,
          },
        },
      },
    },

    accepted: { tags: 'settled' },
    refused: {
      tags: 'settled',
      entry: ['wipe', 'forgetResult', 'reject', { type: 'tellNtlm', params: { event: { type: 'reset' } } }],
    },
  },
});
