/**
 * Requests that ask for nothing but to be passed on: most do. It is asked of each between two waits, when nothing is in
 * the processor's caches; there a loop over the characters takes a quarter of a regular expression's time.
 */
import { MAX_HEAD_LENGTH } from './head.ts';

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;

/**
 * Whether a text, a character a byte, is one head and nothing else, with no credentials, no body and no wish to have the
 * connection closed.
 */
export function isPlainHead(text: string): boolean {
  if (text.length > MAX_HEAD_LENGTH) return false;
  let start = 0;
  let colon = -1;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === COLON) {
      if (colon === -1) colon = at;
    } else if (character === CR) {
      if (text.charCodeAt(at + 1) !== LF) return false;
      if (at === start) return start > 0 && at + 2 === text.length;
      if (start > 0 && (colon === -1 || isNotable(text, start, colon, at))) return false;
      at += 1;
      start = at + 1;
      colon = -1;
    } else if (character === LF || character > 0xff) return false;
  }
  return false;
}

/** As clients write it. */
const KEPT: ReadonlySet<string> = new Set([': keep-alive', ':keep-alive']);

/** The length of its name tells most fields from these. */
function isNotable(text: string, start: number, colon: number, end: number): boolean {
  switch (colon - start) {
    case 'connection'.length:
      return !KEPT.has(text.slice(colon, end)) && isNamed('connection', text, start, colon);
    case 'authorization'.length:
      return isNamed('authorization', text, start, colon);
    case 'proxy-authorization'.length:
      return isNamed('proxy-authorization', text, start, colon);
    case 'content-length'.length:
      return isNamed('content-length', text, start, colon);
    case 'transfer-encoding'.length:
      return isNamed('transfer-encoding', text, start, colon);
    default:
      return false;
  }
}

function isNamed(name: string, text: string, start: number, colon: number): boolean {
  return text.slice(start, colon).toLowerCase() === name;
}
