/** What curl tells of itself: `-v`, with or without `--trace-time` and `--trace-ids`, and the files of `--trace` and `--trace-ascii`. */
import { fromHex, toLatin1 } from '../bytes.ts';
import { ConversationBuilder } from './builder.ts';
import { clientWord } from './client-word.ts';
import type { Conversation, Ending } from './conversation.ts';
import { endingSaid } from './ending-words.ts';
import { fieldLine, linesOf, startLine, type Head } from './heads.ts';
import type { RawField } from './raw.ts';
import type { TokenVisibility } from './token.ts';

const PREFIX = /^(?:\d{2}:\d{2}:\d{2}\.\d{3,6} )?(?:\[[\d-]+\] )?/;
const VERBOSE = /^([<>*])(?: (.*))?$/; // a page may begin with < as well
const TRACE_HEAD = /^(=>|<=|==) (?:(Send|Recv|Info):? ?(header|data|SSL data)?)/;

export function isCurlTrace(text: string): boolean {
  return /^(?:\d{2}:\d{2}:\d{2}\.\d{3,6} )?(?:\[[\d-]+\] )?(?:=> Send (?:header|data)|<= Recv (?:header|data)|== Info: )/m.test(text.slice(0, 65536));
}

/** git's: `http.c:684  => Send header: …`, one line of a head each. */
const GIT = /\bhttp\.c:\d+ +(?:(=>|<=) (?:Send|Recv) header: ?|(== Info: ?)|<= Recv data: )(.*)$/;

export const isGitTrace = (text: string): boolean => /\bhttp\.c:\d+ +(?:=> Send header: [A-Z]|<= Recv header: HTTP|== Info: )/.test(text);

export function readGitTrace(text: string, visibility: TokenVisibility): Conversation {
  const curl = new Curl(visibility);
  for (const line of linesOf(text)) {
    const [, way, info, content = ''] = GIT.exec(line) ?? [];
    if (info !== undefined) curl.info(content);
    else if (way !== undefined) curl.line(way === '=>' ? 'sent' : 'received', content);
    else if (content !== '') curl.body(content);
  }
  return curl.build();
}

export function isCurlVerbose(text: string): boolean {
  if (/^> HTTP\/[\d.]+ \d{3}/m.test(text)) return false; // a mail that quotes heads: curl sends no such line
  return /^(?:[\d:.]+ )?(?:\[[\d-]+\] )?(?:> [A-Z]+ \S+ HTTP\/[\d.]+|< HTTP\/[\d.]+ \d{3}|\* +(?:Connected to|Trying|Server auth using|Proxy auth using|Rebuilt URL|Host \S+ was resolved|About to connect|Could not resolve|connect to|Recv failure|Empty reply))/m.test(
    text,
  );
}

export function readCurlVerbose(text: string, visibility: TokenVisibility): Conversation {
  const curl = new Curl(visibility);
  for (const line of linesOf(text)) {
    const [, mark, rest = ''] = VERBOSE.exec(line.replace(PREFIX, '')) ?? [];
    if (mark === '*') curl.info(rest);
    else if (mark === '>') curl.line('sent', rest);
    else if (mark === '<') curl.line('received', rest);
    else curl.body(line);
  }
  return curl.build();
}

export function readCurlTrace(text: string, visibility: TokenVisibility): Conversation {
  const curl = new Curl(visibility);
  for (const { way, line } of curlTraceLines(text)) {
    if (way === 'info') curl.info(line);
    else if (way === 'body') curl.body(line);
    else curl.line(way, line);
  }
  return curl.build();
}

export interface CurlTraceLine {
  readonly way: 'sent' | 'received' | 'body' | 'info';
  readonly line: string;
}

/** The lines of `--trace` and `--trace-ascii`, put together again: each block has its own, broken after 64 characters, or its bytes. */
export function* curlTraceLines(text: string): Generator<CurlTraceLine> {
  let block: Block | undefined;
  for (const raw of linesOf(text)) {
    const line = raw.replace(PREFIX, '');
    const head = TRACE_HEAD.exec(line);
    if (head !== null) {
      if (block !== undefined) yield* linesIn(block);
      block = undefined;
      if (head[1] === '==') yield { way: 'info', line: line.replace(/^== Info: ?/, '') };
      else if (head[3] === 'header') block = { way: head[1] === '=>' ? 'sent' : 'received', text: '', lastOffset: -1, lastLength: 0 };
      else if (head[3] === 'data' && head[1] === '<=') block = { way: 'body', text: '', lastOffset: -1, lastLength: 0 };
      continue;
    }
    const [, digits, content = ''] = /^([0-9a-f]{4,8}): ?(.*)$/i.exec(line) ?? [];
    if (block === undefined || digits === undefined || block.text.length > LONGEST_BLOCK) continue;
    const offset = Number.parseInt(digits, 16);
    const dumped = dumpedBytes(content);
    if (dumped !== undefined) block.text += dumped;
    // in ascii a line end is left out of the text: only a full line that is followed at once goes on
    else block.text += (block.lastOffset >= 0 && (offset - block.lastOffset !== ASCII_WIDTH || block.lastLength !== ASCII_WIDTH) ? '\n' : '') + content;
    block.lastOffset = offset;
    block.lastLength = content.length;
  }
  if (block !== undefined) yield* linesIn(block);
}

