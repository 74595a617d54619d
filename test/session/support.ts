import { SessionKey } from '../../src/crypto/index.ts';
import { NegotiateFlags as F } from '../../src/messages/index.ts';
import { NtlmSession, type SessionOptions } from '../../src/session/index.ts';

/** What a default client and a default server agree on when the client wants sealing. */
export const SEALED =
  (F.NEGOTIATE_SIGN |
    F.NEGOTIATE_SEAL |
    F.NEGOTIATE_ALWAYS_SIGN |
    F.NEGOTIATE_EXTENDED_SESSIONSECURITY |
    F.NEGOTIATE_128 |
    F.NEGOTIATE_KEY_EXCH) >>>
  0;
export const SIGNED = SEALED & ~F.NEGOTIATE_SEAL;
export const DATAGRAM = SEALED | F.NEGOTIATE_DATAGRAM;
export const LEGACY = SEALED & ~F.NEGOTIATE_EXTENDED_SESSIONSECURITY;

export const KEY: Uint8Array = new Uint8Array(16).fill(0x55);

export interface Ends {
  readonly client: NtlmSession;
  readonly server: NtlmSession;
}

/** Both ends of one session. */
export function endsOf(negotiateFlags: number, key: Uint8Array = KEY, options: SessionOptions = {}): Ends {
  const end = (side: 'client' | 'server'): NtlmSession =>
    NtlmSession.fromHandshake({ ...options, sessionKey: new SessionKey(key), negotiateFlags, side });
  return { client: end('client'), server: end('server') };
}
