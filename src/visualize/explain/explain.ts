/** A conversation in plain words: HTTP first, then tokens, then what this end recorded. */
import type { Conversation, Exchange } from '../conversation/conversation.ts';
import { exchangesOf, fieldOf } from '../conversation/conversation.ts';
import { conversationOfTrace } from '../conversation/steps.ts';
import { conversationOfTokens, type ExchangeTokens } from '../conversation/tokens.ts';
import { harmless, quoted } from '../decode/text.ts';
import { decodeToken } from '../decode/decode.ts';
import { verifyTokens, type Verdict } from '../decode/verify.ts';
import { tokenBytes } from '../trace/mask.ts';
import type { Credentials } from '../../crypto/credentials.ts';
import type { Policy } from '../../machine/policy.ts';
import type { Trace } from '../trace/trace.ts';
import { LIKELIHOODS, type Cause } from './cause.ts';
import { END_RULES, JUDGED } from './end-rules.ts';
import { endOf, isFailure, type End, type EndKind } from './ending.ts';
import { factsOf, type Facts } from './facts.ts';
import { challengeOf, handshakesOf, hostOf, tokenOf, type Handshake } from './handshakes.ts';
import { brokenText, happened } from './happened.ts';
import { negotiatedOf, refusedOf } from './negotiated.ts';
import { RESPONSE_RULES } from './response-rules.ts';

/** `accepted`; `rejected` by the other end; `refused` at this end; `unfinished` where no verdict is known; `not-asked` where nobody asked for authentication. */
export type Outcome = 'accepted' | 'rejected' | 'refused' | 'unfinished' | 'not-asked';

export interface Explanation {
  readonly outcome: Outcome;
  /** What happened and the likeliest cause, in one sentence. */
  readonly sentence: string;
  /** Why, most likely first; none where nothing failed. */
  readonly causes: readonly Cause[];
  /** What was agreed, a sentence each. */
  readonly negotiated: readonly string[];
  /** What was asked for and not granted, or refused here. */
  readonly refused: readonly string[];
}

export interface ExplainOptions {
  /** Whether a TLS channel lay below; leave it out where that is not known. */
  readonly tls?: boolean | undefined;
  /** Verifies the response with these, where its tokens are whole. */
  readonly credentials?: Credentials | undefined;
  /** `lm` of `ntlmachine/legacy` verifies weak responses too; default: NTLMv2 alone is verified. */
  readonly policy?: Policy | undefined;
  /** Of `verifyTokens`, where the credentials are at hand. */
  readonly verdicts?: readonly Verdict[] | undefined;
}

/** What happened and why, from a conversation, a trace or the messages of one handshake. */
export function explain(input: Conversation | Trace | ExchangeTokens, options: ExplainOptions = {}): Explanation {
  const conversation = 'connections' in input ? input : 'entries' in input ? conversationOfTrace(input) : conversationOfTokens(input);
  const found = chosen(conversation);
  if (found === undefined) return withoutHandshake(conversation);
  const verdicts = options.verdicts ?? (options.credentials === undefined ? [] : verdictsOn(found.handshake, options.credentials, options.policy));
  const facts = factsOf(conversation, found.handshake, found.end, { ...found, tls: options.tls, verdicts });
  if (conversation.blind.includes('legs-hidden') && found.end.kind === 'not-answered') return legsHidden(conversation, facts);
  const causes = causesOf(facts);
  return {
    outcome: outcomeOf(facts),
    sentence: sentenceOf(facts, causes),
    causes,
    negotiated: negotiatedOf(facts),
    refused: refusedOf(facts),
  };
}

/** None where a token is missing, cut or masked: what is unknown is never wrong. */
function verdictsOn({ side, opening, answer }: Handshake, credentials: Credentials, policy: Policy | undefined): readonly Verdict[] {
  const [negotiate, challenge, authenticate] = [tokenOf(opening, side), challengeOf(opening, side), tokenOf(answer, side)].map((token) => {
    if (token?.state !== 'whole' || token.base64 === '') return undefined;
    const bytes = tokenBytes(token);
    const { ntlm } = decodeToken(bytes);
    return ntlm && bytes.subarray(ntlm.offset, ntlm.offset + ntlm.length);
  });
  return challenge === undefined || authenticate === undefined ? [] : verifyTokens({ negotiate, challenge, authenticate, credentials, policy });
}