function* linesIn({ way, text }: Block): Generator<CurlTraceLine> {
  for (const line of linesOf(text)) yield { way, line };
}

const LONGEST_BLOCK = 1024 * 1024;
const ASCII_WIDTH = 64;
const HEX_WIDTH = 48;

interface Block {
  readonly way: 'sent' | 'received' | 'body';
  text: string;
  lastOffset: number;
  lastLength: number;
}

/** `47 45 54 20 … GET `: up to sixteen bytes, padded, then their text. */
function dumpedBytes(content: string): string | undefined {
  const bytes = content.slice(0, HEX_WIDTH);
  if (bytes.length < HEX_WIDTH || content.length > HEX_WIDTH + 16 || !/^(?:[0-9a-f]{2} )+ *$/i.test(bytes)) return undefined;
  return toLatin1(fromHex(bytes.replaceAll(' ', '')));
}

class Curl {
  readonly #builder: ConversationBuilder;
  #connection: string | undefined;
  #tls: boolean | undefined;
  #head: Head | undefined;
  #fields: RawField[] = [];
  #page = '';
  #ending: Ending | undefined;

  constructor(visibility: TokenVisibility) {
    this.#builder = new ConversationBuilder('curl', visibility);
  }

  line(way: 'sent' | 'received', line: string): void {
    const start = startLine(line);
    if (start !== undefined && (start.kind === 'request') === (way === 'sent')) {
      this.#flush();
      this.#head = start;
      return;
    }
    if (this.#head === undefined || line.trim() === '') return;
    const field = fieldLine(line);
    if (field !== undefined) this.#fields.push(field);
  }

  body(line: string): void {
    if (this.#head?.kind === 'response' && this.#page.length < 4096 && !/^[{}] \[\d+ bytes data\]$/.test(line)) this.#page += `${line.slice(0, 4096)}\n`;
  }

  info(line: string): void {
    if (/^(?:HTTP\/2|\[HTTP\/2\]|using HTTP\/2)/i.test(line)) return;
    const connected = /^(?:Connected to|Re-?using existing(?: \S+)? connection|Established connection to)/i.exec(line);
    const number = /\(?#(\d+)\)?/.exec(line)?.[1] ?? /^(?:Closing|Shutting down) connection (\d+)/i.exec(line)?.[1];
    if (connected !== null) {
      this.#flush();
      this.#connection = number ?? this.#connection ?? '0';
      if (/^(?:Connected|Established)/i.test(line)) this.#builder.open(this.#connection, this.#tls);
      return;
    }
    if (/^SSL connection using|^ALPN: (?:curl )?offers/i.test(line)) {
      this.#tls = true;
      this.#builder.tls(this.#connection, true);
      return;
    }
    const word = clientWord(line);
    if (word !== undefined) {
      this.#builder.says(this.#connection, word);
      return;
    }
    const end = endingSaid(line);
    if (end === undefined) return;
    const connection = this.#connection === undefined ? undefined : (number ?? this.#connection); // closed before it was ever open
    // said between the lines of a head, it comes true behind it
    if (this.#head?.kind === 'response' && connection === this.#connection) this.#ending ??= end;
    else {
      this.#flush();
      this.#builder.end(connection, end);
    }
  }

  build(): Conversation {
    this.#flush();
    return this.#builder.build();
  }

  #flush(): void {
    const head = this.#head;
    if (head === undefined) return;
    if (head.kind === 'request') this.#builder.request(this.#connection, { ...head, fields: this.#fields });
    else this.#builder.response(this.#connection, { ...head, fields: this.#fields, body: this.#page });
    this.#head = undefined;
    this.#fields = [];
    this.#page = '';
    if (this.#ending !== undefined) this.#builder.end(this.#connection, this.#ending);
    this.#ending = undefined;
  }
}
