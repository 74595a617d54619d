import type { NtlmErrorCode } from '../../errors.ts';
import { MechType } from '../messages/mech-types.ts';
import type { SpnegoAcceptorContext, SpnegoRefusal } from './context.ts';
import { isKerberos } from './kerberos.ts';

export interface Objection {
  readonly applies: (context: SpnegoAcceptorContext) => boolean;
  readonly refusal: SpnegoRefusal;
  readonly code: NtlmErrorCode;
  readonly message: string;
}

/** The mechanisms that the client offers, where the token at hand is its first. */
const offered = ({ received }: SpnegoAcceptorContext): readonly string[] | undefined =>
  received?.type === 'init' || received?.type === 'init2' ? received.mechTypes : undefined;

/** Whether the client likes NTLM best, so that its first message is NTLM's. */
export const prefersNtlm = (context: SpnegoAcceptorContext): boolean => offered(context)?.[0] === MechType.NTLMSSP;

/** Whether the client likes Kerberos best, and somebody takes it here. */
export const prefersKerberos = (context: SpnegoAcceptorContext): boolean =>
  context.options.kerberos !== undefined && (context.received?.type === 'raw-kerberos' || isKerberos(offered(context)?.[0]));

/** The message of a mechanism in the token at hand. */
export const messageOf = ({ received }: SpnegoAcceptorContext): Uint8Array | undefined => {
  switch (received?.type) {
    case 'raw-ntlmssp':
    case 'raw-kerberos':
      return received.token;
    case 'resp':
      return received.responseToken;
    default:
      return received?.mechToken;
  }
};

export const mechListMICOf = ({ received }: SpnegoAcceptorContext): Uint8Array | undefined =>
  received?.type === 'resp' ? received.mechListMIC : undefined;

export const hasMessage = (context: SpnegoAcceptorContext): boolean => (messageOf(context)?.length ?? 0) > 0;

/** Every reason to end the negotiation for what the client sent, in the order in which they are looked at. */
export const objections = {
  notAnOffer: {
    applies: ({ received }) => received?.type === 'resp',
    refusal: 'malformed',
    code: 'malformed-token',
    message: 'a NegTokenResp where a NegTokenInit is due',
  },
  ntlmNotOffered: {
    applies: (context) => offered(context)?.includes(MechType.NTLMSSP) === false,
    refusal: 'mechanism-refused',
    code: 'mechanism-refused',
    message: 'the client does not offer NTLMSSP',
  },
  offeredAgain: {
    applies: (context) => offered(context) !== undefined,
    refusal: 'malformed',
    code: 'malformed-token',
    message: 'a NegTokenInit where a NegTokenResp is due',
  },
  abandoned: {
    applies: ({ received }) => received?.type === 'resp' && received.negState === 'reject',
    refusal: 'mechanism-refused',
    code: 'mechanism-refused',
    message: 'the client ended the negotiation',
  },
  messageMissing: {
    applies: (context) => !hasMessage(context),
    refusal: 'malformed',
    code: 'malformed-token',
    message: 'a token without a message of its mechanism',
  },
  messageTooMany: {
    applies: hasMessage,
    refusal: 'malformed',
    code: 'malformed-token',
    message: 'NTLM has no message after the type 3',
  },
  // a client may leave SPNEGO out again (MS-SPNG 3.1.5.1), but not where its list has to be proven
  unwrapped: {
    applies: ({ received, raw, micRequested }) => received?.type === 'raw-ntlmssp' && !raw && micRequested,
    refusal: 'mech-list-mic-missing',
    code: 'mech-list-mic-mismatch',
    message: 'the client leaves out the mechListMIC that was asked for',
  },
  mechListMICMissing: {
    applies: (context) => mechListMICOf(context) === undefined,
    refusal: 'mech-list-mic-missing',
    code: 'mech-list-mic-mismatch',
    message: 'the client leaves out the mechListMIC that was asked for',
  },
} as const satisfies Record<string, Objection>;

export type ObjectionName = keyof typeof objections;
