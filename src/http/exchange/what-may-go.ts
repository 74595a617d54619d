/**
 * What may be sent when. A server's handler must run exactly once for each call that ends well, and at most once for any
 * other; so nothing goes out that could be taken for the request and is not.
 *
 * - Nothing empty goes out in place of a request under its own method: a session cookie, a known address or an open path
 *   would make it count (RFC 9110 9.2.2). Stand-ins are HEAD, and what becomes of them is never the client's.
 * - A request without a body is whole as it is: it carries type 1 itself, and any answer but 401 is its answer.
 * - A body that can be sent again goes along where no stand-in is to be trusted: what it is asked for is asked of all of it.
 * - A body that cannot be sent again waits there: for a 100 (RFC 9110 10.1.1), or for a moment where the server minds
 *   being asked for one. Beside a type 1 it is announced in chunks, so that its end can be said at any time and the
 *   connection goes on behind the 401 that came in its stead.
 * - What went out whole and was not answered goes out again only under a safe method, or to open a tunnel. A 401 is an answer.
 *
 * | the sides that may ask       | no body | can be sent again       | cannot be sent again                            |
 * |------------------------------|---------|-------------------------|-------------------------------------------------|
 * | `settled`: none will         | `whole` | `whole`                 | `whole`, or `waiting` where one asks again       |
 * | `unknown`: nobody can say    | `whole` | `stand-in`, or `whole`  | `stand-in`, or `waiting`                         |
 * | `opening`: type 1 goes out   | `whole` | `stand-in`, or `whole`  | `stand-in`, or `waiting`                         |
 * | `answering`: type 3 goes out | `whole` | `whole`                 | `whole`, or `waiting` where a 401 may still come |
 *
 * A connection whose type 3 was answered by 4xx or 5xx may or may not be authenticated: it is `settled` for what can be sent again,
 * and `unknown` for what cannot.
 *
 * A stand-in goes only where it is to be trusted, and `waiting` only where it is of use; else `whole`.
 */

/** What is known of a request and of the sides of its connection, all that matters. */
export interface Known {
  readonly sides: 'settled' | 'unknown' | 'opening' | 'answering';
  /** `held`: not to be had, or not to be had again, before the other end says that it wants it. */
  readonly body: 'none' | 'repeatable' | 'held';
  /** Whether stand-ins for the request are to be trusted: none was of no use, and the caller allows them. */
  readonly standIns: boolean;
  /** Whether the other end answers what it can before it has the body. */
  readonly waitingHelps: boolean;
  /** Whether a 401 may come though the sides are settled or answering. */
  readonly mayAskAgain: boolean;
}

/** `whole`: as it is, with whatever credentials. `waiting`: its body follows when it is wanted. `stand-in`: a HEAD in its place. */
export type Form = 'whole' | 'waiting' | 'stand-in';

export function whatMayGo({ sides, body, standIns, waitingHelps, mayAskAgain }: Known): Form {
  if (body === 'none') return 'whole';
  const uncertain = sides === 'unknown' || sides === 'opening';
  if (uncertain && standIns) return 'stand-in';
  if (body === 'repeatable') return 'whole';
  return waitingHelps && (uncertain || mayAskAgain) ? 'waiting' : 'whole';
}
