/** A text as it was before a shell, a terminal, a mail, a page or a log of containers had it. */
import { linesOf } from './heads.ts';
import { recordOf, textOf } from './json.ts';

/** What is UTF-16 becomes text, with a byte order mark or without, as PowerShell's `>` writes it; other bytes stay. */
export function decoded(input: string | Uint8Array): string | Uint8Array {
  if (typeof input === 'string') return input;
  const encoding = utf16Of(input);
  return encoding === undefined ? input : new TextDecoder(encoding).decode(input);
}

const SAMPLE = 512; // bytes
const NEARLY_ALL = 0.9;

function utf16Of(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  const start = bytes.subarray(0, SAMPLE);
  if (start.length < 16) return undefined;
  const zeros = (odd: 0 | 1): number => start.filter((byte, at) => at % 2 === odd && byte === 0).length / (start.length / 2);
  const [even, odd] = [zeros(0), zeros(1)];
  return odd > NEARLY_ALL && even < 1 - NEARLY_ALL ? 'utf-16le' : even > NEARLY_ALL && odd < 1 - NEARLY_ALL ? 'utf-16be' : undefined;
}

/** Colours, a byte order mark, the marks of a page and broken tokens are nobody's data. */
export function cleaned(text: string): string {
  const marked = text.replace(/\ufeff/g, '');
  const bare = /^\s*<[a-z!]/i.test(marked) ? withoutMarks(marked) : marked;
  return withWholeTokens(bare.includes('\x1b') ? bare.replace(/\x1b(?:\[[\d;:?]*[A-Za-z]|\][^\x07\x1b]{0,1000}(?:\x07|\x1b\\))/g, '') : bare);
}

/** A token goes on in the next lines where a mail or a terminal broke them; no line of a head is base64 alone. */
function withWholeTokens(text: string): string {
  if (!/(?:NTLM|Negotiate)(?: [A-Za-z0-9+/]+)?[ \t]*\r?\n[A-Za-z0-9+/]/i.test(text)) return text;
  const parts: string[] = [];
  let open: 'token' | 'scheme' | undefined; // what the line before ends with
  for (const line of linesOf(text)) {
    const goesOn: boolean = (open === 'token' && /^[A-Za-z0-9+/]+={0,2}$/.test(line)) || (open === 'scheme' && /^(?:TlRM|Y[A-P]|o[Q-Za-f])[A-Za-z0-9+/]+={0,2}$/.test(line));
    parts.push(goesOn ? (open === 'scheme' ? ' ' : '') : '\n', line);
    const end = line.slice(-LONGEST_LINE);
    if (goesOn) open = line.endsWith('=') ? undefined : 'token';
    else open = /\b(?:NTLM|Negotiate)[ \t]+[A-Za-z0-9+/]{16,}$/i.test(end) ? 'token' : /\b(?:NTLM|Negotiate)[ \t]*$/i.test(end) ? 'scheme' : undefined;
  }
  return parts.slice(1).join('');
}

const LONGEST_LINE = 128 * 1024;

/** What stands before each line, one kind a row: nearly every line has it, or it is the text's own. */
const PREFIXES: readonly RegExp[] = [
  /^>[ \t]?/, // a mail
  /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[ \t]/, // a log
  /^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? )?\S+ [\w./@-]+\[\d+\]: /, // syslog, journald
  /^\[?[\w.-]{1,64}\]?[ \t]*\| ?/, // docker compose
  /^(?:stdout|stderr) [FP] /, // kubernetes
  /^[ \t]*\d{1,6}\t/, // line numbers
  /^(?: {2,}|\t)/,
];
const LINES_LOOKED_AT = 400;
const MOST_LAYERS = 6;

