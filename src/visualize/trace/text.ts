import { plainPalette, type Palette } from '../decode/render.ts';
import { escaped } from '../decode/text.ts';
import { summaryOf } from './summary.ts';
import type { Trace } from './trace.ts';

const EVENT_WIDTH = 24;

/** A run for a terminal: milliseconds since its start, event, the way taken, tokens and errors. */
export function toText({ machine, dropped, entries }: Trace, palette: Palette = plainPalette): string {
  const start = entries[0]?.time ?? 0;
  const lines = [palette.heading(`${escaped(machine)}, ${new Date(start).toISOString()}`)];
  if (dropped > 0) lines.push(palette.dim(`${dropped} earlier entries are lost`));
  for (const { time, event, from, to, transitions, direction, token, context, machine: own } of entries) {
    const at = palette.dim(`+${String(Math.round(time - start)).padStart(5)} ms`);
    const who = own === machine ? '' : `${escaped(own)}: `;
    const way = event === 'start' ? to : transitions.length === 0 ? `${to}, which does not know it` : `${from} → ${to}`;
    lines.push(`${at}  ${palette.name(`${who}${escaped(event)}`.padEnd(EVENT_WIDTH))} ${escaped(way)}`);
    if (token !== undefined) lines.push(`${' '.repeat(11)}${palette.bytes(`${direction} ${summaryOf(token)}`)}`);
    if (context.error !== undefined && from !== to) lines.push(`${' '.repeat(11)}${palette.bad(escaped(`${context.error.code}: ${context.error.message}`))}`);
  }
  return `${lines.join('\n')}\n`;
}
