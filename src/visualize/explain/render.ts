/** An explanation for a terminal: one sentence, at most three other causes, the rest where it is asked for. */
import { plainPalette, type Palette } from '../decode/render.ts';
import { harmless, plural } from '../decode/text.ts';
import { folded } from '../decode/fold.ts';
import type { Explanation } from './explanation.ts';

const OTHERS = 3;

export interface RenderExplanationOptions {
  readonly palette?: Palette | undefined;
  /** Every cause with its evidence, and what was agreed. */
  readonly all?: boolean | undefined;
  /** Columns; default 80. */
  readonly width?: number | undefined;
}

export function renderExplanation({ sentence, causes, negotiated, refused, outcome }: Explanation, options: RenderExplanationOptions = {}): string {
  const { palette = plainPalette, all = false, width = 80 } = options;
  const lines = folded(sentence, width).map((part) => (outcome === 'accepted' || outcome === 'not-asked' ? palette.good(part) : palette.heading(part)));
  const line = (label: string, text: string): string[] => folded(harmless(text), width, `   ${label} `, ' '.repeat(label.length + 4)).map((part) => palette.dim(part));
  const [first, ...others] = causes;
  if (first !== undefined) lines.push(...line('why:', first.evidence), ...line('do:', first.advice));
  const shown = all ? others : others.slice(0, OTHERS);
  if (shown.length > 0) lines.push('', 'Otherwise, the likeliest first:');
  for (const [index, cause] of shown.entries()) {
    lines.push(...folded(`${index + 1}. ${harmless(cause.summary)} (${cause.likelihood === 'unseen' ? 'not to be seen here' : cause.likelihood})`, width, '', '   ').map((part) => palette.name(part)), ...line('why:', cause.evidence), ...(all ? line('do:', cause.advice) : []));
  }
  if (all) {
    const rest = [...negotiated, ...refused].flatMap((line) => folded(harmless(line), width));
    if (rest.length > 0) lines.push('', ...rest);
  } else {
    const more = others.length - shown.length;
    if (more > 0 || negotiated.length > 0) lines.push('', palette.dim(`${more > 0 ? `${plural(more, 'more cause')} and what` : 'What'} was agreed: --all`));
  }
  return `${lines.join('\n')}\n`;
}