/** The text within other text: out of a mail's encoding, and without what stands before each line. `undefined`: it is not. */
export function unwrapped(text: string): string | undefined {
  let inner = textIn(text) ?? text;
  if (/=3D/.test(inner) && !/=(?!\r?\n|[0-9A-F]{2})/.test(inner)) inner = inner.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  for (let layers = 0; layers < MOST_LAYERS; layers += 1) {
    const sample = sampleOf(inner);
    const nearlyAll = (test: (line: string) => boolean): boolean => sample.filter(test).length >= Math.max(2, NEARLY_ALL * sample.length);
    const prefix = PREFIXES.find((one) => nearlyAll((line) => one.test(line)));
    const shared = prefix === undefined ? sharedBy(sample, nearlyAll) : undefined;
    if (nearlyAll((line) => messageIn(line) !== undefined)) inner = cleaned(Array.from(linesOf(inner), (line) => messageIn(line) ?? line).join('\n'));
    else if (prefix !== undefined) inner = inner.replace(new RegExp(prefix.source, 'gm'), '');
    else if (shared !== undefined) inner = Array.from(linesOf(inner), (line) => without(shared, line) ?? line).join('\n');
    else break;
  }
  return inner === text ? undefined : cleaned(inner);
}

/** One string of JSON. */
function textIn(text: string): string | undefined {
  if (!/^\s*"[^"\n]*\\n/.test(text)) return undefined;
  try {
    return textOf(JSON.parse(text));
  } catch {
    return undefined; // no JSON
  }
}

/** What a logger writes before each line of one thread and one class; a mark of curl's is none. */
function sharedBy(sample: readonly string[], nearlyAll: (test: (line: string) => boolean) => boolean): string | undefined {
  const starts = sample.slice(0, PAIRS_LOOKED_AT).map((line) => line.slice(0, LONGEST_PREFIX));
  const pairs = starts.slice(1).map((line, index) => [starts[index]!, line] as const);
  const common = pairs.map(([a, b]) => {
    const end = [...a].findIndex((char, at) => char !== b[at]);
    const [before = ''] = (end < 0 ? a : a.slice(0, end)).split(OWN, 1);
    return before.slice(0, before.search(/\S*$/));
  });
  const found = common.filter((one) => /\S\S|[^\x00-\x7f]/.test(one) && nearlyAll((line) => without(one, line) !== undefined));
  return found.toSorted((a, b) => b.length - a.length)[0];
}

/** Of an empty line no space is left at its end. */
function without(prefix: string, line: string): string | undefined {
  return line.startsWith(prefix) ? line.slice(prefix.length) : line.trimEnd() === prefix.trimEnd() ? '' : undefined;
}

const PAIRS_LOOKED_AT = 12;
const LONGEST_PREFIX = 300;
/** Where no logger's prefix goes on: objects and times, and what readers know lines by. */
const OWN = /\{|\d{4}[-/]\d\d[-/]\d\d[T ]|\bhttp-outgoing-|\bhttp\.c:|\b(?:send|reply|header): |(?<!\S)(?:[<>*]|[<>=-]{2}) /;
/** Of docker's files, journald, pino, winston, serilog, Cloud Logging. */
const MESSAGES: readonly string[] = ['log', 'MESSAGE', 'message', 'msg', '@m', 'textPayload'];

/** What was logged, of a line that is an object of JSON. */
function messageIn(line: string): string | undefined {
  if (!line.startsWith('{') || !line.trimEnd().endsWith('}')) return undefined;
  try {
    const entry = recordOf(JSON.parse(line));
    const message = MESSAGES.map((name) => entry[name]).find((value) => typeof value === 'string');
    return typeof message === 'string' ? message.replace(/\r?\n$/, '') : undefined;
  } catch {
    return undefined; // no JSON
  }
}

function sampleOf(text: string): string[] {
  const sample: string[] = [];
  for (const line of linesOf(text)) {
    if (line.trim() !== '') sample.push(line);
    if (sample.length >= LINES_LOOKED_AT) break;
  }
  return sample;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'", nbsp: ' ' };

function withoutMarks(text: string): string {
  return text.replace(/<\/?(?:pre|code|span|div|p|br)\b[^>]{0,200}>/gi, '').replace(/&(lt|gt|amp|quot|#39|nbsp);/g, (_, name: string) => ENTITIES[name] ?? '');
}
