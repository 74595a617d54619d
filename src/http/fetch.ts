import { NtlmError, invalidArgument } from '../errors.ts';
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
 * request from its answer is thrown as the NtlmError it is, everything else as fetch throws it.
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
      if (error instanceof TypeError && error.cause instanceof NtlmError) throw error.cause;
      throw error;
    }
  };
  return Object.assign(ntlmFetch, { close: () => dispatcher.close() });
}
