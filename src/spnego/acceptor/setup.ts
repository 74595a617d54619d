import { assign, emit, enqueueActions, sendTo, setup } from 'xstate';
import type { AcceptorEvent, AcceptorOptions, AcceptorTag } from '../../acceptor/context.ts';
import { acceptorMachine } from '../../acceptor/machine.ts';
import { NtlmError } from '../../errors.ts';
import { asNtlmError } from '../../machine/machine.ts';
import { isBytes } from '../../checks.ts';
import { MechType } from '../messages/mech-types.ts';
import { encodeNegTokenInit2 } from '../messages/neg-token-init.ts';
import { encodeNegTokenResp } from '../messages/neg-token-resp.ts';
import type { SpnegoToken } from '../messages/spnego-token.ts';
import { decodeTokenService } from '../services.ts';
import type {
  AcceptorMoved,
  SpnegoAcceptorContext,
  SpnegoAcceptorEmitted,
  SpnegoAcceptorEvent,
  SpnegoRefusal,
} from './context.ts';
import { messageOf, objections, prefersNtlm, type ObjectionName } from './objections.ts';
import { concludeService, confirmService, type ConcludeOutput } from './services.ts';

export const BLANK = {
  clientToken: undefined,
  received: undefined,
  raw: false,
  mechTypeList: undefined,
  replied: false,
  micRequested: false,
  token: undefined,
  session: undefined,
  unconfirmed: false,
  result: undefined,
  refusal: undefined,
  claimed: undefined,
  error: undefined,
} as const satisfies Partial<SpnegoAcceptorContext>;

export const NO_BYTES = new Uint8Array(0);
/** What a server says before the client does (MS-SPNG 3.2.5.2). */
const HINT = { mechTypes: [MechType.NTLMSSP], negHints: { hintName: 'not_defined_in_RFC4178@please_ignore' } };

const applies =
  (name: ObjectionName) =>
  ({ context }: { context: SpnegoAcceptorContext }): boolean =>
    objections[name].applies(context);

/** What the names of the chart stand for. */
export const spnegoAcceptorSetup = setup({
  types: {
    input: {} as AcceptorOptions,
    context: {} as SpnegoAcceptorContext,
    events: {} as SpnegoAcceptorEvent | AcceptorMoved,
    emitted: {} as SpnegoAcceptorEmitted,
    tags: {} as AcceptorTag,
    children: {} as { acceptor: 'acceptor' },
  },
  actors: {
    acceptor: acceptorMachine,
    decodeToken: decodeTokenService,
    conclude: concludeService,
    confirm: confirmService,
  },
  guards: {
    isRaw: ({ context }) => context.received?.type === 'raw-ntlmssp',
    speaksRaw: ({ context }) => context.raw,
    hasNegotiate: ({ context }) => prefersNtlm(context) && (messageOf(context)?.length ?? 0) > 0,
    prefersNtlm: ({ context }) => prefersNtlm(context),
    unconfirmed: ({ context }) => context.unconfirmed,
    ntlmChallenged: ({ event }) => moved(event)?.matches('challenged') === true,
    ntlmAccepted: ({ event }) => moved(event)?.matches('accepted') === true,
    ntlmRefused: ({ event }) => moved(event)?.matches('refused') === true,
    notAnOffer: applies('notAnOffer'),
    ntlmNotOffered: applies('ntlmNotOffered'),
    offeredAgain: applies('offeredAgain'),
    abandoned: applies('abandoned'),
    messageMissing: applies('messageMissing'),
    messageTooMany: applies('messageTooMany'),
    unwrapped: applies('unwrapped'),
    mechListMICMissing: applies('mechListMICMissing'),
  },
  actions: {
    tellNtlm: sendTo('acceptor', (_, { event }: { event: AcceptorEvent }) => event),
    passMessage: sendTo('acceptor', ({ context }, { type }: { type: 'negotiate' | 'authenticate' }) => ({
      type,
      token: messageOf(context) ?? NO_BYTES,
    })),
    keepClientToken: assign(({ event }) => ({
      received: undefined,
      clientToken: event.type === 'token' && isBytes(event.token) ? Uint8Array.from(event.token) : NO_BYTES,
    })),
    keepReceived: assign((_, { received }: { received: SpnegoToken }) => ({ received })),
    noteOffer: assign(({ context: { received } }) => ({
      mechTypeList: received !== undefined && 'mechTypeList' in received ? received.mechTypeList : undefined,
    })),
    noteRaw: assign({ raw: true }),
    makeHint: assign(() => ({ token: encodeNegTokenInit2(HINT) })),
    choose: assign((_, { negState }: { negState: 'accept-incomplete' | 'request-mic' }) => ({
      token: encodeNegTokenResp({ negState, supportedMech: MechType.NTLMSSP }),
      micRequested: negState === 'request-mic',
      replied: true,
    })),
    wrapChallenge: assign(({ context: { raw, replied }, event }) => {
      const responseToken = moved(event)?.context.challengeToken ?? NO_BYTES;
      if (raw) return { token: responseToken };
      const supportedMech = replied ? {} : { supportedMech: MechType.NTLMSSP };
      return {
        token: encodeNegTokenResp({ negState: 'accept-incomplete', ...supportedMech, responseToken }),
        replied: true,
      };
    }),
    object: assign(({ context }, { objection }: { objection: ObjectionName }) => {
      const { refusal, code, message } = objections[objection];
      return { refusal, claimed: context.result?.identity, error: new NtlmError(message, { code, phase: 'spnego', side: 'peer' }) };
    }),
    fault: assign(({ context }, { error }: { error: unknown }) => {
      const typed = asNtlmError(error, 'spnego');
      return { error: typed, refusal: refusalOf(typed), claimed: context.result?.identity };
    }),
    takeResult: assign(({ event }) => ({ result: moved(event)?.context.result })),
    takeRefusal: assign(({ event }) => {
      const { refusal, error, claimed } = moved(event)?.context ?? {};
      return { error, claimed, refusal: refusal ?? (error && refusalOf(error)) };
    }),
    keepConclusion: assign((_, { conclusion }: { conclusion: ConcludeOutput }) => conclusion),
    keepToken: assign((_, { token }: { token: Uint8Array }) => ({ token })),
    forgetResult: assign({ result: undefined, token: undefined }),
    // NTLM has no such message
    reject: enqueueActions(({ context, enqueue }) => {
      if (context.raw) return;
      const token = encodeNegTokenResp({ negState: 'reject' });
      enqueue.assign({ token });
      enqueue.emit({ type: 'token', message: 'NegTokenResp', token: Uint8Array.from(token) });
    }),
    emitToken: emit(({ context }, { message }: { message: SpnegoAcceptorEmitted['message'] }) => ({
      type: 'token' as const,
      message,
      token: Uint8Array.from(context.token ?? NO_BYTES),
    })),
    wipe: ({ context }) => context.session?.close(),
    startOver: assign(BLANK),
  },
});

function moved(event: SpnegoAcceptorEvent | AcceptorMoved): AcceptorMoved['snapshot'] | undefined {
  if (event.type !== 'xstate.snapshot.acceptor') return undefined;
  return typeof event.snapshot?.matches === 'function' ? event.snapshot : undefined;
}

/** `undefined` for what is not the client's doing. */
function refusalOf({ side, code }: NtlmError): SpnegoRefusal | undefined {
  if (side === 'local') return undefined;
  if (code === 'mechanism-refused') return code;
  return code === 'mech-list-mic-mismatch' ? code : 'malformed';
}