interface Chosen {
  readonly handshake: Handshake;
  readonly end: End;
  readonly attempts: number;
  readonly strayChallenge: Handshake | undefined;
}

/** The handshake that is worth explaining: the last failure that no later success has made good, else the last success. */
function chosen(conversation: Conversation): Chosen | undefined {
  const ended = handshakesOf(conversation).flatMap((handshake) => {
    const end = endOf(handshake);
    return end === undefined ? [] : [{ handshake, end }];
  });
  const sameAs = (a: Ended, b: Ended): boolean =>
    a.handshake.side === b.handshake.side && hostOf(a.end.exchange) === hostOf(b.end.exchange);
  const target = ({ end }: Ended): string => end.exchange.request?.target ?? '';
  const standing = ended.filter(
    (one) => !ended.some((later) => later !== one && !isFailure(later.end) && later.end.kind !== 'open' && sameAs(one, later) && later.end.exchange.index > one.end.exchange.index && target(later) === target(one)),
  );
  const failures = standing.filter(({ end }) => isFailure(end));
  const weight = ({ end }: Ended): number => (end.after === 'type 3' ? 2 : end.after === 'type 1' ? 1 : 0);
  const heaviest = Math.max(...failures.map(weight));
  const one = failures.findLast((each) => weight(each) === heaviest) ?? standing.at(-1) ?? ended.at(-1);
  if (one === undefined) return undefined;
  const { handshake, end } = headOfChain(one, ended);
  const { id } = handshake.connection;
  const strayChallenge = id === undefined ? undefined : ended.findLast(
    (other) => other.end.kind === 'unanswered' && other.handshake.side === handshake.side && other.handshake.connection.id !== undefined && other.handshake.connection !== handshake.connection && other.end.exchange.index < end.exchange.index,
  )?.handshake;
  return { handshake, end, attempts: ended.filter((other) => sameAs(one, other) && other.end.kind === one.end.kind).length, strayChallenge };
}

interface Ended {
  readonly handshake: Handshake;
  readonly end: End;
}

/** A client that answers one new challenge after the other: the first of them tells most. */
function headOfChain(one: Ended, ended: readonly Ended[]): Ended {
  if (one.end.kind !== 'challenged-again') return one;
  const byAnswer = new Map(ended.map((each) => [each.handshake.answer, each]));
  let head = one;
  for (let before = byAnswer.get(head.handshake.opening); before !== undefined && before !== head; before = byAnswer.get(head.handshake.opening)) head = before;
  return head;
}

/** What is certain leaves no room for what is likely. */
function causesOf(facts: Facts): readonly Cause[] {
  const { end } = facts;
  if (!isFailure(end) && end.kind !== 'open') return [];
  const judged = JUDGED.has(end.kind) || (end.kind === 'open' && end.after === 'type 3');
  const found = [...END_RULES, ...(judged ? RESPONSE_RULES : [])].map((rule) => rule(facts)).filter((cause) => cause !== undefined);
  const first = found.findIndex(({ likelihood }) => likelihood === 'certain');
  const settled = first >= 0 ? found.filter(({ likelihood }) => likelihood === 'certain') : found;
  return settled.toSorted((a, b) => LIKELIHOODS.indexOf(a.likelihood) - LIKELIHOODS.indexOf(b.likelihood));
}

const OUTCOMES: Partial<Record<EndKind, Outcome>> = {
  accepted: 'accepted',
  'other-mechanism-accepted': 'accepted',
  'not-needed': 'accepted',
  rejected: 'rejected',
  'challenged-again': 'rejected',
  forbidden: 'rejected',
  'bad-request': 'rejected',
  'other-mechanism-refused': 'rejected',
  'no-challenge': 'rejected',
  'not-answered': 'rejected',
  'challenge-unreadable': 'refused',
};

function outcomeOf({ end, refusal, source }: Facts): Outcome {
  if (refusal !== undefined && end.kind !== 'rejected') return 'refused';
  if (source === 'tokens' && end.kind === 'unanswered') return 'unfinished';
  return OUTCOMES[end.kind] ?? 'unfinished';
}

