import type { ClientRequest, IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import type { NtlmSession } from '../session/session.ts';
import { NtlmSocket } from './exchange/socket.ts';
import { sessionOn } from './server/connection.ts';

/**
 * Signing and sealing on the connection that a message came on, or that a request goes out on, for protocols that
 * encrypt their messages themselves (MS-WSMV 2.2.9.1).
 *
 * - A client's: a request of `NtlmAgent`, its response, or its socket, where the option `sessionSecurity` asked for it.
 *   Node's response forgets its socket once it was read to its end.
 * - A server's: a request, or its socket, with the option `sessions`.
 *
 * The session ends with the authentication of its connection: `undefined` before it, after it, and where neither SIGN
 * nor SEAL was agreed on. Messages are numbered: what one connection carries is wrapped and unwrapped in its order.
 */
export function sessionOf(of: IncomingMessage | ClientRequest | Duplex): NtlmSession | undefined {
  const socket: Duplex | null = of instanceof Duplex ? of : of.socket;
  if (socket === null) return undefined;
  return socket instanceof NtlmSocket ? socket.session : sessionOn(socket);
}
