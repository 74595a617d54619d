/** Why Kerberos came to nothing, each with what to do about it. */
import { NtlmError, type NtlmErrorCode, type NtlmErrorSide } from '../errors.ts';

const failure = (code: NtlmErrorCode, side: NtlmErrorSide, message: string, cause?: unknown): NtlmError =>
  new NtlmError(message, { code, phase: 'kerberos', side, cause });

/** The connection has TLS, and nothing ties the ticket to it. */
export const unboundHere = (): NtlmError =>
  failure('bindings-unavailable', 'local', 'the provider of Kerberos binds no ticket to a TLS connection; "kerberos({ unbound: true })" goes without, and so does "channelBindings: false"');

export const refusedTicket = (): NtlmError =>
  failure('ticket-refused', 'peer', 'the server refused the Kerberos ticket: the service principal name may be that of another account, its key may be newer than the ticket (kdestroy, kinit), or the user may not come in');

export const unproven = (): NtlmError =>
  failure('server-unproven', 'peer', 'the request was let through without the last token, by which the server proves that it is the one asked for; "kerberos({ mutual: false })" does without the proof');

export const stepTooLong = (): NtlmError =>
  failure('timed-out', 'local', 'Kerberos took too long: the cache of tickets or the realm does not answer ("legTimeout")');

/** Of a service of the machine; `after`: what the server had said. */
export function failureOf(error: unknown, after: 'nothing' | 'a challenge' | 'its last word'): NtlmError {
  const own = error instanceof NtlmError ? error : undefined;
  if (after === 'nothing') return own ?? failure('service-failed', 'local', 'the provider of Kerberos failed', error);
  if (own !== undefined && own.code !== 'service-failed') return own; // the other end said which
  return after === 'a challenge'
    ? failure('ticket-refused', 'peer', 'the server refused the Kerberos ticket, with a token that says no more', error)
    : failure('server-unproven', 'peer', 'the last token does not prove that the server is the one asked for', error);
}
