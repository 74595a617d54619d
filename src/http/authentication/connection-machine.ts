/**
 * The authentication of one HTTP connection at one side of it (MS-NTHT): the server's by 401, a proxy's by 407.
 *
 * Rules
 * - Authentication belongs to the connection: what is authenticated here is never told to another one.
 * - Nothing is sent from here. `authorize` says what the next request carries, `refused` why none will;
 *   the socket that owns this actor moves the bytes and reports each answer as `unauthorized` or `passed`.
 * - A handshake is a child actor, alive from type 1 until the server's word on type 3: `ntlmMachine` for the scheme
 *   NTLM, `spnegoMachine` around it for Negotiate, which also goes on with a server that leaves SPNEGO out.
 * - A token that comes with the answer to type 3 is the last one of SPNEGO, and is verified before the connection counts
 *   as authenticated. On a 401 it may ask for one more leg; it never makes the 401 a success.
 * - A Negotiate that takes no NTLM leaves the scheme NTLM, where that was offered beside it, and never the reverse: at
 *   most one change, on the same attempt. It is no downgrade, for both carry the same messages under the same policy.
 * - What goes first where Negotiate is offered (Kerberos) is the child of `presenting`: its first token may be all that the
 *   server wants. Whether NTLM follows it is one rule (ntlm-after.ts); its refusal counts as no attempt, for no password was
 *   tried. An error status without a token says nothing of it.
 * - A refusal of type 3 ends those credentials. Others may follow, `maxAttempts` in all between two acceptances.
 * - The child's keys and session are overwritten when the handshake ends, however it ends.
 * - Every wait for the server has a limit. Only `asking` has none: people take their time, and a wrong password that
 *   another connection has sent is first refused there (proofs.ts).
 * - `refused` is not the end of the connection: the next request may ask again. `closed` is.
 */
import { connectionSetup } from './connection-setup.ts';

const beginsHandshake = [
  { guard: 'unreadable', target: '#connection.refused', actions: 'noteUnreadable' },
  { guard: 'offersNtlm', target: '#connection.presenting', actions: 'noteScheme' },
  { target: '#connection.refused', actions: 'noteNotOffered' },
] as const;

const opensHandshake = { target: '#connection.presenting', actions: 'noteScheme' } as const;

const conclude = { guard: 'handshakeDone', target: '#connection.handshaking.concluding', actions: 'keepSession' } as const;

/** Credentials are asked for as before any handshake: those in use may have been refused elsewhere in the meantime. */
const fallsBack = { guard: 'ntlmLeft', target: '#connection.asking', actions: ['takeNtlm', 'emitFallback'] } as const;

const proven = { guard: 'negotiatorDone', target: '#connection.authenticated' } as const;

const respond = {
  guard: 'responseReady',
  target: '#connection.handshaking.responding',
  actions: { type: 'emitToken', params: { message: 'AUTHENTICATE' } },
} as const;

