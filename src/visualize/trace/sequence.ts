import type { Trace, TraceEntry } from './trace.ts';
import { harmless } from '../decode/text.ts';
import { summaryOf } from './summary.ts';

/** Who sent a message: a CHALLENGE comes from the server, the others from the client. */
export function senderOf({ direction, token, machine }: TraceEntry): 'client' | 'server' {
  if (token?.message !== undefined) return token.message === 'CHALLENGE' ? 'server' : 'client';
  const own = machine === 'acceptor' ? 'server' : 'client';
  const other = own === 'client' ? 'server' : 'client';
  return direction === 'sent' ? own : other;
}

/** A mermaid `sequenceDiagram` of a run: messages, verdicts of the server, and the states between them. */
export function toSequenceDiagram({ entries }: Trace): string {
  const lines = ['sequenceDiagram', '  participant client', '  participant server'];
  let state: string | undefined;
  for (const entry of entries) {
    const { token, event, to, machine } = entry;
    const [own, other] = machine === 'acceptor' ? ['server', 'client'] : ['client', 'server'];
    if (token !== undefined) {
      const sender = senderOf(entry);
      lines.push(`  ${sender}->>${sender === 'client' ? 'server' : 'client'}: ${text(summaryOf(token))}`);
    } else if (event === 'accepted' || event === 'rejected') {
      lines.push(`  ${other}-->>${own}: ${event}`);
    }
    const note = `  Note over ${own}: ${text(to)}`;
    if (note !== state && !entry.tags.includes('busy')) lines.push(note);
    state = note;
    if (entry.context.error !== undefined && entry.from !== to) lines.push(`  Note over ${own}: ${text(entry.context.error.message)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Mermaid reads `;` and `#` as its own, and a line ends a statement. */
function text(line: string): string {
  return harmless(line).replace(/[#;<>]/g, (character) => `#${character.charCodeAt(0)};`);
}
