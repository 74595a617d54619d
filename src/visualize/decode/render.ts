import { folded } from './fold.ts';
import { plural } from './text.ts';
import type { DecodedField, DecodedToken } from './decode.ts';
import type { FoundToken } from './find.ts';
import type { Verdict } from './verify.ts';

/** What colours mean; each wraps a text in what a terminal needs. */
export interface Palette {
  readonly heading: (text: string) => string;
  readonly name: (text: string) => string;
  readonly bytes: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
}

const asIs = (text: string): string => text;
const ansi = (code: string) => (text: string): string => `\u001b[${code}m${text}\u001b[0m`;

export const plainPalette: Palette = { heading: asIs, name: asIs, bytes: asIs, dim: asIs, good: asIs, bad: asIs };
export const colourPalette: Palette = {
  heading: ansi('1;36'),
  name: ansi('1'),
  bytes: ansi('33'),
  dim: ansi('2'),
  good: ansi('32'),
  bad: ansi('31'),
};

export interface RenderTokenOptions {
  /** Every field with its bytes and section; else what people look for. */
  readonly all?: boolean | undefined;
  /** Columns; default 80. */
  readonly width?: number | undefined;
}

const BYTES_A_LINE = 16;
const OFFSET_WIDTH = 4;
const NAME_WIDTH = 22;
const INDENT = ' '.repeat(OFFSET_WIDTH + 2);

/** A token for people: offset, name and meaning of each field, folded to the width. */
export function renderToken(token: DecodedToken, where: FoundToken['where'], palette: Palette = plainPalette, { all = false, width = 80 }: RenderTokenOptions = {}): string {
  const carrier = token.spnego ? ' in SPNEGO' : '';
  const name = `${token.message ?? (token.spnego ? 'SPNEGO token' : 'Unknown token')}${token.message === undefined ? '' : carrier}`;
  const title = `${name}, ${plural(token.length, 'byte')}`;
  const isShort = title.length + 2 + where.length <= width;
  const lines = isShort ? [`${palette.heading(title)}${palette.dim(`  ${where}`)}`] : [palette.heading(title), ...folded(where, width, '  ').map(palette.dim)];
  lines.push('');
  let parent = '';
  for (const field of all ? token.fields : foldedFields(token.fields)) {
    const [path, own] = nameParts(field.name, all);
    if (path !== parent && path !== '') lines.push(`${INDENT}${palette.dim(path)}`);
    parent = path;
    lines.push(...rowOf(field, `${path === '' ? '' : '  '}${own}`, palette, width, all));
    if (all) lines.push(...bytesOf(field, palette, width));
  }
  for (const { message, offset } of token.problems) lines.push('', ...folded(`byte ${offset}: ${message}`, width).map(palette.bad));
  return `${lines.join('\n')}\n`;
}

function rowOf({ offset, value, detail, section }: DecodedField, name: string, palette: Palette, width: number, all: boolean): string[] {
  const under = ' '.repeat(INDENT.length + NAME_WIDTH);
  const alone = name.length >= NAME_WIDTH;
  const texts = folded(value, width, under).map((line) => line.slice(under.length));
  const short = detail.map((line) => (all ? line : line.replace(/^NTLMSSP_(?:NEGOTIATE_)?/, '')));
  const notes = all ? short.flatMap((line) => folded(line, width, under)) : folded(short.join(' '), width, under);
  const head = `${palette.dim(String(offset).padStart(OFFSET_WIDTH))}  ${palette.name(name.padEnd(NAME_WIDTH))}`;
  const rows = alone ? [head.trimEnd(), ...texts.map((line) => under + line)] : texts.map((line, i) => (i === 0 ? `${head}${line}` : under + line).trimEnd());
  if (all && section !== '') rows.push(...folded(section, width, under).map(palette.dim));
  return [...rows, ...notes];
}

function bytesOf({ hex }: DecodedField, palette: Palette, width: number): string[] {
  const pairs = hex.match(/../g) ?? [];
  const count = Math.min(BYTES_A_LINE, Math.floor((width - INDENT.length) / 3));
  return Array.from({ length: Math.ceil(pairs.length / count) }, (_, row) => `${INDENT}${palette.bytes(pairs.slice(row * count, (row + 1) * count).join(' '))}`);
}

/** A parent and its child: `NTLMv2Response` and `MsvAvFlags`. */
function nameParts(name: string, all: boolean): readonly [parent: string, own: string] {
  const dot = name.indexOf('.');
  if (dot < 0) return ['', name];
  return [name.slice(0, dot), all ? name.slice(dot + 1) : name.slice(dot + 1).replace(/^MsvAv|\.Value$/g, '')];
}

/** Descriptors, lengths, reserved bytes, what frames: there in every token, and looked at by few. */
const FOLDED = /^(?:(?:NEGOEX\.)?Signature|MessageType|TOK_ID|IAKERB-HEADER|A[PS]-RE[QP]|TGS-RE[QP]|KRB-ERROR|(?:A|TG|KRB-)[\w-]+\.(?:.*(?:pvno|tkt-vno|msg-type|[cs]usec|nonce)|(?:.*\.)?(?:ticket|req-body|enc-part|authenticator))|\w+Fields|.*\.AvId|.*\.AvLen|.*Reserved\d?|.*\.(?:Hi)?RespType|Version\..*|InitialContextToken.*|NegToken(?:Init|Resp)|.*\.mechTypes|.* header)$/;

function foldedFields(fields: readonly DecodedField[]): readonly DecodedField[] {
  const version = fields.filter(({ name }) => /^Version\.Product/.test(name));
  return fields.flatMap((field) => {
    if (field.name === 'InitialContextToken.thisMech' && !field.value.endsWith('SPNEGO')) return [field];
    if (field === version[0]) return [{ ...field, name: 'Version', value: version.map(({ value }) => value).join('.'), detail: [] }];
    if (FOLDED.test(field.name) || (field.name === 'unread' && field.value.startsWith('zero bytes'))) return [];
    return [field];
  });
}

export function renderVerdicts(verdicts: readonly Verdict[], palette: Palette = plainPalette, width = 80): string {
  const lines = verdicts.flatMap(({ part, outcome, reason }) => {
    const colour = outcome === 'right' ? palette.good : outcome === 'wrong' ? palette.bad : palette.dim;
    const under = ' '.repeat(23);
    return folded(reason, width, under).map((line, i) => (i === 0 ? `${part.padEnd(12)} ${colour(outcome.padEnd(9))} ${line.slice(under.length)}` : line));
  });
  return `${lines.join('\n')}\n`;
}
