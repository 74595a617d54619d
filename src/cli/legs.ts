/** The legs of a request as they go over its connections, a line each, in their order. */
import type { HttpEvent } from '../http/exchange/telling.ts';
import type { ConversationToken, SchemeUse } from '../visualize/conversation/conversation.ts';
import { requestOf, responseOf } from '../visualize/conversation/http-message.ts';
import { requestIn, responseIn } from '../visualize/conversation/live.ts';
import { harmless } from '../visualize/decode/text.ts';
import { summaryOf } from '../visualize/trace/summary.ts';
import type { Terminal } from './terminal.ts';

export function tellLegs({ say }: Pick<Terminal, 'say'>): (event: HttpEvent) => void {
  let start: number | undefined;
  const states = new Map<string, string>();
  return (event) => {
    start ??= event.time;
    const line = (mark: string, text: string): void => say(`${mark} ${`+${event.time - start!}`.padStart(6)} ms  ${harmless(text)}`);
    switch (event.type) {
      case 'open':
        return line('*', `connection ${event.connection} to ${event.side === 'proxy' ? 'the proxy ' : ''}${event.origin}`);
      case 'request': {
        const { method, target, credentials } = requestOf(requestIn(event), 'masked');
        return line('>', [`${method} ${target}`, ...credentials.map(inWords)].join('  '));
      }
      case 'response': {
        const { status, reason, challenges } = responseOf(responseIn(event), 'masked');
        return line('<', [`${status} ${reason}`, ...challenges.map(inWords)].join('  '));
      }
      case 'step': {
        const key = `${event.connection} ${event.side}`;
        if (event.machine !== 'connection' || states.get(key) === event.to) return;
        states.set(key, event.to);
        return line('*', `  ${event.side}: ${event.to}`);
      }
      case 'close':
        return line('*', `connection ${event.connection} closed${event.code === undefined ? '' : `: ${event.code}`}`);
    }
  };
}

function inWords({ scheme, token }: SchemeUse): string {
  return token === undefined ? scheme : `${scheme} ${describe(token)}`;
}

function describe(token: ConversationToken): string {
  if (token.message !== undefined) return summaryOf(token);
  return `${token.mechanism === 'kerberos' ? 'Kerberos' : 'a token'}, ${token.length} bytes${token.state === 'unreadable' ? ', unreadable' : ''}`;
}
