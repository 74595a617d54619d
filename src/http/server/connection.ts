/**
 * What is known of a connection. Authentication belongs to it (MS-NTHT): one handshake at a time is on each side of a
 * socket, whichever gate asked for it, and a new one ends what was there.
 */
import type { Duplex } from 'node:stream';
import type { Handshake } from './handshake.ts';
import { forget, type NtlmServerIdentity } from './identity.ts';
import { SIDES, type SideWords } from './side.ts';
import type { NtlmSession } from '../../session/session.ts';

export class Connection {
  /** Settles when the request before is decided: a request pipelined behind a type 3 waits for the verdict. */
  turn: Promise<unknown> = Promise.resolve();
  refusals = 0;
  readonly #socket: Duplex;
  #owner: object | undefined;
  #handshake: Handshake | undefined;
  /** The one whose session is kept. */
  #established: Handshake | undefined;
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

  /** The handshake is over; the connection is `identity`'s. Its keys are wiped now, or `kept` until the end. */
  authenticated(identity: NtlmServerIdentity, { kept }: { readonly kept: boolean }): void {
    if (kept) [this.#established, this.#handshake] = [this.#handshake, undefined];
    this.#release();
    this.refusals = 0;
    this.#identity = identity;
  }

  /** With who authenticated it, where it is kept. */
  get session(): NtlmSession | undefined {
    return this.#established?.session;
  }

  /** Nobody is there, and no handshake. */
  end(): void {
    this.#release();
    this.#established?.end();
    this.#established = undefined;
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

/** The session of `socket` with the client of an origin server, or else of a proxy. */
export function sessionOn(socket: Duplex): NtlmSession | undefined {
  const sides = connections.get(socket);
  return sides?.get(SIDES.server)?.session ?? sides?.get(SIDES.proxy)?.session;
}
