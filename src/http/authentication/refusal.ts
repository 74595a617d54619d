/** Why a 401 or 407 was handed back, said in the response itself, and read out of it again. */
import type { NtlmError, NtlmErrorCode } from '../../errors.ts';
import { parseChallenges } from './challenges.ts';
import { doesNotOffer } from './sentences.ts';

/** Why a request was not authenticated. */
export interface Refusal {
  readonly code: NtlmErrorCode;
  readonly message: string;
}

const REFUSAL_FIELD = 'proxy-status';
const IDENTITY = 'ntlmachine';

/** What a peer wrote may end up in a log or on a terminal. */
export const visible = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?');

/** The field that tells it: Proxy-Status (RFC 9209), written by this end as the last intermediary. */
export function refusalField({ code, message }: NtlmError): { name: string; value: string } {
  const details = visible(`${code}: ${message}`).replace(/["\\]/g, '\\$&');
  return { name: 'Proxy-Status', value: `${IDENTITY}; error=http_request_denied; details="${details}"` };
}

/** What clients hand out as headers: `Headers`, or an object as node:http, axios, got and undici have it. */
export type HeadersLike = { get(name: string): unknown } | { readonly [name: string]: unknown };

/** A response as fetch and axios (`status`), or node:http, got and undici (`statusCode`) have it. */
export interface ResponseLike {
  readonly status?: number | undefined;
  readonly statusCode?: number | undefined;
  readonly headers?: HeadersLike | null | undefined;
}

/**
 * Why a response of status 401 or 407 is one: what this library wrote into it, or that NTLM was not offered.
 * `undefined` for every other response, and where the server has said nothing.
 */
export function explainRefusal(response: ResponseLike | null | undefined): Refusal | undefined {
  if (response === undefined || response === null) return undefined;
  const status = response.status ?? response.statusCode;
  const { headers } = response;
  if ((status !== 401 && status !== 407) || headers === undefined || headers === null) return undefined;
  // Ours is the last: those before it are the server's, who may say anything.
  const members = new RegExp(`${IDENTITY}; error=\\w+; details="([a-z-]+): ((?:[^"\\\\]|\\\\.)*)"`, 'g');
  const written = [...fieldOf(headers, REFUSAL_FIELD).matchAll(members)].at(-1);
  if (written) {
    return { code: written[1] as NtlmErrorCode, message: visible((written[2] ?? '').replace(/\\(.)/g, '$1')) };
  }
  const offers = fieldOf(headers, status === 401 ? 'www-authenticate' : 'proxy-authenticate');
  if (/(?:^|[\s,])(?:ntlm|negotiate)(?:$|[\s,])/i.test(offers)) return undefined;
  return { code: 'ntlm-not-offered', message: visible(notOffering(status === 401 ? 'the server' : 'the proxy', parseChallenges([offers]).map(({ scheme }) => scheme))) };
}

function fieldOf(headers: HeadersLike, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : (headers as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(value) ? value.join(', ') : typeof value === 'string' ? value : '';
}

const notOffering = (who: string, schemes: readonly string[]): string =>
  schemes.length === 0 ? `${who} offers no scheme` : doesNotOffer(who, [...new Set(schemes)]);
