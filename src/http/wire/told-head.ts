/** What of a head may be told: by an allow-list, without queries and users, tokens masked unless they are wanted whole. */
import { maskToken } from '../../spnego/mask.ts';
import type { Field, MessageHead } from './head.ts';

export const TOLD_OF_REQUESTS: readonly string[] = [
  'host', 'connection', 'proxy-connection', 'keep-alive', 'user-agent', 'expect', 'content-length', 'transfer-encoding', 'upgrade', 'via',
];
export const TOLD_OF_RESPONSES: readonly string[] = [
  'connection', 'proxy-connection', 'keep-alive', 'date', 'server', 'via', 'location', 'content-length', 'content-type', 'transfer-encoding',
  'upgrade', 'persistent-auth', 'proxy-status', 'x-squid-error', 'retry-after',
];
const CREDENTIALS = ['authorization', 'proxy-authorization'];
const CHALLENGES = ['www-authenticate', 'proxy-authenticate'];
const OF_AUTHENTICATION: ReadonlySet<string> = new Set([...CREDENTIALS, ...CHALLENGES]);
const LONGEST_VALUE = 512;
const STATUS_AT = 'HTTP/1.1 '.length;

/** Of most requests nothing else is worth its time. */
const BRIEF = ['host', ...CREDENTIALS];
const linesOf = (names: readonly string[]): RegExp => new RegExp(`\\r\\n(${names.join('|')})[ \\t]*:[ \\t]*([^\\r]*)`, 'gi');
const REQUEST_LINES = linesOf(BRIEF);
const RESPONSE_LINES = linesOf([...TOLD_OF_RESPONSES, ...CHALLENGES]);

/** A query, a fragment and a user may be secrets. */
export function withoutSecrets(target: string): string {
  const end = target.search(/[?#]/);
  const path = end < 0 ? target : target.slice(0, end);
  const bare = path.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1').slice(0, LONGEST_VALUE);
  return end < 0 ? bare : `${bare}?…`;
}

/** Of the bytes of a head, up to its empty line. What is told is copied: a part of the whole text would keep all of it. */
export function toldRequest(bytes: Buffer, whole: boolean): MessageHead {
  const [method = '', target = '', version = ''] = firstLine(bytes).split(' ', 3);
  return { startLine: `${method} ${withoutSecrets(target)} ${version}`, fields: toldFields(bytes, REQUEST_LINES, whole) };
}

/** Nothing in an answer of success explains anything. */
export function toldResponse(bytes: Buffer, whole: boolean): MessageHead {
  const isSuccess = bytes[STATUS_AT] === 0x32;
  return { startLine: firstLine(bytes).slice(0, LONGEST_VALUE), fields: isSuccess ? [] : toldFields(bytes, RESPONSE_LINES, whole) };
}

function firstLine(bytes: Buffer): string {
  return bytes.toString('latin1', 0, bytes.indexOf('\r\n'));
}

function toldFields(bytes: Buffer, lines: RegExp, whole: boolean): Field[] {
  const text = bytes.toString('latin1');
  const fields: Field[] = [];
  lines.lastIndex = 0;
  for (let line = lines.exec(text); line !== null; line = lines.exec(text)) {
    const name = line[1]!.toLowerCase();
    const end = lines.lastIndex;
    const start = end - line[2]!.length;
    if (OF_AUTHENTICATION.has(name)) fields.push({ name, value: toldSchemes(bytes.toString('latin1', start, end), whole) });
    else {
      const value = bytes.toString('latin1', start, Math.min(end, start + LONGEST_VALUE));
      fields.push({ name, value: name === 'location' ? withoutSecrets(value) : value });
    }
  }
  return fields;
}

/** Schemes by name; of NTLM and Negotiate the token; of all others nothing more. */
function toldSchemes(value: string, whole: boolean): string {
  const parts = value.match(/(?:"(?:[^"\\]|\\.)*"?|[^",])+/g) ?? [];
  return parts
    .flatMap((part) => {
      const [, scheme = '', token = ''] = /^\s*([^\s=,"]+)(?:\s+(.*?))?\s*$/s.exec(part) ?? [];
      if (scheme === '') return [];
      return [token === '' || !/^(?:ntlm|negotiate)$/i.test(scheme) ? scheme.slice(0, 32) : `${scheme} ${whole ? token : maskedBase64(token)}`];
    })
    .join(', ');
}

function maskedBase64(token: string): string {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(token)) return '?'.repeat(Math.min(token.length, 8));
  return Buffer.from(maskToken(Buffer.from(token, 'base64'))).toString('base64');
}
