/** What the names of the connection's chart stand for. */
import { assign, emit, enqueueActions, fromPromise, sendTo, setup, stopChild, type AnyActorLogic } from 'xstate';
import type { Credentials } from '../../crypto/credentials.ts';
import { ntlmMachine } from '../../machine/machine.ts';
import { resolveOptions } from '../../machine/options.ts';
import { spnegoMachine } from '../../spnego/machine.ts';
import {
  moved,
  negotiatorMoved,
  ntlmContextOf,
  type AnyConnectionEvent,
  wipe,
  type ConnectionContext,
  type ConnectionEmitted,
  type ConnectionInput,
  type ConnectionTag,
} from './connection-context.ts';
import { guards } from './connection-guards.ts';
import type { NegotiatorEvent } from './negotiator.ts';
import type { RealmQuestion } from './question.ts';
import { afterFallback, forbidden, incomplete, legTimedOut, negotiateNotOffered, noChallenge, noneGiven, notOffered, notProvided, refusedBy } from './failures.ts';
import { sessionOfHandshake } from './session.ts';

/** Its place, where there is none. */
const noNegotiator: AnyActorLogic = fromPromise(() => Promise.reject(notProvided(undefined)));

export const connectionSetup = setup({
  types: {
    input: {} as ConnectionInput,
    context: {} as ConnectionContext,
    events: {} as AnyConnectionEvent,
    emitted: {} as ConnectionEmitted,
    tags: {} as ConnectionTag,
    children: {} as { handshake: 'ntlm' | 'spnego'; negotiator: 'negotiator' },
  },
  actors: {
    ntlm: ntlmMachine,
    spnego: spnegoMachine,
    /** Given by `provide()` where there is one: what goes before NTLM. */
    negotiator: noNegotiator,
    provideCredentials: fromPromise(
      ({ input, signal }: { input: RealmQuestion & { readonly ask: ConnectionInput['ask'] }; signal: AbortSignal }) => {
        const { ask, ...question } = input;
        return ask(question, signal);
      },
    ),
  },
  delays: {
    legTimeout: ({ context }) => context.legTimeout,
    answerTimeout: ({ context }) => context.answerTimeout,
  },
  guards,
  actions: {
    noteScheme: assign(({ event, context: { negotiator } }) => {
      if (event.type !== 'authenticate' && event.type !== 'unauthorized') return {};
      const { scheme, ntlmOffered = false, before } = event;
      const fallback = negotiator !== undefined && scheme === 'NTLM' ? negotiateNotOffered(negotiator.mechanism, before) : undefined;
      return { scheme, ntlmOffered, fallback, reason: undefined };
    }),
    /** In its own scheme where that is offered, which costs no leg more. */
    takeNtlmInItsPlace: assign(({ context: { ntlmOffered }, event }) => ({
      scheme: ntlmOffered ? ('NTLM' as const) : ('Negotiate' as const),
      fallback: negotiatorMoved(event)?.context.error,
    })),
    noteForbidden: assign(({ context: { fallback } }) => ({ reason: fallback && forbidden(fallback), fallback: undefined })),
    keepSession: assign(({ context: { handshake }, event }) => {
      const { sessionSecurity = 'none' } = handshake;
      return { session: sessionSecurity === 'none' ? undefined : sessionOfHandshake(moved(event)) };
    }),
    closeSession: ({ context }) => context.session?.close(),
    takeNtlm: assign({ scheme: 'NTLM' }),
    keepCredentials: assign((_, { credentials }: { credentials: Credentials | undefined }) => ({ credentials, reason: undefined })),
    keepToken: assign(({ event }) =>
      event.type === 'unauthorized' || event.type === 'passed'
        ? { token: event.token, ntlmOffered: 'ntlmOffered' in event && event.ntlmOffered === true }
        : {},
    ),
    noteUnreadable: assign(({ event }) =>
      event.type === 'unauthorized' || event.type === 'passed' ? { reason: event.error } : {},
    ),
    noteNotOffered: assign(({ context: { side } }) => ({ reason: notOffered(side) })),
    noteNoChallenge: assign(({ context: { side, scheme } }) => ({ reason: noChallenge(side, scheme) })),
    noteIncomplete: assign(() => ({ reason: incomplete() })),
    noteTimeout: assign(() => ({ reason: legTimedOut() })),
    noteChildFailure: assign(({ event }) => ({ reason: moved(event)?.context.error })),
    noteNegotiatorFailure: assign(({ event }) => ({ reason: negotiatorMoved(event)?.context.error })),
    noteFailure: assign((_, { error }: { error: unknown }) => ({ reason: notProvided(error) })),
    noteGivenUp: assign(({ context }) => ({ reason: context.reason ?? noneGiven() })),
    noteRejection: assign(({ context, event }) => {
      const child = moved(event);
      const { now } = resolveOptions({ ...context.handshake, credentials: context.credentials! });
      const bound = context.handshake.channelBindings === undefined ? 'unbound' : 'bound';
      const channel = context.origin.startsWith('https:') ? bound : 'plain';
      const { side, credentials } = context;
      return { reason: refusedBy({ side, credentials: credentials!, challenge: child && ntlmContextOf(child)?.challenge, now, channel }) };
    }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    resetAttempts: assign({ attempt: 1 }),
    emitToken: emit(({ event }, { message }: { message: 'NEGOTIATE' | 'AUTHENTICATE' }) => ({
      type: 'authorize' as const,
      message,
      token: moved(event)!.context.token!,
    })),
    emitTicket: emit(({ event }, { message }: { message: 'INITIATE' | 'CONTINUE' }) => ({
      type: 'authorize' as const,
      message,
      token: Uint8Array.from(negotiatorMoved(event)!.context.token!),
    })),
    emitRefusal: emit(({ context: { reason, fallback } }) => ({ type: 'refused' as const, error: afterFallback(reason!, fallback) })),
    emitIfFallback: enqueueActions(({ context: { fallback }, enqueue }) => {
      if (fallback !== undefined) enqueue.emit({ type: 'fallback', reason: fallback });
    }),
    emitFallback: emit(({ context: { fallback } }) => ({ type: 'fallback' as const, reason: fallback })),
    begin: enqueueActions(({ context: { handshake, credentials, scheme }, enqueue }) => {
      enqueue.spawnChild(scheme === 'Negotiate' ? 'spnego' : 'ntlm', {
        id: 'handshake',
        input: { ...handshake, credentials: credentials! },
        syncSnapshot: true,
      });
    }),
    /** What was derived for the handshake ends with it, but for a session that is kept. */
    wipe: ({ self, context: { session } }) => {
      const child = self.getSnapshot().children.handshake?.getSnapshot();
      if (child !== undefined) wipe(child, session);
    },
    forgetToken: assign({ token: undefined }),
    end: stopChild('handshake'),
    negotiate: sendTo('handshake', { type: 'negotiate' }),
    challenge: sendTo('handshake', ({ context }) => ({ type: 'challenge' as const, token: context.token! })),
    finish: sendTo('handshake', ({ context }) => ({ type: 'finish' as const, token: context.token! })),
    beginNegotiator: enqueueActions(({ context: { negotiator }, enqueue }) => {
      enqueue.spawnChild('negotiator', { id: 'negotiator', input: negotiator?.input, syncSnapshot: true });
    }),
    endNegotiator: stopChild('negotiator'),
    tellNegotiator: sendTo('negotiator', (_, event: Extract<NegotiatorEvent, { type: 'negotiate' | 'accepted' | 'rejected' }>) => event),
    passToken: sendTo('negotiator', ({ context }, { type }: { type: 'challenge' | 'finish' }) => ({ type, token: context.token! })),
    accept: sendTo('handshake', { type: 'accepted' }),
    reject: sendTo('handshake', { type: 'rejected' }),
  },
});
