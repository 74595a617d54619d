/** Where a redirect leads, and what goes along: as the Fetch standard has it (HTTP-redirect fetch). */
import type { Body } from './body.ts';

export interface Outgoing {
  readonly url: URL;
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Body | undefined;
}

/** As curl has it. */
export const MAX_REDIRECTS = 50;

const WITHOUT_BODY = new Set(['content-type', 'content-length', 'content-encoding', 'content-language', 'content-location']);
/** What another origin has no business with. */
const OF_ONE_ORIGIN = new Set(['authorization', 'cookie', 'host', 'proxy-authorization']);

/** The request that follows an answer; `undefined` where none does: no redirect, no place, a body that is gone. */
export function redirected(
  { url, method, headers, body }: Outgoing,
  status: number,
  location: string | undefined,
): Outgoing | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === undefined || !URL.canParse(location, url)) return undefined;
  const next = new URL(location, url);
  if (!/^https?:$/.test(next.protocol) || next.username !== '' || next.password !== '') return undefined;
  const asGet = status === 303 ? method !== 'GET' && method !== 'HEAD' : status < 303 && method === 'POST';
  if (!asGet && body?.repeatable === false) return undefined;
  const left = (name: string): boolean => (asGet && WITHOUT_BODY.has(name)) || (next.origin !== url.origin && OF_ONE_ORIGIN.has(name));
  return {
    url: next,
    method: asGet ? 'GET' : method,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !left(name))),
    body: asGet ? undefined : body,
  };
}
