/**
 * The authentication of one HTTP connection at one side of it (MS-NTHT): the server's by 401, a proxy's by 407.
 *
 * Rules
 * - Authentication belongs to the connection: what is authenticated here is never told to another one.
 * - Nothing is sent from here. `authorize` says what the next request carries, `refused` why none will;
 *   the socket that owns this actor moves the bytes and reports each answer as `unauthorized` or `passed`.
 * - A handshake is a child actor (`ntlmMachine`), alive from type 1 until the server's word on type 3.
 * - A refusal of type 3 ends those credentials. Others may follow, `maxAttempts` in all between two acceptances.
 * - Every wait for the server has a limit. Only `asking` has none: people take their time.
 * - `refused` is not the end of the connection: the next request may ask again. `closed` is.
 */
import {
  assign,
  emit,
  fromPromise,
  sendTo,
  setup,
  type ActorOptions,
  type AnyActorLogic,
  type SnapshotFrom,
} from 'xstate';
import { Credentials } from '../crypto/credentials.ts';
import { NtlmError } from '../errors.ts';
import { ntlmMachine } from '../machine/machine.ts';
import { resolveOptions, type NtlmOptions } from '../machine/options.ts';
import type { HttpScheme } from './mechanism.ts';
import type { ConnectionSide } from './options.ts';
import type { RealmQuestion } from './realm.ts';
import { refusedByServer } from './refusal.ts';

export type ConnectionInspector = NonNullable<ActorOptions<AnyActorLogic>['inspect']>;

export interface ConnectionInput {
  readonly side: ConnectionSide;
  /** Of the server or the proxy. */
  readonly origin: string;
  /** Options of the handshakes on this connection. */
  readonly handshake: Omit<NtlmOptions, 'credentials'>;
  /** Where credentials come from; `undefined` gives up. */
  readonly ask: (question: RealmQuestion) => Promise<Credentials | undefined>;
  /** Milliseconds: from type 1 to type 2. */
  readonly legTimeout: number;
  /** Milliseconds: from the last byte that follows type 3 to the answer. */
  readonly answerTimeout: number;
  readonly maxAttempts: number;
  /** Handshakes that other connections already spent on the request at hand. */
  readonly attempt?: number | undefined;
}

export interface ConnectionContext extends Omit<ConnectionInput, 'attempt'> {
  /** Of the handshake under way or done. */
  readonly scheme: HttpScheme | undefined;
  readonly credentials: Credentials | undefined;
  readonly attempt: number;
  /** Type 2, until the handshake has taken it. */
  readonly challenge: Uint8Array | undefined;
  /** Why the last handshake failed. */
  readonly reason: NtlmError | undefined;
}

export type ConnectionEvent =
  /** The other end is known to ask: open a handshake before it does. */
  | { readonly type: 'authenticate'; readonly scheme: HttpScheme }
  /** A 401, or 407; `scheme` where it offers NTLM, `token` where it holds a type 2. */
  | {
      readonly type: 'unauthorized';
      readonly scheme?: HttpScheme | undefined;
      readonly token?: Uint8Array | undefined;
      /** The challenge could not be read. */
      readonly error?: NtlmError | undefined;
    }
  /** Any other answer. */
  | { readonly type: 'passed' }
  /** The request that carries type 3 is out, its body too. */
  | { readonly type: 'sent' }
  /** The connection is gone. */
  | { readonly type: 'close' };

export type ConnectionEmitted =
  /** The next request carries these bytes in its credentials. */
  | { readonly type: 'authorize'; readonly message: 'NEGOTIATE' | 'AUTHENTICATE'; readonly token: Uint8Array }
  /** No request will. */
  | { readonly type: 'refused'; readonly error: NtlmError };

export type ConnectionTag =
  | 'needs-credentials' // the app is asked
  | 'awaiting-server' // a leg is out, the answer is due
  | 'settled'; // nothing is under way

type Child = SnapshotFrom<typeof ntlmMachine>;

const failure = (code: NtlmError['code'], side: NtlmError['side'], message: string): NtlmError =>
  new NtlmError(message, { code, phase: 'transport', side });

const beginsHandshake = [
  { guard: 'unreadable', target: '#connection.refused', actions: 'noteUnreadable' },
  { guard: 'offersNtlm', target: '#connection.asking', actions: 'noteScheme' },
  { target: '#connection.refused', actions: 'noteNotOffered' },
] as const;

const opensHandshake = { target: '#connection.asking', actions: 'noteScheme' } as const;

