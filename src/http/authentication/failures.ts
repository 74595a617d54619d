/** Why a handshake comes to nothing, each with what may have led to it. */
import type { Credentials } from '../../crypto/credentials.ts';
import { NtlmError, type NtlmErrorCode } from '../../errors.ts';
import { describeTargetInfo } from '../../messages/av-pairs.ts';
import type { ChallengeMessage } from '../../messages/challenge.ts';
import type { Filetime } from '../../messages/filetime.ts';
import { TOLERATED_SECONDS, skewOf } from './clocks.ts';
import { foreignTo } from './domains.ts';
import type { Blocked } from './proofs.ts';
import type { ConnectionSide } from './question.ts';
import { visible } from './refusal.ts';
import type { HttpScheme } from './schemes.ts';
import { ACCOUNT_UNUSABLE, WRONG_PASSWORD, doesNotCarryOut, takesKerberosOnly } from './sentences.ts';

const failure = (code: NtlmErrorCode, side: NtlmError['side'], message: string): NtlmError =>
  new NtlmError(message, { code, phase: 'transport', side });

export const notOffered = (side: ConnectionSide): NtlmError => failure('ntlm-not-offered', 'peer', `the ${side} offers no NTLM`);

/** Under `Negotiate` where NTLM is not offered beside it, or is as little carried out. */
export function noChallenge(side: ConnectionSide, scheme: HttpScheme | undefined): NtlmError {
  const why = scheme === 'Negotiate' ? `most likely ${takesKerberosOnly(false)}; "negotiate: kerberos()" sends a ticket` : doesNotCarryOut(`the ${side}`);
  return failure('malformed-token', 'peer', `type 1 was answered without a challenge: ${why}`);
}

export const incomplete = (): NtlmError =>
  failure('malformed-token', 'peer', 'the request was let through before the negotiation was over');

export const legTimedOut = (): NtlmError => failure('timed-out', 'peer', 'a leg of the handshake took too long');

export const noneGiven = (): NtlmError => failure('credentials-missing', 'local', 'no credentials were given');

/** What went wrong at this end, where the app provides credentials or a service of the handshake. */
export function notProvided(error: unknown): NtlmError {
  if (error instanceof NtlmError) return error;
  return new NtlmError('the credentials could not be provided', {
    code: 'service-failed',
    phase: 'transport',
    side: 'local',
    cause: error,
  });
}

/** The other end asks for NTLM, and this one had something else to go first; `before`: how that failed here before. */
export function negotiateNotOffered(mechanism: string, before: NtlmError | undefined): NtlmError {
  const said = `the other end offers NTLM and no Negotiate, by which ${mechanism} goes`;
  if (before === undefined) return failure('mechanism-refused', 'peer', said);
  const code = before.code === 'ticket-refused' ? before.code : 'downgrade-refused';
  return new NtlmError(`${said}, after this: ${before.message}; "forgetRefusals()" begins anew`, { code, phase: 'kerberos', side: 'peer', cause: before });
}

/** Whether that is all there is to it. */
export const isNotOffered = ({ code }: NtlmError): boolean => code === 'mechanism-refused';

/** The same, and NTLM may not take its place. */
export function forbidden(notOffered: NtlmError): NtlmError {
  if (!isNotOffered(notOffered)) return notOffered;
  return new NtlmError(`${notOffered.message}, and NTLM is forbidden ("ntlm: false")`, { code: 'downgrade-refused', phase: 'kerberos', side: 'local' });
}

/** A refusal of NTLM, with why it was NTLM at all. */
export function afterFallback(error: NtlmError, fallback: NtlmError | undefined): NtlmError {
  if (fallback === undefined) return error;
  const { code, phase, side, cause } = error;
  return new NtlmError(`${error.message}; NTLM was taken since ${fallback.message}`, { code, phase, side, cause: cause ?? fallback });
}

