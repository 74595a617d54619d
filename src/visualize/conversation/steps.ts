/** The steps of our own machines as a conversation: what they sent and were told, without the HTTP around it. */
import { tokenBytes } from '../trace/mask.ts';
import type { TracedError } from '../trace/projection.ts';
import type { Trace, TraceEntry } from '../trace/trace.ts';
import { ConversationBuilder } from './builder.ts';
import type { Conversation, ConversationRequest, ConversationResponse, SchemeUse } from './conversation.ts';
import { tokenOf, type TokenVisibility } from './token.ts';

/** What went wrong with the other end's word on type 3 is no reason of this end's. */
const VERDICTS: ReadonlySet<string> = new Set(['credentials-refused']);

export function conversationOfTrace(trace: Trace, visibility: TokenVisibility = 'masked'): Conversation {
  const builder = new ConversationBuilder('trace', visibility);
  builder.open('1');
  builder.steps('1', trace.entries);
  if (trace.machine === 'acceptor') addServerSteps(builder, '1', trace);
  else addClientSteps(builder, '1', trace);
  builder.blind('status-unknown');
  if (trace.dropped > 0) builder.blind('incomplete');
  return builder.build();
}

/** What an acceptor receives are requests, what it sends and decides are their answers. */
function addServerSteps(builder: ConversationBuilder, id: string, { machine, entries }: Trace): void {
  let received: ConversationRequest | undefined;
  const answer = (unauthorized: boolean, challenges: readonly SchemeUse[], time: number): void => {
    builder.add(id, { ...(received === undefined ? {} : { request: received }), response: responseOf(unauthorized, challenges, time) });
    received = undefined;
  };
  for (const { machine: own, direction, token, from, to, time } of entries) {
    if (own !== machine) continue;
    if (direction === 'received') received = { ...requestOf(useOf(token, 'NTLM', builder.visibility)), time };
    else if (direction === 'sent') answer(true, useOf(token, 'NTLM', builder.visibility), time);
    if (from !== to && (to === 'accepted' || to === 'refused')) answer(to === 'refused', [], time);
  }
  if (received !== undefined) builder.add(id, { request: received });
}

function addClientSteps(builder: ConversationBuilder, id: string, { machine, entries }: Trace): void {
  let scheme = machine === 'spnego' ? 'Negotiate' : 'NTLM';
  const use = (token: TraceEntry['token']): SchemeUse[] => useOf(token, scheme, builder.visibility);
  let sent: SchemeUse[] | undefined;
  let refusal: TracedError | undefined;
  let timedOut = false;
  const answered = (unauthorized: boolean, challenges: readonly SchemeUse[], time: number): void => {
    builder.add(id, { ...(sent === undefined ? {} : { request: requestOf(sent) }), response: responseOf(unauthorized, challenges, time) });
    sent = undefined;
  };
  for (const { machine: own, event, from, direction, token, time, context } of entries) {
    if (context.error !== undefined) refusal = context.error;
    if (own === 'spnego') scheme = 'Negotiate';
    if (direction === 'sent') {
      if (token?.message === 'NEGOTIATE') refusal = undefined; // a fresh start takes it back
      if (own === machine) sent = use(token);
      continue;
    }
    if (own !== machine) continue;
    const isCarrier = machine === 'connection';
    if (event === 'unauthorized' || (event === 'challenge' && !isCarrier)) answered(true, use(token), time);
    else if (event === 'rejected' && !isCarrier) answered(true, [], time);
    else if (event === 'passed' || event === 'accepted') answered(false, use(token), time);
    else if (event === 'close') {
      if (sent !== undefined && !from.endsWith('.sending')) builder.add(id, { request: requestOf(sent), broken: 'closed' });
      sent = undefined;
      builder.end(id, 'closed');
    } else if (event.includes('imeout')) timedOut = true;
  }
  if (sent !== undefined) builder.add(id, { request: requestOf(sent), ...(timedOut ? { broken: 'timed-out' } : {}) });
  if (refusal !== undefined && !VERDICTS.has(refusal.code)) builder.refuse(id, refusal);
}

function useOf(token: TraceEntry['token'], scheme: string, visibility: TokenVisibility): SchemeUse[] {
  return token === undefined ? [] : [{ side: 'server', scheme, token: kept(token, visibility) }];
}

function kept(token: NonNullable<TraceEntry['token']>, visibility: TokenVisibility): NonNullable<SchemeUse['token']> {
  const { masked, ...own } = tokenOf(tokenBytes(token), visibility);
  const all = [...token.masked, ...masked];
  return { ...own, masked: all, state: own.state === 'whole' && all.length > 0 ? 'masked' : own.state };
}

function requestOf(credentials: readonly SchemeUse[]): ConversationRequest {
  return { method: '', target: '', version: '', fields: [], credentials };
}

function responseOf(unauthorized: boolean, challenges: readonly SchemeUse[], time: number): ConversationResponse {
  return { status: 0, unauthorized, reason: '', version: '', fields: [], challenges, time };
}

