/** The tokens in whatever a person has at hand, each with the place it was found at. */
import { fromBase64 } from '../bytes.ts';
import { NtlmError } from '../../errors.ts';
import { findTokens, type FoundToken } from '../decode/find.ts';
import { exchangesOf, type SchemeUse } from './conversation.ts';
import { curlTraceLines, isCurlTrace } from './curl.ts';
import { cleaned, decoded } from './pasted.ts';
import { readConversation } from './read.ts';

/**
 * Of a conversation those it carried, in their order; of anything else those that are found in it.
 *
 * @throws NtlmError as `readConversation` and `findTokens` do.
 */
export function tokensIn(input: string | Uint8Array): readonly FoundToken[] {
  const carried = carriedIn(input);
  if (carried.length > 0) return carried;
  const given = decoded(input);
  const text = typeof given === 'string' ? cleaned(given) : given;
  if (typeof text === 'string' && isCurlTrace(text)) return findTokens(Array.from(curlTraceLines(text), ({ line }) => line).join('\n'));
  return findTokens(text);
}

function carriedIn(input: string | Uint8Array): readonly FoundToken[] {
  try {
    const conversation = readConversation(input, { tokens: 'whole' });
    if (conversation.source === 'tokens') return [];
    return exchangesOf(conversation).flatMap(({ request, response }) => [
      ...(request?.credentials ?? []).flatMap((use) => found(use, 'Authorization')),
      ...(response?.challenges ?? []).flatMap((use) => found(use, 'WWW-Authenticate')),
    ]);
  } catch (error) {
    if (error instanceof NtlmError && error.code === 'malformed-token') return [];
    throw error;
  }
}

function found({ side, scheme, token }: SchemeUse, field: 'Authorization' | 'WWW-Authenticate'): FoundToken[] {
  const bytes = token === undefined || token.base64 === '' ? undefined : fromBase64(token.base64);
  if (token === undefined || bytes === undefined) return [];
  const name = side === 'server' ? field : field === 'Authorization' ? 'Proxy-Authorization' : 'Proxy-Authenticate';
  return [{ token: bytes, where: `${name}: ${scheme}`, masked: token.masked }];
}
