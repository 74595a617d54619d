/** Signing and sealing after authentication (MS-NLMP 3.4), for either end of a finished handshake. */
export { NtlmSession } from './session.ts';
export type { StreamOptions } from './streams.ts';
export type { FinishedClient } from './session.ts';
export type {
  FinishedHandshake,
  MessageOptions,
  MessagePart,
  SealedMessage,
  SealedParts,
  SessionOptions,
  UnwrapOptions,
  UnwrappedMessage,
} from './types.ts';
