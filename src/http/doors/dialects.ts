/**
 * undici tells the handler of a request what becomes of it, in one of two dialects: that of undici 6, which the fetch of
 * Node 20 to 24 speaks as well, and that of undici 8, which the fetch of Node 26 speaks. undici 7 knows both.
 */
import { Agent } from 'undici';
import { NtlmError } from '../../errors.ts';

type Handler = Parameters<Agent['dispatch']>[1];

/** An agent that is destroyed tells a handler so before anything else; one whose dialect it does not know it cannot tell. */
function answers(handler: object): boolean {
  const agent = new Agent();
  void agent.destroy();
  try {
    agent.dispatch({ path: '/', method: 'GET' }, handler as Handler);
    return true;
  } catch {
    return false;
  }
}

const ignored = (): void => {};
const probes = {
  old: { onConnect: ignored, onError: ignored },
  new: { onRequestStart: ignored, onResponseError: ignored },
};
const known = new Map<keyof typeof probes, boolean>();

/** Whether the undici that is installed speaks the dialect of `handler`. */
export function understands(handler: Handler): boolean {
  const dialect = 'onRequestStart' in handler ? 'new' : 'old';
  const before = known.get(dialect);
  if (before !== undefined) return before;
  const answered = answers(probes[dialect]);
  known.set(dialect, answered);
  return answered;
}

const takesDispatchers = new WeakMap<typeof fetch, Promise<boolean>>();

/**
 * Whether a `fetch` hands its requests to the dispatcher it is given, in a dialect of the undici that is installed. Tried
 * once for each function, and nothing is sent: who reads no dispatchers is not called.
 */
export async function drives(candidate: typeof fetch | undefined): Promise<boolean> {
  if (typeof candidate !== 'function') return false;
  let known = takesDispatchers.get(candidate);
  if (known === undefined) takesDispatchers.set(candidate, (known = tryOut(candidate)));
  return known;
}

async function tryOut(candidate: typeof fetch): Promise<boolean> {
  if (!readsDispatchers()) return false;
  let understood = false;
  const dispatch = (_options: unknown, handler: Handler): never => {
    understood = understands(handler);
    throw unsupported('a request that is not sent');
  };
  try {
    await candidate('http://ntlmachine.invalid/', { dispatcher: { dispatch } } as unknown as RequestInit);
  } catch {
    // as it was made to
  }
  return understood;
}

/** The Request of undici, and so of Node, reads the option; those of Deno and Bun do not know it. */
function readsDispatchers(): boolean {
  let read = false;
  const init = {
    get dispatcher() {
      read = true;
      return undefined;
    },
  };
  void new Request('http://ntlmachine.invalid/', init as RequestInit);
  return read;
}

export function unsupported(message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code: 'unsupported', phase: 'configure', side: 'local', cause });
}
