/** Several conversations as one: the traces of the connections that one request took. */
import { exchangesOf, type Connection, type Conversation } from './conversation.ts';

/** In the order in which they began where they tell it, else as they are given. */
export function mergeConversations(parts: readonly [Conversation, ...Conversation[]]): Conversation {
  const [first] = parts;
  if (parts.length === 1) return first;
  const ordered = parts.toSorted((a, b) => (beginOf(a) ?? 0) - (beginOf(b) ?? 0));
  let offset = 0;
  const connections = ordered.flatMap((part, number) => {
    const from = offset;
    offset += 1 + Math.max(-1, ...exchangesOf(part).map(({ index }) => index));
    return part.connections.map(
      (connection): Connection => ({
        ...connection,
        ...(connection.id === undefined ? {} : { id: `${number + 1}.${connection.id}` }),
        exchanges: connection.exchanges.map((exchange) => ({ ...exchange, index: exchange.index + from })),
      }),
    );
  });
  return {
    ...first,
    tokens: parts.some(({ tokens }) => tokens === 'whole') ? 'whole' : 'masked',
    blind: [...new Set(parts.flatMap(({ blind }) => blind))],
    connections,
  };
}

function beginOf({ connections }: Conversation): number | undefined {
  const times = connections.flatMap(({ steps, exchanges }) => [steps[0]?.time, exchanges[0]?.request?.time, exchanges[0]?.response?.time]).filter((time) => time !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}
