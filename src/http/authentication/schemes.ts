/** The schemes that carry NTLM messages, and what a 401 or 407 offers of them. */
import type { Challenge } from './challenges.ts';
import { NtlmError } from '../../errors.ts';

/** An authentication scheme that carries NTLM messages (MS-NTHT 2.2). */
export type HttpScheme = 'NTLM' | 'Negotiate';

/** What a 401 or 407 has for us. */
export interface Offer {
  readonly scheme: HttpScheme;
  /** Base64, as it came. */
  readonly token68: string | undefined;
  /** Whether the scheme NTLM is offered: this one, or beside it. */
  readonly ntlmOffered: boolean;
}

export const httpSchemes: readonly HttpScheme[] = ['NTLM', 'Negotiate'];

/** The first of `wanted`, else any other. `undefined`: no NTLM is offered. */
export function chooseOffer(
  challenges: readonly Challenge[],
  ...wanted: readonly (HttpScheme | undefined)[]
): Offer | undefined {
  const schemes = [...wanted.filter((scheme) => scheme !== undefined), ...httpSchemes];
  const offersOf = (scheme: HttpScheme): Challenge[] =>
    challenges.filter((challenge) => challenge.scheme.toLowerCase() === scheme.toLowerCase());
  for (const scheme of schemes) {
    const offers = offersOf(scheme);
    const offer = offers.find(({ token68 }) => token68 !== undefined) ?? offers[0];
    if (offer !== undefined) return { scheme, token68: offer.token68, ntlmOffered: offersOf('NTLM').length > 0 };
  }
  return undefined;
}

/** RFC 4648 4, no bit left over behind the last byte (3.5). How much padding there is says nothing: some servers send none. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?=*$/;

/** @throws NtlmError `malformed-token`. */
export function decodeToken68(token68: string): Uint8Array<ArrayBuffer> {
  if (!BASE64.test(token68)) {
    throw new NtlmError('the challenge of the server is not base64', {
      code: 'malformed-token',
      phase: 'challenge',
      side: 'peer',
    });
  }
  const bytes = Buffer.from(token68, 'base64');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
