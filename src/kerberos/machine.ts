/**
 * Kerberos as a mechanism of the scheme Negotiate (RFC 4559): one context of a client with a server (RFC 2743 2.2.1).
 *
 * Rules
 * - A context is used once, from `beginning` to `established` or `failed`; nothing leads back. Who wants another makes
 *   another actor.
 * - Tokens are the provider's. Here is only what is around them, SPNEGO, and in what order they may come.
 * - What ought to be bound to its TLS connection goes out with a provider that binds, or where `unbound` says so.
 * - Where the server has to prove itself (`mutual`), only a context that is complete on this end is established.
 * - A server that takes the ticket and asks all the same has refused.
 * - Whatever the provider is asked has a limit, and what it answers later is not looked at.
 * - An event that a state does not know changes nothing.
 */
import { assign, emit, setup } from 'xstate';
import type { KerberosEmitted, KerberosEvent, KerberosInput, KerberosMachineContext, KerberosTag } from './context.ts';
import type { Reply } from './envelope.ts';
import { failureOf, refusedTicket, stepTooLong, unboundHere, unproven } from './failures.ts';
import type { KerberosStep } from './provider.ts';
import { beginService, readService, stepService } from './services.ts';

const NO_BYTES = new Uint8Array(0);

export const kerberosMachine = setup({
  types: {
    input: {} as KerberosInput,
    context: {} as KerberosMachineContext,
    events: {} as KerberosEvent,
    emitted: {} as KerberosEmitted,
    tags: {} as KerberosTag,
  },
  actors: { begin: beginService, step: stepService, read: readService },
  delays: { legTimeout: ({ context }) => context.legTimeout },
  guards: {
    notBound: ({ context: { channelBindings, provider, unbound } }) => channelBindings !== undefined && !provider.binds && !unbound,
    rejects: (_, { reply }: { reply: Reply }) => reply.rejected,
    forKerberos: (_, { reply }: { reply: Reply }) => reply.token !== undefined,
    toBeSent: (_, { step }: { step: KerberosStep }) => step.token !== undefined,
    /** The server asked again, and the provider has nothing more to say. */
    askedInVain: ({ context }) => context.asked,
    proven: ({ context: { complete, mutual } }) => complete || !mutual,
  },
  actions: {
    keepContext: assign((_, { held }: { held: KerberosMachineContext['held'] }) => ({ held })),
    keepReceived: assign(({ event }) => ({
      asked: event.type === 'challenge',
      received: 'token' in event && event.token instanceof Uint8Array ? Uint8Array.from(event.token) : NO_BYTES,
    })),
    keepReply: assign((_, { reply }: { reply: Reply }) => ({ reply: reply.token })),
    keepStep: assign(({ context }, { step: { token, complete } }: { step: KerberosStep }) => ({
      complete,
      token,
      made: context.made + (token === undefined ? 0 : 1),
    })),
    emitToken: emit(({ context: { token, made } }) => ({ type: 'token' as const, first: made === 1, token: Uint8Array.from(token ?? NO_BYTES) })),
    noteUnbound: assign({ error: () => unboundHere() }),
    noteRefused: assign({ error: () => refusedTicket() }),
    noteUnproven: assign({ error: () => unproven() }),
    noteTooLong: assign({ error: () => stepTooLong() }),
    noteFailure: assign(({ context: { asked, received } }, { error }: { error: unknown }) => ({
      error: failureOf(error, received === undefined ? 'nothing' : asked ? 'a challenge' : 'its last word'),
    })),
    letGo: ({ context }) => context.held?.letGo(),
    forget: assign({ held: undefined, received: undefined, reply: undefined }),
  },
}).createMachine({
  id: 'kerberos',
  context: ({ input }) => ({
    ...input,
    mechanism: 'Kerberos',
    held: undefined,
    made: 0,
    complete: false,
    asked: false,
    received: undefined,
    reply: undefined,
    token: undefined,
    error: undefined,
  }),
  initial: 'idle',
  states: {
    idle: {
      on: {
        negotiate: [
          { guard: 'notBound', target: 'failed', actions: 'noteUnbound' },
          { target: 'beginning' },
        ],
      },
    },

    /** The provider looks for whose ticket it is. */
    beginning: {
      tags: 'busy',
      invoke: {
        src: 'begin',
        input: ({ context: { provider, spn, principal, mutual, delegate, channelBindings } }) => ({
          provider,
          request: { spn, principal, mutual, delegate, channelBindings: provider.binds ? channelBindings : undefined },
        }),
        onDone: { target: 'stepping', actions: { type: 'keepContext', params: ({ event }) => ({ held: event.output }) } },
        onError: { target: 'failed', actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) } },
      },
      after: { legTimeout: { target: 'failed', actions: 'noteTooLong' } },
    },

    stepping: {
      initial: 'working',
      states: {
        working: {
          tags: 'busy',
          invoke: {
            src: 'step',
            input: ({ context: { held, reply, provider, made } }) => ({ held, token: reply, wrap: provider.tokens === 'krb5', first: made === 0 }),
            onDone: [
              {
                guard: { type: 'toBeSent', params: ({ event }) => ({ step: event.output }) },
                target: 'waiting',
                actions: [{ type: 'keepStep', params: ({ event }) => ({ step: event.output }) }, 'emitToken'],
              },
              { target: 'concluding', actions: { type: 'keepStep', params: ({ event }) => ({ step: event.output }) } },
            ],
            onError: { target: '#kerberos.failed', actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) } },
          },
          after: { legTimeout: { target: '#kerberos.failed', actions: 'noteTooLong' } },
        },
        waiting: {
          tags: 'awaiting-server',
          on: {
            challenge: { target: 'reading', actions: 'keepReceived' },
            finish: { target: 'reading', actions: 'keepReceived' },
            accepted: [
              { guard: 'proven', target: '#kerberos.established' },
              { target: '#kerberos.failed', actions: 'noteUnproven' },
            ],
            rejected: { target: '#kerberos.failed', actions: 'noteRefused' },
          },
        },
        reading: {
          tags: 'busy',
          invoke: {
            src: 'read',
            input: ({ context: { received, provider } }) => ({ token: received ?? NO_BYTES, wrapped: provider.tokens === 'krb5' }),
            onDone: [
              { guard: { type: 'rejects', params: ({ event }) => ({ reply: event.output }) }, target: '#kerberos.failed', actions: 'noteRefused' },
              {
                guard: { type: 'forKerberos', params: ({ event }) => ({ reply: event.output }) },
                target: 'working',
                actions: { type: 'keepReply', params: ({ event }) => ({ reply: event.output }) },
              },
              { target: 'concluding' },
            ],
            onError: { target: '#kerberos.failed', actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) } },
          },
        },
        /** Nothing is left to be sent. */
        concluding: {
          tags: 'busy',
          always: [
            { guard: 'askedInVain', target: '#kerberos.failed', actions: 'noteRefused' },
            { guard: 'proven', target: '#kerberos.established' },
            { target: '#kerberos.failed', actions: 'noteUnproven' },
          ],
        },
      },
    },

    established: { tags: 'settled', entry: ['letGo', 'forget'] },

    failed: { tags: 'settled', entry: ['letGo', 'forget'] },
  },
});
