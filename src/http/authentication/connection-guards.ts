/** What the machine of a connection decides by: the event at hand, and what it knows. */
import { Credentials } from '../../crypto/credentials.ts';
import { isNtlmMessage } from '../../messages/header.ts';
import { moved, type ConnectionContext, type ConnectionEvent, type HandshakeMoved } from './connection-context.ts';

interface At {
  readonly event: ConnectionEvent | HandshakeMoved;
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
