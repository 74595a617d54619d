import * as undici from 'undici';
import { NtlmError, invalidArgument } from '../../errors.ts';
import { drives, unsupported } from './dialects.ts';
import { NtlmDispatcher, type NtlmDispatcherOptions } from './dispatcher.ts';
import { inKind, type FetchArguments, type Kind } from './kinds.ts';
import { resolveHttpOptions } from './options.ts';
import { hearing407 } from './proxy-refusals.ts';
import { tellerOf, tellsBy } from '../exchange/telling.ts';

type Fetch = typeof fetch;
type Input = string | URL | Request | undici.Request;
type Init = RequestInit | undici.RequestInit;

/**
 * Options of the dispatcher underneath, and which fetch is called.
 *
 * ```ts
 * import { fetch } from 'undici';
 * import { createNtlmFetch } from 'ntlmachine/fetch';
 *
 * const ntlmFetch = createNtlmFetch({ credentials, fetch: fetch as unknown as typeof globalThis.fetch });
 * ```
 */
export interface NtlmFetchOptions extends NtlmDispatcherOptions {
  /**
   * The fetch underneath, which has to take dispatchers. Default: the global one where it can use the undici that is
   * installed, and undici's own elsewhere.
   */
  readonly fetch?: Fetch | undefined;
}

/** A `fetch` whose connections authenticate themselves. */
export interface NtlmFetch {
  (input: Input, init?: Init): Promise<Response>;
  /** Ends its connections once they are idle. */
  close(): Promise<void>;
  /** As {@link NtlmDispatcher.forgetRefusals}. */
  forgetRefusals(): void;
}

/**
 * A function of fetch's shape: Request, AbortSignal, streamed bodies both ways, redirects. Request, Headers, FormData and
 * Blob may be the global ones or undici's. What keeps a request from its answer is thrown as the NtlmError it is, a
 * connection that is lost before it as `connection-closed` with fetch's error as its cause, a body that would be sent as
 * the text of an object as `unsupported`, and everything else as fetch throws it.
 *
 * @throws NtlmError as {@link NtlmDispatcher} does.
 */
export function createNtlmFetch(options: NtlmFetchOptions): NtlmFetch {
  const { fetch: given, ...dispatcherOptions } = options;
  if (given !== undefined && typeof given !== 'function') throw invalidArgument('fetch', 'must be a function');
  const limit = resolveHttpOptions(dispatcherOptions).limits.maxRepeatableBody;
  const dispatcher = new NtlmDispatcher(dispatcherOptions);
  const { fetch: global } = globalThis; // now: this function may take its place
  const ntlmFetch = async (input: Input, init?: Init): Promise<Response> => {
    const underneath = given ?? ((await drives(global)) ? global : own);
    let dispatched = false;
    let refusal: NtlmError | undefined;
    const dispatch: NtlmDispatcher['dispatch'] = (options, handler) => {
      dispatched = true;
      const heard = dispatcherOptions.proxy === undefined ? handler : hearing407(handler, (error) => (refusal = error));
      return dispatcher.dispatch(options, heard);
    };
    try {
      const kind: Kind = underneath === own ? ownKind : globalThis;
      const [ours, translated] = await inKind(kind, [input, init ?? {}] as FetchArguments, limit);
      const response = await underneath(ours, { ...translated, dispatcher: { dispatch } } as unknown as RequestInit);
      if (!dispatched && UNAUTHENTICATED.has(response.status)) throw ignoresDispatchers();
      return response;
    } catch (error) {
      throw isNetworkError(error) && refusal !== undefined ? refusal : ownError(error);
    }
  };
  const teller = tellerOf(dispatcher);
  if (teller !== undefined) tellsBy(ntlmFetch, teller);
  return Object.assign(ntlmFetch, { close: () => dispatcher.close(), forgetRefusals: () => dispatcher.forgetRefusals() });
}

const own = undici.fetch as unknown as Fetch;
const ownKind = undici as unknown as Kind;

const UNAUTHENTICATED: ReadonlySet<number> = new Set([401, 407]);

function ignoresDispatchers(): NtlmError {
  return unsupported(
    'the function given as fetch ignores dispatchers: its request went out without authentication; ' +
      'give the fetch of the package undici, or none',
  );
}

/** Of undici, of the system while reading, of the system while writing. */
const LOST: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** A lost connection is one thing to the caller, whether a leg was under way or not. */
function ownError(error: unknown): unknown {
  if (!isNetworkError(error)) return error;
  const { cause } = error;
  if (cause instanceof NtlmError) return cause;
  if (!LOST.has((cause as { readonly code?: unknown } | undefined)?.code)) return error;
  return new NtlmError('the connection was closed before the answer', {
    code: 'connection-closed',
    phase: 'transport',
    side: 'peer',
    cause: error,
  });
}

/** fetch's word for one is TypeError; not by its class, for that of a fetch may be another realm's (under Jest, say). */
function isNetworkError(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && (error as Partial<Error>).name === 'TypeError';
}