/** The second likeliest is named too where the first is not certain: what a server answers alike is told apart by nobody here. */
function sentenceOf(facts: Facts, causes: readonly Cause[]): string {
  const what = happened(facts);
  const [first, second] = causes;
  if (first === undefined) return finish(isFailure(facts.end) ? `${what}; why is not to be seen here` : what);
  const open = facts.end.kind === 'open';
  const alternative = first.likelihood === 'certain' || second === undefined || second.likelihood === 'unseen' || !(open || JUDGED.has(facts.end.kind)) ? '' : `, or ${second.summary}`;
  const link = open ? `; if it was refused, ${first.likelihood === 'certain' ? '' : 'most likely '}` : first.likelihood === 'certain' ? ': ' : ': most likely ';
  return finish(`${what}${link}${first.summary}${alternative}`);
}

function finish(text: string): string {
  const safe = harmless(text);
  return `${safe.charAt(0).toUpperCase()}${safe.slice(1)}.`;
}

function plain(outcome: Outcome, sentence: string, causes: readonly Cause[] = []): Explanation {
  return { outcome, sentence: finish(sentence), causes, negotiated: [], refused: [] };
}

function withoutHandshake(conversation: Conversation): Explanation {
  const exchanges = exchangesOf(conversation);
  const broken = exchanges.findLast(({ response, broken: how }) => response === undefined && how !== undefined);
  const last = exchanges.findLast(({ response }) => response !== undefined);
  const end = conversation.connections.findLast((connection) => connection.end !== undefined)?.end;
  const refusal = conversation.connections.findLast((connection) => connection.refusal !== undefined)?.refusal;
  if (refusal !== undefined) {
    return plain('refused', `this end went no further: ${refusal.message}`, [{ id: 'refused-here', likelihood: 'certain', summary: refusal.message, evidence: `this end recorded ${refusal.code}`, advice: 'mend what the reason names' }]);
  }
  if (broken !== undefined && (last === undefined || last.index < broken.index)) return unreachable(broken.broken);
  if (last?.response !== undefined) return notAsked(conversation, last);
  if (end !== undefined) return unreachable(end);
  if (conversation.blind.includes('status-unknown')) return plain('not-asked', 'nobody asked for authentication in this trace');
  return plain('unfinished', 'a request was sent, and its answer is not in here');
}

function unreachable(how: Parameters<typeof brokenText>[0]): Explanation {
  const text = brokenText(how);
  return plain('unfinished', `${text} before anybody asked for authentication`, [
    { id: 'unreachable', likelihood: 'certain', summary: text, evidence: 'no request was answered', advice: 'this is of the network, of TLS or of the server, not of NTLM' },
  ]);
}

function notAsked({ blind }: Conversation, { request, response }: Exchange): Explanation {
  const { status } = response!;
  const location = fieldOf(response, 'location');
  if (blind.includes('legs-hidden')) {
    return plain('not-asked', `it ended with ${status}; this HAR has one entry for each request, as Chromium writes it, and shows neither the legs of a handshake nor its tokens, so whether NTLM was used is not to be seen`);
  }
  if (status >= 300 && status < 400 && location !== undefined) return plain('not-asked', `the server did not ask for NTLM: it answered ${status} and sends the client on to ${quoted(location)}, as a page to log in on does`);
  if (status >= 400) return plain('not-asked', `the server answered ${status} and did not ask for authentication: this is not about NTLM`);
  return plain('not-asked', `no authentication took place: ${request?.method === 'CONNECT' ? 'the proxy' : 'the server'} answered ${status} without asking`);
}

/** A browser that shows its last answer alone: it may have tried, and nothing of that is in the file. */
function legsHidden(conversation: Conversation, facts: Facts): Explanation {
  const { status = 0, challenges = [] } = facts.end.exchange.response ?? {};
  const offered = [...new Set(challenges.map(({ scheme }) => scheme))].join(', ');
  const advice = 'record with `curl -v --ntlm`, with `ntlmachine request --trace FILE`, or export chrome://net-export with raw bytes';
  const hidden = 'this HAR has one entry for each request, as Chromium writes it, without the legs of the handshake and without tokens';
  if (!/ntlm|negotiate/i.test(offered)) return { ...explain({ ...conversation, blind: [] }), outcome: 'rejected' };
  return {
    ...plain('rejected', `it ended with ${status} and ${offered} is offered: most likely the password is wrong or none was given, but ${hidden}`, [
      { id: 'wrong-password', likelihood: 'unseen', summary: 'the password is wrong, or none was given', evidence: hidden, advice },
      { id: 'account-unusable', likelihood: 'unseen', summary: 'the account is locked, disabled or expired, or may not log on here', evidence: hidden, advice },
    ]),
  };
}

