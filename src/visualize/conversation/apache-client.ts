/** What Apache's HttpClient (Java) logs of its connections: the logger `headers`, or `wire` with each line in quotes. */
import { ConversationBuilder } from './builder.ts';
import type { Conversation } from './conversation.ts';
import { endingSaid } from './ending-words.ts';
import { addHeads, linesOf } from './heads.ts';
import type { TokenVisibility } from './token.ts';

const LINE = /\b(http-outgoing-\d+) (>>|<<) (.*)$/;
const WIRE = /^"(.*)"$/;
/** Of a connection that is leased. */
const OVER_TLS = /\[id: (\d+)\]\[route: \{\w*s\}->https:/g;

export const isApacheClient = (text: string): boolean => /\bhttp-outgoing-\d+ (?:>>|<<) "?(?:[A-Z]+ \S+ )?HTTP\/1\./.test(text);

export function readApacheClient(text: string, visibility: TokenVisibility): Conversation {
  const builder = new ConversationBuilder('heads', visibility);
  const bareOnes = /\bhttp-outgoing-\d+ (?:>>|<<) [A-Z]/.test(text); // what both loggers tell counts once
  const open = new Map<string, { readonly way: string; readonly lines: string[] }>();
  for (const line of linesOf(text)) {
    const [, id = '', way = '', content = ''] = LINE.exec(line) ?? [];
    if (id === '') continue;
    const quoted = WIRE.exec(content)?.[1];
    const ending = quoted === 'end of stream' ? 'closed' : /^\[\w+\] I\/O error: /.test(quoted ?? '') ? endingSaid(quoted!) : undefined;
    const before = open.get(id);
    if (before !== undefined && (before.way !== way || ending !== undefined)) {
      addHeads(builder, before.lines, id);
      open.delete(id);
    }
    if (ending !== undefined) builder.end(id, ending);
    else if ((quoted === undefined) === bareOnes) {
      const lines = open.get(id)?.lines ?? [];
      lines.push((quoted ?? content).replace(/(?:\[\\r\])?\[\\n\]$/, ''));
      open.set(id, { way, lines });
    }
  }
  for (const [id, { lines }] of open) addHeads(builder, lines, id);
  for (const [, number] of text.matchAll(OVER_TLS)) builder.tls(`http-outgoing-${number}`, true);
  return builder.build();
}
