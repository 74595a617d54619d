import type { NtlmErrorCode } from '../errors.ts';
import type { SpnegoContext } from './context.ts';
import { MechType } from './messages/mech-types.ts';
import type { NegTokenResp } from './messages/neg-token-resp.ts';
import type { SpnegoToken } from './messages/spnego-token.ts';

/** Where an objection leads: `refused` by us, `rejected` by the acceptor, `faulted` where it makes no sense. */
export type Outcome = 'faulted' | 'refused' | 'rejected';

export interface Objection {
  readonly applies: (context: SpnegoContext) => boolean;
  readonly outcome: Outcome;
  readonly code: NtlmErrorCode;
  readonly message: string;
}

const isResp = (reply: SpnegoToken | undefined): reply is NegTokenResp => reply?.type === 'resp';
const isRaw = (reply: SpnegoToken | undefined): boolean => reply?.type === 'raw-ntlmssp';
const negState = ({ reply }: SpnegoContext): NegTokenResp['negState'] => (isResp(reply) ? reply.negState : undefined);
const hasToken = ({ reply }: SpnegoContext): boolean => isResp(reply) && (reply.responseToken?.length ?? 0) > 0;
const choosesOther = ({ reply }: SpnegoContext): boolean =>
  isResp(reply) && reply.supportedMech !== undefined && reply.supportedMech !== MechType.NTLMSSP;

/** The acceptor's signature in the token at hand. */
export const mechListMICOf = ({ reply }: SpnegoContext): Uint8Array | undefined =>
  isResp(reply) ? reply.mechListMIC : undefined;

/** The NTLM message in the token at hand. */
export const messageOf = ({ reply }: SpnegoContext): Uint8Array | undefined =>
  reply?.type === 'raw-ntlmssp' ? reply.token : isResp(reply) ? reply.responseToken : undefined;

/** Whether the end may not come without the acceptor's signature (RFC 4178 5). */
export const micIsOwed = ({ session, mechListMIC, micRequested, sessionSecurity }: SpnegoContext): boolean =>
  session?.integrity === true &&
  // NTLM is all that was offered, so a missing MIC hides no better mechanism: guests and some servers have none.
  (micRequested || (mechListMIC !== undefined && (sessionSecurity === 'sign' || sessionSecurity === 'seal')));

/** Whether an `accept-incomplete` can be answered: with our signature, once. */
export const canAnswer = (context: SpnegoContext): boolean =>
  context.session?.integrity === true &&
  !context.answered &&
  (context.mechListMIC === undefined || context.micVerified);

export const isIncomplete = (context: SpnegoContext): boolean => negState(context) === 'accept-incomplete';

/** Every reason to end the negotiation for what the acceptor sent, in the order in which they are looked at. */
export const objections = {
  // the hint of a server that speaks first
  notAHint: {
    applies: ({ reply }) => reply?.type !== 'init2' && reply?.type !== 'init',
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'the hint is not a NegTokenInit2',
  },
  ntlmNotOffered: {
    applies: ({ reply }) =>
      (reply?.type === 'init2' || reply?.type === 'init') && !reply.mechTypes.includes(MechType.NTLMSSP),
    outcome: 'refused',
    code: 'mechanism-refused',
    message: 'the server does not offer NTLMSSP',
  },
  // the first reply
  notAReply: {
    applies: ({ reply }) => !isResp(reply) && !isRaw(reply),
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'a NegTokenInit where a NegTokenResp is due',
  },
  mechanismRejected: {
    applies: (context) => negState(context) === 'reject',
    outcome: 'refused',
    code: 'mechanism-refused',
    message: 'the acceptor refuses NTLMSSP',
  },
  otherMechanism: {
    applies: choosesOther,
    outcome: 'refused',
    code: 'mechanism-refused',
    message: 'the acceptor chose a mechanism that was not offered',
  },
  micTooEarly: {
    applies: (context) => mechListMICOf(context) !== undefined,
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'a mechListMIC before there is a key to make it with',
  },
  challengeMissing: {
    applies: (context) => !isRaw(context.reply) && !hasToken(context),
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'the first reply carries no challenge',
  },
  // after the type 3; a supportedMech that comes again is ignored (MS-SPNG 3.3.5)
  notAFinalToken: {
    applies: ({ reply }) => !isResp(reply),
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'not a NegTokenResp',
  },
  credentialsRejected: {
    applies: (context) => negState(context) === 'reject',
    outcome: 'rejected',
    code: 'credentials-refused',
    message: 'the server refused the credentials',
  },
  micRequestedLate: {
    applies: (context) => negState(context) === 'request-mic',
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'request-mic in a reply that is not the first',
  },
  messageTooMany: {
    applies: hasToken,
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'NTLM has no message after the type 3',
  },
  micUnverifiable: {
    applies: (context) =>
      mechListMICOf(context) !== undefined && (context.session?.integrity !== true || context.micVerified),
    outcome: 'refused',
    code: 'mech-list-mic-mismatch',
    message: 'a mechListMIC that nothing can be compared with',
  },
  // with the signature verified
  unanswerable: {
    applies: (context) => isIncomplete(context) && !canAnswer(context),
    outcome: 'faulted',
    code: 'malformed-token',
    message: 'the acceptor waits for a token that does not exist',
  },
  micMissing: {
    applies: (context) => !isIncomplete(context) && micIsOwed(context) && !context.micVerified,
    outcome: 'refused',
    code: 'mech-list-mic-mismatch',
    message: 'the acceptor ends without the mechListMIC that it owes',
  },
} as const satisfies Record<string, Objection>;

export type ObjectionName = keyof typeof objections;
