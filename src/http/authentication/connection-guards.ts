/** What the machine of a connection decides by: the event at hand, and what it knows. */
import { Credentials } from '../../crypto/credentials.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { moved, negotiatorMoved, type AnyConnectionEvent, type ConnectionContext } from './connection-context.ts';
import { negotiatorEnd, ntlmMayFollow } from './ntlm-after.ts';
import { isNotOffered } from './failures.ts';

interface At {
  readonly event: AnyConnectionEvent;
  readonly context: ConnectionContext;
}

export const guards = {
  unreadable: ({ event }: At) => 'error' in event && event.error !== undefined,
  areCredentials: (_: At, { output }: { output: unknown }) => output instanceof Credentials,
  offersNtlm: ({ event }: At) => event.type === 'unauthorized' && event.scheme !== undefined,
  holdsChallenge: ({ event, context }: At) =>
    event.type === 'unauthorized' && event.token !== undefined && event.scheme === context.scheme,
  /** A message of NTLM is none: it would open another handshake. */
  holdsFinalToken: ({ event, context: { scheme } }: At) =>
    (event.type === 'unauthorized' || event.type === 'passed') &&
    scheme === 'Negotiate' &&
    event.scheme === scheme &&
    event.token !== undefined &&
    !isNtlmMessage(event.token),
  /** Negotiate takes no NTLM: it refuses the mechanism, or asks again and says nothing. */
  ntlmLeft: ({ event, context: { scheme, ntlmOffered } }: At) =>
    scheme === 'Negotiate' &&
    (event.type === 'unauthorized'
      ? event.ntlmOffered === true
      : ntlmOffered && moved(event)?.context.error?.code === 'mechanism-refused'),
  negotiates: ({ context: { negotiator, scheme } }: At) => negotiator !== undefined && scheme === 'Negotiate',
  ntlmForbidden: ({ context: { negotiator, fallback } }: At) =>
    negotiator !== undefined && fallback !== undefined && !ntlmMayFollow(isNotOffered(fallback) ? 'not-offered' : negotiatorEnd(fallback.code), negotiator.ntlm),
  ntlmFollows: ({ event, context: { negotiator } }: At) => {
    const child = negotiatorMoved(event);
    return child?.matches('failed') === true && ntlmMayFollow(negotiatorEnd(child.context.error?.code), negotiator?.ntlm ?? false);
  },
  tokenReady: ({ event }: At) => negotiatorMoved(event)?.matches({ stepping: 'waiting' }) === true,
  negotiatorDone: ({ event }: At) => negotiatorMoved(event)?.matches('established') === true,
  negotiatorFailed: ({ event }: At) => negotiatorMoved(event)?.matches('failed') === true,
  holdsItsToken: ({ event }: At) =>
    (event.type === 'unauthorized' || event.type === 'passed') && event.scheme === 'Negotiate' && event.token !== undefined,
  /** An error status may come from what stands before the server, and a server in trouble proves nothing. */
  isError: ({ event }: At) => event.type === 'passed' && event.failed === true,
  attemptsLeft: ({ context }: At) => context.attempt < context.maxAttempts,
  negotiateReady: ({ event }: At) => moved(event)?.matches({ negotiated: 'waiting' }) === true,
  responseReady: ({ event }: At) => {
    const child = moved(event);
    return child?.matches('responded') === true && !child.hasTag('busy');
  },
  handshakeDone: ({ event }: At) => moved(event)?.matches('authenticated') === true,
  handshakeFailed: ({ event }: At) => moved(event)?.matches('failed') === true,
  rejectionNoted: ({ event }: At) => moved(event)?.matches({ failed: 'rejected' }) === true,
};
