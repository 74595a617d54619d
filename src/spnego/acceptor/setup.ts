import { assign, emit, enqueueActions, sendTo, setup } from 'xstate';
import type { AcceptorEvent, AcceptorTag } from '../../acceptor/context.ts';
import { acceptorMachine } from '../../acceptor/machine.ts';
import type { Verified } from '../../acceptor/verdict.ts';
import { NtlmError, asNtlmError } from '../../errors.ts';
import { isBytes } from '../../checks.ts';
import { MechType } from '../messages/mech-types.ts';
import { encodeNegTokenInit2 } from '../messages/neg-token-init.ts';
import { encodeNegTokenResp } from '../messages/neg-token-resp.ts';
import type {
  AcceptorMechanism,
  AcceptorMoved,
  ClientToken,
  SpnegoAcceptorContext,
  SpnegoAcceptorEmitted,
  SpnegoAcceptorEvent,
  SpnegoAcceptorOptions,
  SpnegoRefusal,
} from './context.ts';
import { identityOfPrincipal } from './kerberos.ts';
import { hasMessage, messageOf, objections, prefersKerberos, prefersNtlm, type ObjectionName } from './objections.ts';
import { concludeService, confirmService, decodeTokenService, stepKerberosService, type ConcludeOutput, type StepKerberosOutput } from './services.ts';

export const BLANK = {
  clientToken: undefined,
  received: undefined,
  mechanism: undefined,
  held: undefined,
  kerberosType: undefined,
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
    input: {} as SpnegoAcceptorOptions,
    context: {} as SpnegoAcceptorContext,
    events: {} as SpnegoAcceptorEvent | AcceptorMoved,
    emitted: {} as SpnegoAcceptorEmitted,
    tags: {} as AcceptorTag,
    children: {} as { acceptor: 'acceptor' },
  },
  actors: {
    acceptor: acceptorMachine,
    decodeToken: decodeTokenService,
    stepKerberos: stepKerberosService,
    conclude: concludeService,
    confirm: confirmService,
  },
  guards: {
    hasTicket: ({ context }) => prefersKerberos(context) && hasMessage(context),
    prefersKerberos: ({ context }) => prefersKerberos(context),
    isRaw: ({ context }) => context.received?.type === 'raw-ntlmssp',
    speaksRaw: ({ context }) => context.raw,
    hasNegotiate: ({ context }) => prefersNtlm(context) && hasMessage(context),
    prefersNtlm: ({ context }) => prefersNtlm(context),
    unconfirmed: ({ context }) => context.unconfirmed,
    isEstablished: ({ context }) => context.result !== undefined,
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
    keepReceived: assign((_, { received }: { received: ClientToken }) => ({ received })),
    noteOffer: assign(({ context: { received } }) => ({
      mechTypeList: received !== undefined && 'mechTypeList' in received ? received.mechTypeList : undefined,
    })),
    noteRaw: assign({ raw: true }),
    noteMechanism: assign((_, { mechanism }: { mechanism: AcceptorMechanism }) => ({ mechanism })),
    noteKerberos: assign(({ context: { received } }) => ({
      raw: received?.type === 'raw-kerberos',
      kerberosType: received !== undefined && 'mechTypes' in received ? received.mechTypes[0] : undefined,
    })),
    chooseKerberos: assign(({ context: { kerberosType } }) => ({
      token: encodeNegTokenResp({ negState: 'accept-incomplete', ...(kerberosType !== undefined && { supportedMech: kerberosType }) }),
      replied: true,
    })),
    keepStep: assign(({ context }, { step }: { step: StepKerberosOutput }) => stepped(context, step)),
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
    forgetResult: assign({ result: undefined, token: undefined, held: undefined }),
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
    emitAnswer: enqueueActions(({ context: { token, raw }, enqueue }) => {
      if (token !== undefined) enqueue.emit({ type: 'token', message: raw ? 'Kerberos' : 'NegTokenResp', token: Uint8Array.from(token) });
    }),
    wipe: ({ context }) => context.session?.close(),
    startOver: assign(BLANK),
  },
});

export function ofNtlm(result: SpnegoAcceptorContext['result']): Verified | undefined {
  return result?.mechanism === 'NTLM' ? result : undefined;
}

/** What a step of Kerberos makes of the negotiation. Its first choice taken, the client owes no proof of its list. */
function stepped({ raw, replied, kerberosType, options }: SpnegoAcceptorContext, step: StepKerberosOutput): Partial<SpnegoAcceptorContext> {
  const { held, token: responseToken, complete, principal = '' } = step;
  const supportedMech = replied || kerberosType === undefined ? {} : { supportedMech: kerberosType };
  const negState = complete ? 'accept-completed' : 'accept-incomplete';
  const token = raw ? responseToken : encodeNegTokenResp({ negState, ...supportedMech, ...(responseToken && { responseToken }) });
  if (!complete) return { held, token, replied: true };
  const channelBindings = options.channelBindings !== undefined && options.kerberos?.binds === true;
  return { held: undefined, token, replied: true, result: { ok: true, mechanism: 'Kerberos', identity: identityOfPrincipal(principal), principal, channelBindings } };
}

function moved(event: SpnegoAcceptorEvent | AcceptorMoved): AcceptorMoved['snapshot'] | undefined {
  if (event.type !== 'xstate.snapshot.acceptor') return undefined;
  return typeof event.snapshot?.matches === 'function' ? event.snapshot : undefined;
}

/** `undefined` for what is not the client's doing. */
function refusalOf({ side, code }: NtlmError): SpnegoRefusal | undefined {
  if (side === 'local') return undefined;
  if (code === 'mechanism-refused' || code === 'ticket-refused') return code;
  return code === 'mech-list-mic-mismatch' ? code : 'malformed';
}