export const connectionMachine = connectionSetup.createMachine({
  id: 'connection',
  context: ({ input }) => ({
    ...input,
    attempt: input.attempt ?? 1,
    scheme: undefined,
    ntlmOffered: false,
    fallback: undefined,
    session: undefined,
    credentials: undefined,
    token: undefined,
    reason: undefined,
  }),
  initial: 'anonymous',
  on: { close: '.closed' },
  states: {
    anonymous: {
      tags: 'settled',
      on: { authenticate: opensHandshake, unauthorized: beginsHandshake },
    },

    presenting: {
      exit: ['endNegotiator', 'forgetToken'],
      on: {
        'xstate.snapshot.negotiator': [
          { guard: 'ntlmFollows', target: 'asking', actions: ['takeNtlmInItsPlace', 'emitFallback'] },
          { guard: 'negotiatorFailed', target: 'refused', actions: 'noteNegotiatorFailure' },
        ],
        'xstate.error.actor.negotiator': {
          target: 'refused',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
        abandon: 'anonymous',
      },
      initial: 'choosing',
      states: {
        /** Whether something goes before NTLM. */
        choosing: {
          always: [
            { guard: 'negotiates', target: 'initiating' },
            { guard: 'ntlmForbidden', target: '#connection.refused', actions: 'noteForbidden' },
            { target: '#connection.asking', actions: 'emitIfFallback' },
          ],
        },
        initiating: {
          entry: ['beginNegotiator', { type: 'tellNegotiator', params: { type: 'negotiate' } }],
          on: {
            'xstate.snapshot.negotiator': {
              guard: 'tokenReady',
              target: 'presented',
              actions: { type: 'emitTicket', params: { message: 'INITIATE' } },
            },
          },
        },
        presented: {
          tags: 'awaiting-server',
          initial: 'sending',
          on: {
            passed: [
              { guard: 'unreadable', target: '#connection.refused', actions: 'noteUnreadable' },
              { guard: 'holdsItsToken', target: 'finishing', actions: 'keepToken' },
              { guard: 'isError', target: '#connection.anonymous' },
              { target: 'accepting' },
            ],
            unauthorized: [
              { guard: 'holdsItsToken', target: 'continuing', actions: 'keepToken' },
              { target: 'rejecting' },
            ],
          },
          states: {
            sending: { on: { sent: 'waiting' } },
            waiting: { after: { answerTimeout: { target: '#connection.refused', actions: 'noteTimeout' } } },
          },
        },
        finishing: {
          entry: { type: 'passToken', params: { type: 'finish' } },
          on: {
            'xstate.snapshot.negotiator': [
              proven,
              { guard: 'tokenReady', target: '#connection.refused', actions: 'noteIncomplete' },
            ],
          },
        },
        continuing: {
          entry: { type: 'passToken', params: { type: 'challenge' } },
          on: {
            'xstate.snapshot.negotiator': {
              guard: 'tokenReady',
              target: 'presented',
              actions: { type: 'emitTicket', params: { message: 'CONTINUE' } },
            },
          },
        },
        accepting: {
          entry: { type: 'tellNegotiator', params: { type: 'accepted' } },
          on: { 'xstate.snapshot.negotiator': proven },
        },
        rejecting: { entry: { type: 'tellNegotiator', params: { type: 'rejected' } } },
      },
    },

    asking: {
      tags: 'needs-credentials',
      invoke: {
        src: 'provideCredentials',
        input: ({ context: { ask, scheme, credentials, reason } }) => ({
          ask,
          scheme: scheme ?? 'NTLM',
          refused: reason === undefined ? undefined : credentials,
          reason,
        }),
        onDone: [
          {
            guard: { type: 'areCredentials', params: ({ event }) => ({ output: event.output }) },
            target: 'handshaking',
            actions: { type: 'keepCredentials', params: ({ event }) => ({ credentials: event.output }) },
          },
          { target: 'refused', actions: 'noteGivenUp' },
        ],
        onError: {
          target: 'refused',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
    },

    handshaking: {
      entry: 'begin',
      exit: ['wipe', 'end', 'forgetToken'],
      on: {
        'xstate.snapshot.handshake': { guard: 'handshakeFailed', target: 'refused', actions: 'noteChildFailure' },
        'xstate.error.actor.handshake': {
          target: 'refused',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
        abandon: 'anonymous',
      },
      initial: 'opening',
      states: {
        opening: {
          entry: 'negotiate',
          on: {
            'xstate.snapshot.handshake': {
              guard: 'negotiateReady',
              target: 'negotiating',
              actions: { type: 'emitToken', params: { message: 'NEGOTIATE' } },
            },
          },
        },
        negotiating: {
          tags: 'awaiting-server',
          after: { legTimeout: { target: '#connection.refused', actions: 'noteTimeout' } },
          on: {
            unauthorized: [
              { guard: 'unreadable', target: '#connection.refused', actions: 'noteUnreadable' },
              { guard: 'holdsChallenge', target: 'answering', actions: 'keepToken' },
              fallsBack,
              { target: '#connection.refused', actions: 'noteNoChallenge' },
            ],
            /** What was asked for needs no authentication. */
            passed: '#connection.anonymous',
          },
        },
        answering: { entry: 'challenge', on: { 'xstate.snapshot.handshake': [respond, fallsBack] } },
        responding: {
          tags: 'awaiting-server',
          initial: 'sending',
          on: {
            passed: [
              { guard: 'unreadable', target: '#connection.refused', actions: 'noteUnreadable' },
              { guard: 'holdsFinalToken', target: 'finishing', actions: 'keepToken' },
              { target: 'accepting' },
            ],
            unauthorized: [
              { guard: 'holdsFinalToken', target: 'continuing', actions: 'keepToken' },
              { target: 'rejecting' },
            ],
          },
          states: {
            sending: { on: { sent: 'waiting' } },
            waiting: { after: { answerTimeout: { target: '#connection.refused', actions: 'noteTimeout' } } },
          },
        },
        /** The server let the request through, and said why it may be believed. */
        finishing: {
          entry: 'finish',
          on: {
            'xstate.snapshot.handshake': [
              conclude,
              { guard: 'responseReady', target: '#connection.refused', actions: 'noteIncomplete' },
            ],
          },
        },
        /** The server did not, and said what it still wants. */
        continuing: {
          entry: 'finish',
          on: {
            'xstate.snapshot.handshake': [
              respond,
              { guard: 'handshakeDone', target: 'deciding', actions: 'noteRejection' },
              { guard: 'rejectionNoted', target: 'deciding', actions: 'noteRejection' },
            ],
          },
        },
        accepting: { entry: 'accept', on: { 'xstate.snapshot.handshake': conclude } },
        rejecting: {
          entry: 'reject',
          on: {
            'xstate.snapshot.handshake': { guard: 'rejectionNoted', target: 'deciding', actions: 'noteRejection' },
          },
        },
        /** The session is taken before the handshake goes. */
        concluding: { always: '#connection.authenticated' },
        deciding: {
          always: [
            { guard: 'attemptsLeft', target: '#connection.asking', actions: 'countAttempt' },
            { target: '#connection.refused' },
          ],
        },
      },
    },

    authenticated: {
      entry: 'resetAttempts',
      exit: 'closeSession',
      tags: 'settled',
      on: { authenticate: opensHandshake, unauthorized: beginsHandshake },
    },

    refused: {
      entry: ['emitRefusal', 'resetAttempts'],
      tags: 'settled',
      on: { authenticate: opensHandshake, unauthorized: beginsHandshake },
    },

    closed: { type: 'final' },
  },
});
