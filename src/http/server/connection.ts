/**
 * What is known of a connection. Authentication belongs to it (MS-NTHT): one handshake at a time is on each side of a
 * socket, whichever gate asked for it, and a new one ends what was there.
 */
import type { Duplex } from 'node:stream';
import type { Handshake } from './handshake.ts';
import { forget, type NtlmServerIdentity } from './identity.ts';
import type { SideWords } from './side.ts';

export class Connection {
  /** Settles when the request before is decided: a request pipelined behind a type 3 waits for the verdict. */
  turn: Promise<unknown> = Promise.resolve();
  refusals = 0;
  readonly #socket: Duplex;
  #owner: object | undefined;
  #handshake: Handshake | undefined;
  #identity: NtlmServerIdentity | undefined;
  /** On the monotonic clock, milliseconds. */
  #challengedAt = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.once('close', () => this.end());
  }

  /** Who authenticated it before the gate `owner`. */
  identityFor(owner: object): NtlmServerIdentity | undefined {
    return this.#owner === owner ? this.#identity : undefined;
  }

  /** The handshake that `owner` began and whose client has to speak. */
  handshakeOf(owner: object, lifetime: number): Handshake | undefined {
    const inTime = performance.now() - this.#challengedAt <= lifetime;
    return this.#owner === owner && inTime ? this.#handshake : undefined;
  }

  begin(owner: object, handshake: Handshake): Handshake {
    this.end();
    this.#owner = owner;
    return (this.#handshake = handshake);
  }

  challenged(): void {
    this.#challengedAt = performance.now();
  }

  /** The handshake is over, its keys are wiped; the connection is `identity`'s. */
  authenticated(identity: NtlmServerIdentity): void {
    this.#release();
    this.refusals = 0;
    this.#identity = identity;
  }

  /** Nobody is there, and no handshake. */
  end(): void {
    this.#release();
    this.#identity = undefined;
    forget(this.#socket);
  }

  #release(): void {
    this.#handshake?.end();
    this.#handshake = undefined;
  }
}

const connections = new WeakMap<Duplex, Map<SideWords, Connection>>();

export function connectionOf(socket: Duplex, side: SideWords): Connection {
  let sides = connections.get(socket);
  if (sides === undefined) connections.set(socket, (sides = new Map()));
  let connection = sides.get(side);
  if (connection === undefined) sides.set(side, (connection = new Connection(socket)));
  return connection;
}
