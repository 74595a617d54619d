import { assign, emit, sendTo, setup } from 'xstate';
import { Credentials } from '../crypto/credentials.ts';
import { NtlmError, asNtlmError } from '../errors.ts';
import type { NtlmEvent, NtlmTag } from '../machine/context.ts';
import { ntlmMachine } from '../machine/machine.ts';
import { isBytes } from '../checks.ts';
import type { NtlmMoved, SpnegoContext, SpnegoEmitted, SpnegoEvent, SpnegoInput } from './context.ts';
import { MechType } from './messages/mech-types.ts';
import { encodeNegTokenInit } from './messages/neg-token-init.ts';
import type { SpnegoToken } from './messages/spnego-token.ts';
import { canAnswer, isIncomplete, mechListMICOf, messageOf, objections, type ObjectionName } from './objections.ts';
import { answerService, decodeTokenService, verifyMechListMicService, wrapResponseService } from './services.ts';

export const MECH_TYPES = [MechType.NTLMSSP];

export const BLANK = {
  replyToken: undefined,
  reply: undefined,
  raw: false,
  micRequested: false,
  token: undefined,
  session: undefined,
  mechListMIC: undefined,
  micVerified: false,
  answered: false,
  error: undefined,
} as const satisfies Partial<SpnegoContext>;

export const NO_BYTES = new Uint8Array(0);

const applies =
  (name: ObjectionName) =>
  ({ context }: { context: SpnegoContext }): boolean =>
    objections[name].applies(context);

/** What the names of the chart stand for. */
export const spnegoSetup = setup({
  types: {
    input: {} as SpnegoInput,
    context: {} as SpnegoContext,
    events: {} as SpnegoEvent | NtlmMoved,
    emitted: {} as SpnegoEmitted,
    tags: {} as NtlmTag,
    children: {} as { ntlm: 'ntlm' },
  },
  actors: {
    ntlm: ntlmMachine,
    decodeToken: decodeTokenService,
    wrapResponse: wrapResponseService,
    verifyMechListMIC: verifyMechListMicService,
    answer: answerService,
  },
  guards: {
    hinted: ({ event }) => event.type === 'negotiate' && event.hint !== undefined,
    resettable: ({ event }) =>
      event.type === 'reset' && (event.credentials === undefined || event.credentials instanceof Credentials),
    ntlmNegotiated: ({ event }) => moved(event)?.matches({ negotiated: 'waiting' }) === true,
    ntlmResponded: ({ event }) => moved(event)?.matches('responded') === true,
    ntlmRefused: ({ event }) => moved(event)?.matches({ failed: 'refused' }) === true,
    ntlmFaulted: ({ event }) => moved(event)?.matches({ failed: 'faulted' }) === true,
    carriesMechListMIC: ({ context }) => mechListMICOf(context) !== undefined,
    answerIsDue: ({ context }) => isIncomplete(context) && canAnswer(context),
    notAHint: applies('notAHint'),
    ntlmNotOffered: applies('ntlmNotOffered'),
    notAReply: applies('notAReply'),
    mechanismRejected: applies('mechanismRejected'),
    otherMechanism: applies('otherMechanism'),
    micTooEarly: applies('micTooEarly'),
    challengeMissing: applies('challengeMissing'),
    notAFinalToken: applies('notAFinalToken'),
    credentialsRejected: applies('credentialsRejected'),
    micRequestedLate: applies('micRequestedLate'),
    messageTooMany: applies('messageTooMany'),
    micUnverifiable: applies('micUnverifiable'),
    unanswerable: applies('unanswerable'),
    micMissing: applies('micMissing'),
  },
  actions: {
    tellNtlm: sendTo('ntlm', (_, { event }: { event: NtlmEvent }) => event),
    passChallenge: sendTo('ntlm', ({ context }) => ({
      type: 'challenge' as const,
      token: messageOf(context) ?? NO_BYTES,
    })),
    keepReplyToken: assign(({ event }) => {
      const bytes = event.type === 'negotiate' ? event.hint : 'token' in event ? event.token : undefined;
      return { reply: undefined, replyToken: isBytes(bytes) ? Uint8Array.from(bytes) : NO_BYTES };
    }),
    keepReply: assign((_, { reply }: { reply: SpnegoToken }) => ({ reply })),
    noteReply: assign(({ context: { reply } }) => ({
      raw: reply?.type === 'raw-ntlmssp',
      micRequested: reply?.type === 'resp' && reply.negState === 'request-mic',
    })),
    object: assign((_, { objection }: { objection: ObjectionName }) => {
      const { code, message } = objections[objection];
      return { error: new NtlmError(message, { code, phase: 'spnego', side: 'peer' }) };
    }),
    fault: assign((_, { error }: { error: unknown }) => ({ error: asNtlmError(error, 'spnego') })),
    takeError: assign(({ event }) => ({ error: moved(event)?.context.error })),
    noteRejection: assign(() => ({
      error: new NtlmError('the server refused the credentials', {
        code: 'credentials-refused',
        phase: 'spnego',
        side: 'peer',
      }),
    })),
    makeNegTokenInit: assign(({ event }) => {
      const mechToken = moved(event)?.context.negotiateToken ?? NO_BYTES;
      return { token: encodeNegTokenInit({ mechTypes: MECH_TYPES, mechToken }) };
    }),
    emitToken: emit(({ context }, { message }: { message: SpnegoEmitted['message'] }) => ({
      type: 'token' as const,
      message,
      token: Uint8Array.from(context.token ?? NO_BYTES),
    })),
    wipe: ({ context }) => context.session?.close(),
    startOver: assign(BLANK),
  },
});

/** The handshake inside, where it moved on. */
export function moved(event: SpnegoEvent | NtlmMoved): NtlmMoved['snapshot'] | undefined {
  if (event.type !== 'xstate.snapshot.ntlm') return undefined;
  return typeof event.snapshot?.matches === 'function' ? event.snapshot : undefined;
}
