/** A response as an app prints it: `console.log` of an error of axios, got or node, or of its headers. */
import { ConversationBuilder } from './builder.ts';
import type { Conversation } from './conversation.ts';
import { addHeads } from './heads.ts';
import type { TokenVisibility } from './token.ts';

const STRING = `'(?:[^'\\\\\\n]|\\\\.)*'|"(?:[^"\\\\\\n]|\\\\.)*"|\`[^\`\\n]*\``;
const ASKING = /['"](www|proxy)-authenticate['"]\s*:/i;
const FIELDS = RegExp(`['"]?(www-authenticate|proxy-authenticate|proxy-status|server|via|date|connection)['"]?\\s*:\\s*(?:(${STRING})|\\[((?:\\s*(?:${STRING})\\s*,?)+)\\s*\\])`, 'gi');
/** What node:http sent, as an error of axios has it in its request. */
const SENT = RegExp(`\\b_header:\\s*((?:(?:${STRING})\\s*\\+?\\s*){1,200})`);
const LOOKED_AT = 1024 * 1024;

export const isPrinted = (text: string): boolean => ASKING.test(text.slice(0, LOOKED_AT));

/** `undefined` where none is printed there. Such a response is the last of its request: what came before is not shown. */
export function readPrinted(text: string, visibility: TokenVisibility): Conversation | undefined {
  const start = text.slice(0, LOOKED_AT);
  const asking = ASKING.exec(start);
  if (asking === null) return undefined;
  const builder = new ConversationBuilder('heads', visibility);
  builder.blind('legs-hidden', 'tokens-hidden');
  const status = /\bstatus(?:Code|_code)?['"]?(?:\s*:\s*|\s+code\s+)(40[17])\b/i.exec(start)?.[1] ?? (asking[1]!.toLowerCase() === 'www' ? '401' : '407');
  const fields = [...start.matchAll(FIELDS)].flatMap(([, name, one, several]) => stringsIn(one ?? several ?? '').map((value) => `${name}: ${value}`));
  const sent = stringsIn(SENT.exec(start)?.[1] ?? '').join('');
  addHeads(builder, [...sent.split('\r\n'), `HTTP/1.1 ${status}`, ...new Set(fields), '']);
  return builder.build();
}

/** Escapes are undone, as far as a head has any. */
function stringsIn(text: string): string[] {
  return [...text.matchAll(RegExp(STRING, 'g'))].map(([quoted]) => quoted.slice(1, -1).replace(/\\r/g, '\r').replace(/\\n/g, '\n').replace(/\\(.)/g, '$1'));
}
