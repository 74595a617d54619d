import { decodeAuthenticate, type AuthenticateMessage } from './authenticate.ts';
import { decodeChallenge, type ChallengeMessage } from './challenge.ts';
import { MessageType, openMessage } from './header.ts';
import { decodeNegotiate, type NegotiateMessage } from './negotiate.ts';
import type { FieldRecorder } from './reader.ts';

/** Any NTLM message with its type. */
export type NtlmMessage =
  | { readonly type: 'NEGOTIATE'; readonly message: NegotiateMessage }
  | { readonly type: 'CHALLENGE'; readonly message: ChallengeMessage }
  | { readonly type: 'AUTHENTICATE'; readonly message: AuthenticateMessage };

/**
 * The values of a message of any type.
 *
 * @throws NtlmError with `side: 'peer'` and `offset`; phase `message` while the type is not known.
 */
export function decodeMessage(bytes: Uint8Array, record?: FieldRecorder): NtlmMessage {
  const reader = openMessage(bytes, 'message');
  const at = reader.offset;
  const type = reader.uint32('MessageType');
  switch (type) {
    case MessageType.NEGOTIATE:
      return { type: 'NEGOTIATE', message: decodeNegotiate(bytes, record) };
    case MessageType.CHALLENGE:
      return { type: 'CHALLENGE', message: decodeChallenge(bytes, record) };
    case MessageType.AUTHENTICATE:
      return { type: 'AUTHENTICATE', message: decodeAuthenticate(bytes, record) };
    default:
      throw reader.error('wrong-message-type', `message type ${type} is not one of NTLM's`, at);
  }
}