export const connectionMachine = setup({
  types: {
    input: {} as ConnectionInput,
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    emitted: {} as ConnectionEmitted,
    tags: {} as ConnectionTag,
  },
  actors: {
    handshake: ntlmMachine,
    provideCredentials: fromPromise(
      ({ input: { ask, ...question } }: { input: RealmQuestion & { readonly ask: ConnectionInput['ask'] } }) =>
        ask(question),
    ),
  },
  delays: {
    legTimeout: ({ context }) => context.legTimeout,
    answerTimeout: ({ context }) => context.answerTimeout,
  },
  guards: {
    unreadable: ({ event }) => event.type === 'unauthorized' && event.error !== undefined,
    offersNtlm: ({ event }) => event.type === 'unauthorized' && event.scheme !== undefined,
    holdsChallenge: ({ event, context }) =>
      event.type === 'unauthorized' && event.token !== undefined && event.scheme === context.scheme,
    attemptsLeft: ({ context }) => context.attempt < context.maxAttempts,
    negotiateReady: (_, child: Child) => child.matches({ negotiated: 'waiting' }),
    responseReady: (_, child: Child) => child.matches('responded'),
    handshakeDone: (_, child: Child) => child.matches('authenticated'),
    handshakeFailed: (_, child: Child) => child.matches({ failed: 'faulted' }) || child.matches({ failed: 'refused' }),
    rejectionNoted: (_, child: Child) => child.matches({ failed: 'rejected' }),
  },
  actions: {
    noteScheme: assign(({ event }) =>
      event.type === 'authenticate' || event.type === 'unauthorized' ? { scheme: event.scheme, reason: undefined } : {},
    ),
    keepChallenge: assign(({ event }) => (event.type === 'unauthorized' ? { challenge: event.token } : {})),
    noteUnreadable: assign(({ event }) => (event.type === 'unauthorized' ? { reason: event.error } : {})),
    noteNotOffered: assign({ reason: failure('ntlm-not-offered', 'peer', 'the other end offers no NTLM') }),
    noteNoChallenge: assign({ reason: failure('malformed-token', 'peer', 'type 1 was answered without a challenge') }),
    noteTimeout: assign({ reason: failure('timed-out', 'peer', 'a leg of the handshake took too long') }),
    noteFailure: assign((_, { error }: { error: unknown }) => ({
      reason:
        error instanceof NtlmError
          ? error
          : new NtlmError('the credentials could not be provided', {
              code: 'service-failed',
              phase: 'transport',
              side: 'local',
              cause: error,
            }),
    })),
    noteGivenUp: assign(({ context }) => ({
      reason: context.reason ?? failure('credentials-missing', 'local', 'no credentials were given'),
    })),
    noteRejection: assign(({ context }, child: Child) => ({
      reason: refusedByServer(
        child.context.challenge,
        resolveOptions({ ...context.handshake, credentials: child.context.credentials }).now,
      ),
    })),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    resetAttempts: assign({ attempt: 1 }),
    emitToken: emit((_, emitted: { message: 'NEGOTIATE' | 'AUTHENTICATE'; token: Uint8Array }) => ({
      type: 'authorize' as const,
      ...emitted,
    })),
    emitRefusal: emit(({ context }) => ({ type: 'refused' as const, error: context.reason! })),
    negotiate: sendTo('handshake', { type: 'negotiate' }),
    challenge: sendTo('handshake', ({ context }) => ({ type: 'challenge' as const, token: context.challenge! })),
    accept: sendTo('handshake', { type: 'accepted' }),
    reject: sendTo('handshake', { type: 'rejected' }),
  },
}).createMachine({
  id: 'connection',
  context: ({ input }) => ({
    ...input,
    attempt: input.attempt ?? 1,
    scheme: undefined,
    credentials: undefined,
    challenge: undefined,
    reason: undefined,
  }),
  initial: 'anonymous',
  on: { close: '.closed' },
  states: {
    anonymous: {
      tags: 'settled',
      on: { authenticate: opensHandshake, unauthorized: beginsHandshake },
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
            guard: ({ event }) => event.output instanceof Credentials,
            target: 'handshaking',
            actions: assign({ credentials: ({ event }) => event.output, reason: undefined }),
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
      invoke: {
        id: 'handshake',
        src: 'handshake',
        input: ({ context: { handshake, credentials } }) => ({
          ...handshake,
          credentials: credentials ?? Credentials.anonymous(),
        }),
        onSnapshot: [
          {
            guard: { type: 'negotiateReady', params: ({ event }) => event.snapshot },
            target: '.negotiating',
            actions: {
              type: 'emitToken',
              params: ({ event }) => ({ message: 'NEGOTIATE', token: event.snapshot.context.token! }),
            },
          },
          {
            guard: { type: 'responseReady', params: ({ event }) => event.snapshot },
            target: '.responding',
            actions: {
              type: 'emitToken',
              params: ({ event }) => ({ message: 'AUTHENTICATE', token: event.snapshot.context.token! }),
            },
          },
          { guard: { type: 'handshakeDone', params: ({ event }) => event.snapshot }, target: 'authenticated' },
          {
            guard: { type: 'handshakeFailed', params: ({ event }) => event.snapshot },
            target: 'refused',
            actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.snapshot.context.error }) },
          },
          {
            guard: { type: 'rejectionNoted', params: ({ event }) => event.snapshot },
            target: '.deciding',
            actions: { type: 'noteRejection', params: ({ event }) => event.snapshot },
          },
        ],
        onError: {
          target: 'refused',
          actions: { type: 'noteFailure', params: ({ event }) => ({ error: event.error }) },
        },
      },
      initial: 'opening',
      states: {
        opening: { entry: 'negotiate' },
        negotiating: {
          tags: 'awaiting-server',
          after: { legTimeout: { target: '#connection.refused', actions: 'noteTimeout' } },
          on: {
            unauthorized: [
              { guard: 'unreadable', target: '#connection.refused', actions: 'noteUnreadable' },
              { guard: 'holdsChallenge', target: 'answering', actions: 'keepChallenge' },
              { target: '#connection.refused', actions: 'noteNoChallenge' },
            ],
            /** What was asked for needs no authentication. */
            passed: '#connection.anonymous',
          },
        },
        answering: { entry: 'challenge' },
        responding: {
          tags: 'awaiting-server',
          initial: 'sending',
          on: { passed: 'accepting', unauthorized: 'rejecting' },
          states: {
            sending: { on: { sent: 'waiting' } },
            waiting: { after: { answerTimeout: { target: '#connection.refused', actions: 'noteTimeout' } } },
          },
        },
        accepting: { entry: 'accept' },
        rejecting: { entry: 'reject' },
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
