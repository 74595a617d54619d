import type { Challenge } from './challenges.ts';
import { NtlmError } from '../errors.ts';

/** An authentication scheme that carries NTLM messages (MS-NTHT 2.2). */
export type HttpScheme = 'NTLM' | 'Negotiate';

/** How a scheme carries the messages of one handshake; made anew for each. */
export interface Mechanism {
  /** The bytes of a credentials token around type 1 or type 3. */
  wrap(message: Uint8Array): Uint8Array;
  /** The type 2 in a challenge's token. @throws NtlmError `malformed-token` or `mechanism-refused`. */
  unwrap(token: Uint8Array): Uint8Array;
}

/** The messages themselves: scheme NTLM, and what acceptors of Negotiate take where no SPNEGO is spoken. */
const raw: Mechanism = { wrap: (message) => message, unwrap: (token) => token };

export function mechanismOf(_scheme: HttpScheme): Mechanism {
  return raw;
}

/** What a 401 or 407 has for us. */
export interface Offer {
  readonly scheme: HttpScheme;
  /** Base64, as it came. */
  readonly token68: string | undefined;
}

/** NTLM is taken before Negotiate, which may need what this end does not speak. */
const PREFERENCE: readonly HttpScheme[] = ['NTLM', 'Negotiate'];

/** The scheme of a handshake under way goes on; otherwise the preferred one. `undefined`: no NTLM is offered. */
export function chooseOffer(challenges: readonly Challenge[], current: HttpScheme | undefined): Offer | undefined {
  const schemes = current === undefined ? PREFERENCE : [current, ...PREFERENCE];
  for (const scheme of schemes) {
    const offers = challenges.filter((challenge) => challenge.scheme.toLowerCase() === scheme.toLowerCase());
    const offer = offers.find(({ token68 }) => token68 !== undefined) ?? offers[0];
    if (offer !== undefined) return { scheme, token68: offer.token68 };
  }
  return undefined;
}

/** @throws NtlmError `malformed-token`. */
export function decodeToken68(token68: string): Uint8Array {
  const bytes = Buffer.from(token68, 'base64');
  const canonical = bytes.toString('base64').replace(/=+$/, '');
  if (canonical !== token68.replace(/=+$/, '')) {
    throw new NtlmError('the challenge of the server is not base64', {
      code: 'malformed-token',
      phase: 'challenge',
      side: 'peer',
    });
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
