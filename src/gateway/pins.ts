/** Clients that have an upstream connection of their own, each for as long as its own connection lives. */
import type { Socket } from 'node:net';
import type { Connections, Way } from './way.ts';

export class Pins {
  readonly #pins = new WeakMap<Socket, Map<Way, Connections>>();

  /** From now on, nothing of this client goes over a shared connection. */
  pin(client: Socket): void {
    if (this.#pins.has(client)) return;
    const own = new Map<Way, Connections>();
    this.#pins.set(client, own);
    client.once('close', () => own.forEach((connections) => connections.close()));
  }

  isPinned(client: Socket): boolean {
    return this.#pins.has(client);
  }

  /** The connections that requests of this client leave on. */
  connections(client: Socket, way: Way): Connections {
    const own = this.#pins.get(client);
    if (own === undefined) return way.shared;
    let connections = own.get(way);
    // Authenticated or half way there, the other end's connection is worth nothing without this one, nor the reverse.
    if (connections === undefined) own.set(way, (connections = way.own(() => client.destroySoon())));
    return connections;
  }
}
