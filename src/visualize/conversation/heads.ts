/** Heads of HTTP/1.x in a text: as they went over the wire, or as Fiddler, mitmproxy, wget -d and "follow stream" show them. */
import type { ConversationBuilder } from './builder.ts';
import type { RawField } from './raw.ts';

// mitmproxy puts the client's address before a request and << before a response, and indents both
const REQUEST_LINE = /^[ \t]{0,8}(?:\S{1,64}: )?([A-Z][A-Z_-]{1,20}) (\S{1,8192})(?: HTTP\/([\d.]{1,3}))?[ \t]*$/;
const STATUS_LINE = /^[ \t]{0,8}(?:<< )?(?:HTTP\/([\d.]{1,3})[ \t]+)?(\d{3})(?:[ \t]+([^\r\n]{0,200}))?$/;
const FIELD = /^[ \t]{0,8}([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64})[ \t]?:[ \t]*(.*)$/;
const METHOD = /^(?:GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE|PROPFIND|PROPPATCH|MKCOL|MOVE|COPY|LOCK|UNLOCK|REPORT|SEARCH|MERGE|CHECKOUT|RPC_IN_DATA|RPC_OUT_DATA|SUBSCRIBE|POLL|NOTIFY|BITS_POST|M-SEARCH)$/;
const LONGEST_LINE = 256 * 1024;
const KEPT_BODY = 4096;

export interface Head {
  readonly kind: 'request' | 'response';
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly status: number;
  readonly reason: string;
}

/** The first line of a head, if `line` can be one. A bare `METHOD target` or `401 Unauthorized` counts only where `loose`. */
export function startLine(line: string, loose = false): Head | undefined {
  if (line.length > 9000) return undefined;
  const [, method = '', target = '', version] = REQUEST_LINE.exec(line) ?? [];
  if (method !== '' && (version !== undefined || (loose && METHOD.test(method) && /^(?:\/|https?:\/\/)/.test(target)))) {
    return { kind: 'request', method, target, version: version ?? '', status: 0, reason: '' };
  }
  const status = STATUS_LINE.exec(line);
  if (status === null || (status[1] === undefined && !(loose && /^[ \t]*<< /.test(line)))) return undefined;
  return { kind: 'response', method: '', target: '', version: status[1] ?? '', status: Number(status[2]), reason: (status[3] ?? '').trim() };
}

export function fieldLine(line: string): RawField | undefined {
  const found = FIELD.exec(line.length > LONGEST_LINE ? line.slice(0, LONGEST_LINE) : line);
  return found === null ? undefined : [found[1] ?? '', (found[2] ?? '').trim()];
}

/** Adds every head in the text to one connection, and says how many there were. Bodies are passed over by looking for the next first line. */
export function addHeads(builder: ConversationBuilder, lines: Iterable<string>, id?: string): number {
  let count = 0;
  let head: Head | undefined;
  let fields: RawField[] = [];
  let body: string[] = [];
  let inBody = false;
  let bodyLength = 0;
  const flush = (): void => {
    if (head === undefined) return;
    count++;
    if (head.kind === 'request') builder.request(id, { ...head, fields });
    else builder.response(id, { ...head, fields, body: body.join('\n') });
    head = undefined;
    fields = [];
    body = [];
    inBody = false;
    bodyLength = 0;
  };
  for (const line of lines) {
    const start = startLine(line, true);
    if (start !== undefined) {
      flush();
      head = start;
    } else if (head !== undefined && !inBody) {
      const field = fieldLine(line);
      const last = fields.at(-1);
      if (field !== undefined) fields.push(field);
      else if (line.trim() === '') inBody = true;
      else if (last !== undefined && (/^[ \t]/.test(line) || isRestOfToken(last[1], line))) {
        fields[fields.length - 1] = [last[0], `${last[1]}${/^\s*[A-Za-z0-9+/=]+\s*$/.test(line) ? '' : ' '}${line.trim()}`];
      }
      if (fields.length > 500) inBody = true;
    } else if (head?.kind === 'response' && bodyLength < KEPT_BODY) {
      body.push(line.slice(0, KEPT_BODY));
      bodyLength += line.length;
    }
  }
  flush();
  return count;
}

/** A token that an editor or a mail has wrapped goes on in the next line. */
function isRestOfToken(value: string, line: string): boolean {
  return /^(?:NTLM|Negotiate)\s+[A-Za-z0-9+/]+$/i.test(value) && /^\s*[A-Za-z0-9+/]+={0,2}\s*$/.test(line);
}

/** The lines of a text, without the copies that `split` would make. */
export function* linesOf(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf('\n', start);
    const stop = end < 0 ? text.length : end;
    yield text.slice(start, text.charCodeAt(stop - 1) === 13 ? stop - 1 : stop);
    start = stop + 1;
  }
}
