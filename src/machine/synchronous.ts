import type { PromiseActorLogic, PromiseSnapshot } from 'xstate';

/**
 * Actor logic that is done before it starts: the parent takes its `onDone` or `onError` within the
 * same `send`, so a live actor has its bytes when `send` returns. It has the type of promise
 * logic, so that `provide()` accepts a `fromPromise` in its place.
 */
export function fromSynchronous<TOutput, TInput>(run: (input: TInput) => TOutput): PromiseActorLogic<TOutput, TInput> {
  return {
    transition: (snapshot) => snapshot,
    getInitialSnapshot: (_, input): PromiseSnapshot<TOutput, TInput> => {
      try {
        return { status: 'done', output: run(input), error: undefined, input: undefined };
      } catch (error) {
        return { status: 'error', output: undefined, error, input: undefined };
      }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
    restoreSnapshot: (snapshot) => snapshot as PromiseSnapshot<TOutput, TInput>,
  };
}
