/** A text as it was before a shell, a terminal, a mail, a page or a log of containers had it. */
import { linesOf } from './heads.ts';

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
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ \S+\[\d+\]: /, // syslog
  /^\[?[\w.-]{1,64}\]?[ \t]*\| ?/, // docker compose
  /^(?:stdout|stderr) [FP] /, // kubernetes
  /^[ \t]*\d{1,6}\t/, // line numbers
  /^(?: {2,}|\t)/,
];
const LINES_LOOKED_AT = 400;
const MOST_LAYERS = 6;

/** The text within other text: out of a mail's encoding, and without what stands before each line. `undefined`: it is not. */
export function unwrapped(text: string): string | undefined {
  let inner = text;
  if (/=3D/.test(inner) && !/=(?!\r?\n|[0-9A-F]{2})/.test(inner)) inner = inner.replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  for (let layers = 0; layers < MOST_LAYERS; layers += 1) {
    const sample = sampleOf(inner);
    const prefix = PREFIXES.find((one) => sample.filter((line) => one.test(line)).length >= Math.max(2, NEARLY_ALL * sample.length));
    if (prefix === undefined) break;
    inner = inner.replace(new RegExp(prefix.source, 'gm'), '');
  }
  return inner === text ? undefined : cleaned(inner);
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
