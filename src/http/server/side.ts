/** Who asks: a server by 401, a proxy by 407 (RFC 9110 11.6, 11.7). */
import type { ConnectionSide } from '../authentication/question.ts';

export interface SideWords {
  readonly status: 401 | 407;
  /** As node:http names a request's fields. */
  readonly authorization: 'authorization' | 'proxy-authorization';
  readonly authenticate: 'WWW-Authenticate' | 'Proxy-Authenticate';
}

export const SIDES: Readonly<Record<ConnectionSide, SideWords>> = {
  server: { status: 401, authorization: 'authorization', authenticate: 'WWW-Authenticate' },
  proxy: { status: 407, authorization: 'proxy-authorization', authenticate: 'Proxy-Authenticate' },
};
