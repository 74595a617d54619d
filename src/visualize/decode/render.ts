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

const BYTES_A_LINE = 8;
const NAME_WIDTH = 44;

/** A token as a table for people: offset, bytes, name, meaning and section of each field. */
export function renderToken(token: DecodedToken, where: FoundToken['where'], palette: Palette = plainPalette): string {
  const carrier = token.spnego ? ' in SPNEGO' : '';
  const title = `${token.message ?? (token.spnego ? 'SPNEGO token' : 'Unknown token')}${token.message === undefined ? '' : carrier}`;
  const lines = [palette.heading(`${title}, ${plural(token.length, 'byte')}`) + palette.dim(`  ${where}`), ''];
  for (const field of token.fields) lines.push(...renderField(field, palette));
  for (const { message, offset } of token.problems) lines.push('', palette.bad(`byte ${offset}: ${message}`));
  return `${lines.join('\n')}\n`;
}

function renderField({ name, offset, hex, value, detail, section }: DecodedField, palette: Palette): string[] {
  const pairs = hex.match(/../g) ?? [];
  const rows: string[] = [];
  for (let i = 0; i < pairs.length; i += BYTES_A_LINE) rows.push(pairs.slice(i, i + BYTES_A_LINE).join(' '));
  const width = BYTES_A_LINE * 3;
  const texts = [`${name.padEnd(NAME_WIDTH)} ${value}`, ...detail.map((line) => `${' '.repeat(NAME_WIDTH)}   ${line}`)];
  return Array.from({ length: Math.max(rows.length, texts.length) }, (_, i) => {
    const at = rows[i] === undefined ? '    ' : (offset + i * BYTES_A_LINE).toString().padStart(4);
    const bytes = palette.bytes((rows[i] ?? '').padEnd(width));
    const text = i === 0 ? `${palette.name(name.padEnd(NAME_WIDTH))} ${value}${palette.dim(section === '' ? '' : `  ${section}`)}` : (texts[i] ?? '');
    return `${palette.dim(at)}  ${bytes} ${text}`.trimEnd();
  });
}

export function renderVerdicts(verdicts: readonly Verdict[], palette: Palette = plainPalette): string {
  const lines = verdicts.map(({ part, outcome, reason }) => {
    const colour = outcome === 'right' ? palette.good : outcome === 'wrong' ? palette.bad : palette.dim;
    return `${part.padEnd(12)} ${colour(outcome.padEnd(9))} ${reason}`;
  });
  return `${lines.join('\n')}\n`;
}
