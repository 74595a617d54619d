/** The flags of our messages (MS-NLMP 2.2.2.5). */
import type { Credentials } from '../crypto/credentials.ts';
import { charsetOf, type ChallengeMessage } from '../messages/challenge.ts';
import { NegotiateFlags as F } from '../messages/flags.ts';
import type { ResolvedOptions } from './options.ts';

/** The wish list of a NEGOTIATE, without the bits that the message derives (MS-NLMP 3.1.5.1.1). */
export function requestedFlags(options: ResolvedOptions): number {
  const { legacy, sessionSecurity } = options;
  const withEss = legacy === undefined || legacy.name === 'ntlm2-session';
  let flags = F.NEGOTIATE_OEM | F.NEGOTIATE_NTLM | F.NEGOTIATE_ALWAYS_SIGN | F.NEGOTIATE_TARGET_INFO;
  // Servers may be set to refuse clients that do not offer 128 bits, whether or not a session follows.
  flags |= F.NEGOTIATE_128 | F.NEGOTIATE_56;
  if (options.unicode) flags |= F.NEGOTIATE_UNICODE;
  if (options.requestTarget) flags |= F.REQUEST_TARGET;
  if (withEss) flags |= F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
  if (sessionSecurity !== 'none') flags |= F.NEGOTIATE_SIGN | F.NEGOTIATE_KEY_EXCH;
  if (sessionSecurity === 'seal') flags |= F.NEGOTIATE_SEAL;
  return flags >>> 0;
}

/**
 * The flags of the AUTHENTICATE: what was asked for and granted, in one charset (MS-NLMP 3.1.5.1.2). `datagram`: whether
 * the handshake is connectionless; over a connection nobody asked for datagrams, whatever a challenge says.
 */
export function agreedFlags(
  options: ResolvedOptions,
  credentials: Credentials,
  challenge: ChallengeMessage,
  datagram: boolean,
): number {
  const granted = challenge.negotiateFlags;
  // ESS is the server's word: a response for another variant than it granted cannot be verified.
  const askable = requestedFlags(options) | F.NEGOTIATE_EXTENDED_SESSIONSECURITY | (datagram ? F.NEGOTIATE_DATAGRAM : 0);
  let flags = askable & granted & ~(F.NEGOTIATE_UNICODE | F.NEGOTIATE_OEM);
  flags |= answerCharset(options, granted) === 'unicode' ? F.NEGOTIATE_UNICODE : F.NEGOTIATE_OEM;
  // Without either, acceptors disagree on the key.
  if ((flags & (F.NEGOTIATE_SIGN | F.NEGOTIATE_SEAL)) === 0) flags &= ~F.NEGOTIATE_KEY_EXCH;
  if (options.requestTarget) flags |= F.REQUEST_TARGET;
  if (options.version !== undefined) flags |= F.NEGOTIATE_VERSION;
  if (credentials.anonymous) flags |= F.ANONYMOUS;
  return flags >>> 0;
}

/** The one character set of the answer to a challenge with the flags `granted`. */
export function answerCharset(options: ResolvedOptions, granted: number): 'unicode' | 'oem' {
  return options.unicode ? charsetOf(granted) : 'oem';
}
