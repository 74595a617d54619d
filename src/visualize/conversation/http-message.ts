/** Heads of HTTP as a conversation keeps them: by an allow-list, with schemes and tokens taken apart. */
import { TOLD_OF_REQUESTS, TOLD_OF_RESPONSES, withoutSecrets } from '../../http/wire/told-head.ts';
import { escaped } from '../decode/text.ts';
import type { ConversationRequest, ConversationResponse, Field, SchemeUse, Side } from './conversation.ts';
import type { RawField, RawRequest, RawResponse } from './raw.ts';
import { serverWord } from './server-word.ts';
import { tokenOfText, type TokenVisibility } from './token.ts';

const REQUEST_FIELDS: ReadonlySet<string> = new Set(TOLD_OF_REQUESTS);
const RESPONSE_FIELDS: ReadonlySet<string> = new Set(TOLD_OF_RESPONSES);
const LONGEST_VALUE = 512;
const MOST_FIELDS = 64;
const MOST_SCHEMES = 32;

export function requestOf({ method, target, version, fields, time }: RawRequest, visibility: TokenVisibility): ConversationRequest {
  return {
    method: method.slice(0, 32),
    target: withoutSecrets(target),
    version,
    fields: kept(fields, REQUEST_FIELDS),
    credentials: schemes(fields, CREDENTIALS, visibility),
    ...(time === undefined ? {} : { time }),
  };
}

export function responseOf({ status, reason, version, fields, body, time }: RawResponse, visibility: TokenVisibility): ConversationResponse {
  const says = status < 400 ? undefined : serverWord(reason, fields, body);
  return {
    status,
    unauthorized: status === 401 || status === 407,
    reason: reason.slice(0, 64),
    version,
    fields: kept(fields, RESPONSE_FIELDS),
    challenges: schemes(fields, CHALLENGES, visibility),
    ...(says === undefined ? {} : { says }),
    ...(time === undefined ? {} : { time }),
  };
}

const CREDENTIALS: ReadonlyMap<string, Side> = new Map([['authorization', 'server'], ['proxy-authorization', 'proxy']]);
const CHALLENGES: ReadonlyMap<string, Side> = new Map([['www-authenticate', 'server'], ['proxy-authenticate', 'proxy']]);

function kept(fields: readonly RawField[], names: ReadonlySet<string>): Field[] {
  return fields
    .map(([name, value]) => ({ name: name.toLowerCase(), value }))
    .filter(({ name }) => names.has(name))
    .slice(0, MOST_FIELDS)
    .map(({ name, value }) => ({ name, value: (name === 'location' ? withoutSecrets(value) : value).slice(0, LONGEST_VALUE) }));
}

function schemes(fields: readonly RawField[], names: ReadonlyMap<string, Side>, visibility: TokenVisibility): SchemeUse[] {
  return fields
    .flatMap(([name, value]) => {
      const side = names.get(name.toLowerCase());
      return side === undefined ? [] : items(value).map(([scheme, rest]) => schemeUse(side, scheme, rest, visibility));
    })
    .slice(0, MOST_SCHEMES);
}

const CARRIES_TOKEN = /^(?:ntlm|negotiate|kerberos)$/i;

function schemeUse(side: Side, scheme: string, rest: string, visibility: TokenVisibility): SchemeUse {
  const token = CARRIES_TOKEN.test(scheme) ? tokenOfText(rest, visibility) : undefined;
  return { side, scheme: escaped(scheme).slice(0, 32), ...(token === undefined ? {} : { token }) };
}

/** Schemes and what stands behind them: a list may name several, and the parameters of one are in the same list. */
function items(value: string): readonly (readonly [scheme: string, rest: string])[] {
  const parts = value.slice(0, 256 * 1024).match(/(?:"(?:[^"\\]|\\.)*"?|[^",])+/g) ?? [];
  return parts.flatMap((part): (readonly [string, string])[] => {
    const [, scheme = '', rest = ''] = /^\s*([^\s=,"]+)(?:\s+(.*?))?\s*$/s.exec(part) ?? [];
    return scheme === '' ? [] : [[scheme, rest]];
  });
}
