/** Why a request comes to no answer, and which refusals say nothing of it. */
import { NtlmError } from '../../errors.ts';
import type { ConnectionSide } from '../authentication/question.ts';
import { closesConnection } from '../authentication/sentences.ts';

/** Refusals that are no answer to the request but mistakes or mishaps of this end. */
export const FAILURES: ReadonlySet<string> = new Set([
  'invalid-argument',
  'service-failed',
  'unsupported',
  'connection-closed',
  'timed-out',
]);

/** Of a stand-in: a challenge that cannot be read, or none, says nothing of the request. */
export const MISHAPS: ReadonlySet<string> = new Set([
  'ntlm-not-offered',
  'malformed-token',
  'truncated',
  'wrong-signature',
  'wrong-message-type',
  'field-out-of-bounds',
  'wrong-length',
  'malformed-text',
  'malformed-av-pairs',
]);

export function closed(why: string): NtlmError {
  return new NtlmError(why, { code: 'connection-closed', phase: 'transport', side: 'peer' });
}

export function closesWithChallenge(side: ConnectionSide, why: string): NtlmError {
  return closed(`${closesConnection(`the ${side}`)} (its challenge came with ${why})`);
}

export function tooManyLegs(most: number): NtlmError {
  return new NtlmError(`the server has not come to an answer within ${most} requests`, {
    code: 'too-many-legs',
    phase: 'transport',
    side: 'peer',
  });
}

/** Of what was added to the request, and refused only once its body was gone: it did not wait for as long as the server thought. */
export function formRefused(status: number): NtlmError {
  const what = status === 417 ? '"Expect: 100-continue"' : 'a body in chunks';
  return new NtlmError(
    `the server refused ${what} (${status}) when the body was gone already, and could not be sent again; "maxRepeatableBody" keeps longer ones`,
    { code: 'body-unrepeatable', phase: 'transport', side: 'peer' },
  );
}

export function bodyUnrepeatable(): NtlmError {
  return new NtlmError(
    'the server asked when the body was announced or gone already, and could not be sent again; the next request will authenticate',
    {
      code: 'body-unrepeatable',
      phase: 'transport',
      side: 'local',
    },
  );
}
