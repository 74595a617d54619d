/** Two connections become one: bytes pass until either ends. */
import { pipeline, type Duplex } from 'node:stream';

/** `head` came along from the first and belongs to the second. Resolves when both are gone. */
export function join(client: Duplex, other: Duplex, head: Buffer, idleTimeout: number): Promise<void> {
  return new Promise((resolve) => {
    if (client.destroyed || other.destroyed) {
      client.destroy();
      other.destroy();
      return resolve();
    }
    if (head.length > 0) other.write(head);
    let ends = 0;
    const ended = (error: unknown): void => {
      if (error) {
        client.destroy();
        other.destroy();
      }
      if ((ends += 1) === 2) resolve();
    };
    for (const end of [client, other]) {
      if ('setTimeout' in end && typeof end.setTimeout === 'function') {
        end.setTimeout(idleTimeout, () => (client.destroy(), other.destroy()));
      }
    }
    pipeline(client, other, ended);
    pipeline(other, client, ended);
  });
}
