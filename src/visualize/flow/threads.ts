/** Which connections tell one story: a request that was refused, or lost, is tried again on another. */
import type { Connection, Exchange } from '../conversation/conversation.ts';
import { hostOf } from '../explain/handshakes.ts';

/** Each connection stands in exactly one thread; threads in the order in which they began. */
export function threadsOf(connections: readonly Connection[]): readonly (readonly Connection[])[] {
  const threads: Connection[][] = [];
  const waiting = new Map<string, Connection[][]>();
  for (const connection of connections.toSorted((a, b) => beginOf(a) - beginOf(b))) {
    const [first] = connection.exchanges;
    const found = first === undefined ? undefined : waiting.get(keyOf(first))?.find((thread) => endsBefore(thread.at(-1)!, first));
    if (found === undefined || first === undefined) {
      threads.push([connection]);
    } else {
      found.push(connection);
      const same = waiting.get(keyOf(first))!;
      same.splice(same.indexOf(found), 1);
    }
    const thread = found ?? threads.at(-1)!;
    const last = connection.exchanges.at(-1);
    if (last === undefined || !wantsAnother(last)) continue;
    const key = keyOf(last);
    waiting.set(key, [...(waiting.get(key) ?? []), thread]);
  }
  return threads;
}

/** Its last request has no answer that it could be content with. */
function wantsAnother({ response, broken }: Exchange): boolean {
  return response === undefined ? broken !== undefined : response.unauthorized;
}

/** By what method does not matter: a carrier probes with one that has no body. */
function keyOf(exchange: Exchange): string {
  return `${hostOf(exchange)} ${exchange.request?.target ?? ''}`;
}

function endsBefore({ id, exchanges }: Connection, next: Exchange): boolean {
  const last = exchanges.at(-1);
  if (last === undefined || id === undefined) return false;
  const [ended, begins] = [last.response?.time ?? last.request?.time, next.request?.time];
  if (ended === undefined || begins === undefined) return last.index < next.index;
  return ended <= begins;
}

function beginOf({ exchanges }: Connection): number {
  return exchanges[0]?.index ?? Infinity;
}