/** Where the handle may not go. */
export const originRefused = (origin: string): NtlmError =>
  failure('origin-refused', 'local', `${origin} asks for NTLM and is not among the origins of "allow"`);

/** The request speaks for itself: nothing was tried in its place. */
export const authorizationGiven = (field: string): NtlmError =>
  failure('authorization-given', 'local', `the request brought its own ${field}, so NTLM was not tried; leave it out, and what clients make it of: "auth", or a user in the URL`);

/** Credentials that were refused too often to be sent once more. */
export function notTriedAgain({ refusals, remaining }: Blocked): NtlmError {
  const why =
    refusals === 0
      ? 'the connection was lost over them again and again, which may count as a refusal'
      : `they were refused here ${refusals === 1 ? 'before' : `${refusals} times`}`;
  const seconds = Math.max(1, Math.ceil(remaining / 1000));
  return new NtlmError(
    `these credentials were not sent, so that the account does not lock: ${why}; they may be again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}, or after forgetRefusals()`,
    { code: 'not-tried-again', phase: 'authenticate', side: 'local' },
  );
}

const TICKS_PER_SECOND = 10_000_000n;

interface Refused {
  readonly side: ConnectionSide;
  readonly credentials: Credentials;
  readonly challenge: ChallengeMessage | undefined;
  readonly now: () => Filetime;
  readonly channel: keyof typeof CHANNEL_NOTES;
}

/** A refusal by the other end, with the domain and the clocks where they may be the cause. */
export function refusedBy({ side, credentials, challenge, now, channel }: Refused): NtlmError {
  const notes = `${domainNote(credentials, challenge)}${skewNote(challenge, now)}${CHANNEL_NOTES[channel]}`;
  return new NtlmError(`the ${side} refused the credentials: ${WRONG_PASSWORD}, or ${ACCOUNT_UNUSABLE}${notes}`, {
    code: 'credentials-refused',
    phase: 'authenticate',
    side: 'peer',
  });
}

/** The other end names itself, at any length; what is made of it goes into a field. */
const LONGEST_NAME = 64;

function domainNote({ username, domain }: Credentials, challenge: ChallengeMessage | undefined): string {
  const own = challenge && foreignTo(domain, username, describeTargetInfo(challenge.targetInfo ?? []), challenge.targetName);
  return own === undefined ? '' : `; the domain given is not the server's, which is ${own.domains.map((name) => visible(name).slice(0, LONGEST_NAME)).join(' or ')}`;
}

const CHANNEL_NOTES = {
  bound: '; if they are right, the certificate bound may be that of a balancer before the server ("channelBindings": false does without)',
  unbound: '; if they are right, the server may demand a channel binding, and none was sent',
  plain: '',
} as const;

/** A refusal of a ticket, with the clocks where they may be the cause: the server's is in its `Date` (RFC 9110 6.6.1). */
export function withClock(error: NtlmError, date: string | undefined): NtlmError {
  const skew = date === undefined ? undefined : skewOf((Date.parse(date) - Date.now()) / 1000);
  if (error.code !== 'ticket-refused' || skew === undefined) return error;
  const { code, phase, side, cause } = error;
  return new NtlmError(`${error.message}; its clock is ${skew.seconds} seconds ${skew.way} ours, and tickets allow ${TOLERATED_SECONDS}`, { code, phase, side, cause });
}

function skewNote(challenge: ChallengeMessage | undefined, now: () => Filetime): string {
  const timestamp = challenge?.targetInfo && describeTargetInfo(challenge.targetInfo).timestamp;
  if (timestamp === undefined) return '';
  let seconds: bigint;
  try {
    seconds = (timestamp - now()) / TICKS_PER_SECOND;
  } catch {
    return ''; // a clock of the caller's: its failure must not hide the refusal
  }
  const skew = skewOf(Number(seconds));
  return skew === undefined ? '' : `; its clock is ${skew.seconds} seconds ${skew.way} ours`;
}
