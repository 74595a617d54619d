/** The header fields in which the two sides of a connection ask and answer. */
import { NtlmError } from '../../errors.ts';
import { valuesOf, type ResponseHead } from '../wire/head.ts';
import { parseChallenges } from './challenges.ts';
import { chooseOffer, decodeToken68, type HttpScheme, type Offer } from './schemes.ts';
import type { ConnectionSide } from './question.ts';

/**
 * RFC 9110 11.6 and 11.7. In `info` Squid 3 sends the last token of SPNEGO, which RFC 4559 5 has in `challenge`;
 * Squid 5 sends none.
 */
export const FIELDS = {
  server: {
    status: 401,
    challenge: 'www-authenticate',
    info: 'authentication-info',
    credentials: 'Authorization',
    credentialsName: 'authorization',
  },
  proxy: {
    status: 407,
    challenge: 'proxy-authenticate',
    info: 'proxy-authentication-info',
    credentials: 'Proxy-Authorization',
    credentialsName: 'proxy-authorization',
  },
} as const satisfies Record<ConnectionSide, object>;

/** What a 401 or 407 offers: the first of `wanted`, else any other. */
export function offerOf(
  head: ResponseHead,
  side: ConnectionSide,
  ...wanted: readonly (HttpScheme | undefined)[]
): Offer | undefined {
  return chooseOffer(parseChallenges(valuesOf(head, FIELDS[side].challenge)), ...wanted);
}

/** The token that came with any other answer, where it is of this scheme. */
export function lastWordOf(head: ResponseHead, side: ConnectionSide, scheme: HttpScheme | undefined): Offer | undefined {
  const { challenge, info } = FIELDS[side];
  const challenges = [challenge, info].flatMap((name) => parseChallenges(valuesOf(head, name)));
  const offer = chooseOffer(challenges, scheme);
  return offer?.scheme === scheme ? offer : undefined;
}

export interface ReadOffer {
  readonly scheme: HttpScheme;
  readonly token?: Uint8Array | undefined;
  /** The token could not be read. */
  readonly error?: NtlmError | undefined;
}

export function readOffer({ scheme, token68 }: Offer): ReadOffer {
  try {
    return { scheme, token: token68 === undefined ? undefined : decodeToken68(token68) };
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    return { scheme, error };
  }
}
