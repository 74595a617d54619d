/**
 * What Java says of HTTP: the log of java.net.http's HttpClient (`-Djdk.httpclient.HttpClient.log=headers,requests,errors`),
 * and that of HttpURLConnection (`sun.net.www.protocol.http.HttpURLConnection`, level FINE).
 */
import { ConversationBuilder } from './builder.ts';
import type { Conversation, Ending } from './conversation.ts';
import { endingSaid } from './ending-words.ts';
import { addHeads, fieldLine, linesOf, startLine, type Head } from './heads.ts';
import type { RawField } from './raw.ts';
import type { TokenVisibility } from './token.ts';

const PAIRS = /MessageHeader@[0-9a-f]+ pairs: \{(.*)\}\s*$/;
const REQUEST = /\bREQUEST: (https?:\/\/\S+) ([A-Z][A-Z_-]{1,20})\s*$/;
const BLOCK = /\bHEADERS: (REQUEST|RESPONSE) HEADERS:\s*$/;
const RESPONSE = /\bRESPONSE: \(([A-Z][A-Z_-]{1,20}) (https?:\/\/\S+)\) (\d{3}) HTTP_(1_1|2)(?: Local port: +(\d+))?/;
/** Where the next entry of a log begins, for blocks whose empty line was lost. */
const ENTRY = /^(?:[A-Z][a-z]{2} \d|\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): )/;

export function isJava(text: string): boolean {
  return /MessageHeader@[0-9a-f]+ pairs: \{|\bHEADERS: (?:REQUEST|RESPONSE) HEADERS:\s*$|\bRESPONSE: \([A-Z]+ https?:\/\/\S+\) \d{3} HTTP_/m.test(text);
}

export function readJava(text: string, visibility: TokenVisibility): Conversation {
  const builder = new ConversationBuilder('heads', visibility);
  addHeads(builder, pairsIn(text));
  addHttpClient(builder, text);
  return builder.build();
}

/** `{GET / HTTP/1.1: null}{Host: …}` and `{null: HTTP/1.1 401 …}{…}` as the heads that they were. */
function* pairsIn(text: string): Generator<string> {
  for (const line of linesOf(text)) {
    const [first, ...fields] = PAIRS.exec(line)?.[1]?.split('}{') ?? [];
    if (first !== undefined) yield* [first.replace(/^null: |: null$/g, ''), ...fields, ''];
  }
}

interface Pending {
  readonly method: string;
  readonly url: string;
  head: Head | undefined;
  fields: RawField[];
}

/** A request has an entry of its own, then its head; the fields of an answer come before its status, which names the connection. */
function addHttpClient(builder: ConversationBuilder, text: string): void {
  const pending: Pending[] = [];
  let answered: RawField[] = [];
  let into: RawField[] | undefined;
  let ending: Ending | undefined;
  for (const line of linesOf(text)) {
    const [, url = '', method = ''] = REQUEST.exec(line) ?? [];
    const block = BLOCK.exec(line)?.[1];
    const response = RESPONSE.exec(line);
    if (url !== '') {
      pending.push({ method, url, head: undefined, fields: [] });
      [into, ending] = [undefined, undefined];
    } else if (block === 'REQUEST') into = pending.findLast(({ head }) => head === undefined)?.fields;
    else if (block === 'RESPONSE') into = answered = [];
    else if (response !== null) {
      const [, of = '', at = '', status, version = '', port] = response;
      const index = pending.findIndex((each) => each.method === of && each.url === at);
      const [own] = index < 0 ? [] : pending.splice(index, 1);
      const numbered = version.replace('_', '.');
      builder.exchange(port, requestOf(own ?? { method: of, url: at, head: undefined, fields: [] }, numbered), { status: Number(status), reason: '', version: numbered, fields: answered });
      if (at.startsWith('https:')) builder.tls(port, true);
      [into, answered] = [undefined, []];
    } else if (into !== undefined) {
      const start = startLine(line);
      const field = ENTRY.test(line) ? undefined : fieldLine(line);
      const own = pending.find(({ fields }) => fields === into);
      if (own !== undefined && own.head === undefined && start?.kind === 'request') own.head = start;
      else if (field !== undefined) into.push(field);
      else {
        into = undefined;
        ending = endingSaid(line) ?? ending;
      }
    } else ending = endingSaid(line) ?? ending;
  }
  for (const each of pending) builder.exchange(undefined, requestOf(each, '1.1'), undefined, ending);
}

function requestOf({ method, url, head, fields }: Pending, version: string): { method: string; target: string; version: string; fields: RawField[] } {
  const { host, pathname, search } = URL.canParse(url) ? new URL(url) : { host: '', pathname: url, search: '' };
  const named = fields.some(([name]) => name.toLowerCase() === 'host');
  return { method, target: head?.target ?? `${pathname}${search}`, version, fields: named || host === '' ? fields : [['Host', host], ...fields] };
}
