/** A conversation in plain words: HTTP first, then tokens, then what this end recorded. */
import type { Conversation } from '../conversation/conversation.ts';
import { conversationOfTrace } from '../conversation/steps.ts';
import { conversationOfTokens, type ExchangeTokens } from '../conversation/tokens.ts';
import { decodeToken } from '../decode/decode.ts';
import { verifyTokens, type Verdict } from '../decode/verify.ts';
import { tokenBytes } from '../trace/mask.ts';
import type { Credentials } from '../../crypto/credentials.ts';
import type { Policy } from '../../machine/policy.ts';
import type { Trace } from '../trace/trace.ts';
import { LIKELIHOODS, type Cause } from './cause.ts';
import { chosen } from './choose.ts';
import { END_RULES, JUDGED } from './end-rules.ts';
import { isFailure, type EndKind } from './ending.ts';
import { factsOf, type Facts } from './facts.ts';
import type { Explanation, Outcome } from './explanation.ts';
import { challengeOf, tokenOf, type Handshake } from './handshakes.ts';
import { happened } from './happened.ts';
import { negotiatedOf, refusedOf } from './negotiated.ts';
import { finish, legsHidden, withoutHandshake } from './no-handshake.ts';
import { RESPONSE_RULES } from './response-rules.ts';
import { offersNtlm } from './words.ts';

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
  if (conversation.blind.includes('legs-hidden') && found.end.kind === 'not-answered' && offersNtlm(facts)) return legsHidden(facts);
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
  const hidden = facts.source === 'net-export' && facts.blind.has('tokens-hidden') && first.likelihood !== 'certain';
  return finish(`${what}${link}${first.summary}${alternative}${hidden ? `; ${TOKENS_LEFT_OUT}` : ''}`);
}

const TOKENS_LEFT_OUT = 'the tokens were left out of this net-export, and more is to be seen where it is recorded with "Include cookies and credentials" (`--net-log-capture-mode=IncludeSensitive`)';
