/**
 * XState alone: the states, events and invocations of the handshake machine, with services, guards and actions that do
 * nothing. What it costs, no machine of this shape can cost less.
 */
import { assign, createActor, emit, fromPromise, setup, type Actor, type PromiseActorLogic } from 'xstate';

const BYTES = new Uint8Array(8);

/** Done before it starts, as the library's services are. */
const service: PromiseActorLogic<Uint8Array> = {
  ...fromPromise(() => Promise.resolve<Uint8Array>(BYTES)),
  getInitialSnapshot: () => ({ status: 'done', output: BYTES, error: undefined, input: undefined }),
};

interface Context {
  readonly bytes: Uint8Array;
}
type Event = { readonly type: 'negotiate' | 'challenge' | 'accepted' | 'reset' };

const never = { guard: 'never', target: '#bare.failed' } as const;

export const bareMachine = setup({
  types: { context: {} as Context, events: {} as Event, emitted: {} as { readonly type: 'token' } },
  actors: { encode: service, decode: service, respond: service },
  guards: { never: () => false },
  actions: { keep: assign({ bytes: BYTES }), tell: emit({ type: 'token' }) },
}).createMachine({
  id: 'bare',
  context: { bytes: BYTES },
  initial: 'idle',
  on: { reset: { target: '.idle', actions: 'keep' } },
  states: {
    idle: { on: { negotiate: 'negotiated' } },
    negotiated: {
      initial: 'encoding',
      states: {
        encoding: { invoke: { src: 'encode', onDone: { target: 'waiting', actions: ['keep', 'tell'] }, onError: '#bare.failed' } },
        waiting: { on: { challenge: { target: '#bare.challenged', actions: 'keep' } } },
      },
    },
    challenged: {
      initial: 'decoding',
      states: {
        decoding: { invoke: { src: 'decode', onDone: { target: 'deciding', actions: 'keep' }, onError: '#bare.failed' } },
        deciding: { always: [never, never, never, never, never, never, never, never, never, { target: 'responding' }] },
        responding: {
          invoke: { src: 'respond', onDone: { target: '#bare.responded', actions: ['keep', 'tell'] }, onError: '#bare.failed' },
        },
      },
    },
    responded: { on: { accepted: 'authenticated' } },
    authenticated: {},
    failed: {},
  },
});

export function bareActor(): Actor<typeof bareMachine> {
  return createActor(bareMachine).start();
}

export function bareHandshake(actor: Actor<typeof bareMachine>): void {
  actor.send({ type: 'negotiate' });
  actor.send({ type: 'challenge' });
  actor.send({ type: 'accepted' });
  if (!actor.getSnapshot().matches('authenticated')) throw new Error('the bare machine did not get there');
}
