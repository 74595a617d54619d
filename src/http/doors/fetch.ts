import { NtlmError, invalidArgument } from '../../errors.ts';
import { NtlmDispatcher, type NtlmDispatcherOptions } from './dispatcher.ts';

export interface NtlmFetchOptions extends NtlmDispatcherOptions {
  /** The fetch underneath; default: the global one. */
  readonly fetch?: typeof fetch | undefined;
}

/** A `fetch` whose connections authenticate themselves. */
export interface NtlmFetch {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Ends its connections once they are idle. */
  close(): Promise<void>;
}

/**
 * A function of fetch's shape: Request, AbortSignal, streamed bodies both ways, redirects. What keeps a
 * request from its answer is thrown as the NtlmError it is, a connection that is lost before it as
 * `connection-closed` with fetch's error as its cause, and everything else as fetch throws it.
 *
 * @throws NtlmError as {@link NtlmDispatcher} does.
 */
export function createNtlmFetch(options: NtlmFetchOptions): NtlmFetch {
  const { fetch: underneath = globalThis.fetch, ...dispatcherOptions } = options;
  if (typeof underneath !== 'function') throw invalidArgument('fetch', 'must be a function');
  const dispatcher = new NtlmDispatcher(dispatcherOptions);
  const ntlmFetch = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    try {
      return await underneath(input, { ...init, dispatcher } as RequestInit);
    } catch (error) {
      throw ownError(error);
    }
  };
  return Object.assign(ntlmFetch, { close: () => dispatcher.close() });
}

/** Of undici, of the system while reading, of the system while writing. */
const LOST: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** A lost connection is one thing to the caller, whether a leg was under way or not. */
function ownError(error: unknown): unknown {
  if (!(error instanceof TypeError)) return error;
  if (error.cause instanceof NtlmError) return error.cause;
  if (!LOST.has((error.cause as { readonly code?: unknown } | undefined)?.code)) return error;
  return new NtlmError('the connection was closed before the answer', {
    code: 'connection-closed',
    phase: 'transport',
    side: 'peer',
    cause: error,
  });
}
