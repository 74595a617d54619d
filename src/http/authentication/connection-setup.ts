/** What the names of the connection's chart stand for. */
import { assign, emit, enqueueActions, fromPromise, sendTo, setup, stopChild } from 'xstate';
import type { Credentials } from '../../crypto/credentials.ts';
import { ntlmMachine } from '../../machine/machine.ts';
import { resolveOptions } from '../../machine/options.ts';
import { spnegoMachine } from '../../spnego/machine.ts';
import {
  moved,
  ntlmContextOf,
  wipe,
  type ConnectionContext,
  type ConnectionEmitted,
  type ConnectionEvent,
  type ConnectionInput,
  type ConnectionTag,
  type HandshakeMoved,
} from './connection-context.ts';
import { guards } from './connection-guards.ts';
import type { RealmQuestion } from './question.ts';
import { incomplete, legTimedOut, noChallenge, noneGiven, notOffered, notProvided, refusedByServer } from './refusal.ts';
import { sessionOfHandshake } from './session.ts';

export const connectionSetup = setup({
  types: {
    input: {} as ConnectionInput,
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent | HandshakeMoved,
    emitted: {} as ConnectionEmitted,
    tags: {} as ConnectionTag,
    children: {} as { handshake: 'ntlm' | 'spnego' },
  },
  actors: {
    ntlm: ntlmMachine,
    spnego: spnegoMachine,
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
    noteScheme: assign(({ event }) =>
      event.type === 'authenticate' || event.type === 'unauthorized' ? { scheme: event.scheme, reason: undefined } : {},
    ),
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
    noteNotOffered: assign(() => ({ reason: notOffered() })),
    noteNoChallenge: assign(() => ({ reason: noChallenge() })),
    noteIncomplete: assign(() => ({ reason: incomplete() })),
    noteTimeout: assign(() => ({ reason: legTimedOut() })),
    noteChildFailure: assign(({ event }) => ({ reason: moved(event)?.context.error })),
    noteFailure: assign((_, { error }: { error: unknown }) => ({ reason: notProvided(error) })),
    noteGivenUp: assign(({ context }) => ({ reason: context.reason ?? noneGiven() })),
    noteRejection: assign(({ context, event }) => {
      const child = moved(event);
      const { now } = resolveOptions({ ...context.handshake, credentials: context.credentials! });
      const bound = context.handshake.channelBindings === undefined ? 'unbound' : 'bound';
      const channel = context.origin.startsWith('https:') ? bound : 'plain';
      return { reason: refusedByServer(child && ntlmContextOf(child)?.challenge, now, channel) };
    }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    resetAttempts: assign({ attempt: 1 }),
    emitToken: emit(({ event }, { message }: { message: 'NEGOTIATE' | 'AUTHENTICATE' }) => ({
      type: 'authorize' as const,
      message,
      token: moved(event)!.context.token!,
    })),
    emitRefusal: emit(({ context }) => ({ type: 'refused' as const, error: context.reason! })),
    emitFallback: emit({ type: 'fallback' as const }),
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
    accept: sendTo('handshake', { type: 'accepted' }),
    reject: sendTo('handshake', { type: 'rejected' }),
  },
});
