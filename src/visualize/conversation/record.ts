import diagnostics from 'node:diagnostics_channel';
import { invalidArgument } from '../../errors.ts';
import { HTTP_CHANNEL, tellerOf, type HttpEvent } from '../../http/exchange/telling.ts';
import type { Conversation } from './conversation.ts';
import { LiveConversation } from './live.ts';
import type { TokenVisibility } from './token.ts';

export interface RecordOptions {
  /**
   * `whole` keeps responses, MICs and keys, which can be cracked offline: only of a carrier that is given, never of the
   * whole process. Default `masked`.
   */
  readonly tokens?: TokenVisibility | undefined;
  /** Exchanges kept, the latest; default 1000. */
  readonly limit?: number | undefined;
  /** Called for each event, after it is recorded. */
  readonly onEvent?: ((event: HttpEvent) => void) | undefined;
}

export interface Recording extends Disposable {
  /** What was recorded until now, as plain data: `JSON.stringify` saves it, `readConversation` reads it, `explain` explains it. */
  conversation(): Conversation;
  /** Ends the recording; what was recorded stays. */
  stop(): void;
}

const KEPT = 1000;

/**
 * Records what goes over the connections of an agent, a dispatcher, a fetch or a gateway of this library from now on; without one,
 * over those of the whole process, by the diagnostics channel `ntlmachine:http`.
 *
 * @throws NtlmError `invalid-argument` for anything else, and for whole tokens of the whole process.
 */
export function record(carrier?: object, { tokens = 'masked', limit = KEPT, onEvent }: RecordOptions = {}): Recording {
  const live = new LiveConversation({ tokens, limit });
  const hear = (event: HttpEvent): void => {
    live.add(event);
    onEvent?.(event);
  };
  const stop = carrier === undefined ? listenToAll(hear, tokens) : listenTo(carrier, hear, tokens);
  return { conversation: () => live.conversation(), stop, [Symbol.dispose]: stop };
}

function listenTo(carrier: object, tell: (event: HttpEvent) => void, tokens: TokenVisibility): () => void {
  const teller = typeof carrier === 'object' || typeof carrier === 'function' ? tellerOf(carrier) : undefined;
  if (teller === undefined) throw invalidArgument('carrier', 'must be an NtlmAgent, an NtlmDispatcher, or what createNtlmFetch or createGateway returned');
  return teller.listen({ whole: tokens === 'whole', tell });
}

function listenToAll(hear: (event: HttpEvent) => void, tokens: TokenVisibility): () => void {
  if (tokens === 'whole') throw invalidArgument('tokens', 'must be "masked" for the whole process: whole tokens never go over a channel');
  const listener = (message: unknown): void => hear(message as HttpEvent);
  diagnostics.subscribe(HTTP_CHANNEL, listener);
  return () => void diagnostics.unsubscribe(HTTP_CHANNEL, listener);
}
