/** Conversations without a handshake that could be seen: nobody asked, nobody answered, or the tool hides it. */
import { HTTP2_CANNOT } from '../../http/wire/http2.ts';
import { exchangesOf, fieldOf, type Conversation, type Exchange } from '../conversation/conversation.ts';
import { harmless, quoted } from '../decode/text.ts';
import type { Cause } from './cause.ts';
import type { Explanation, Outcome } from './explanation.ts';
import { saidByUs, type Facts } from './facts.ts';
import { http2Only } from './connection-rules.ts';
import { brokenText } from './happened.ts';

/** One sentence, safe for a terminal. */
export function finish(text: string): string {
  const safe = harmless(text);
  return `${safe.charAt(0).toUpperCase()}${safe.slice(1)}.`;
}

function plain(outcome: Outcome, sentence: string, causes: readonly Cause[] = []): Explanation {
  return { outcome, sentence: finish(sentence), causes, negotiated: [], refused: [] };
}

export function withoutHandshake(conversation: Conversation): Explanation {
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
  if (exchanges.length === 0 && conversation.source !== 'trace') return plain('not-asked', 'there is no request and no answer in here: begin to record before the request is made');
  if (conversation.blind.includes('status-unknown')) return plain('not-asked', 'nobody asked for authentication in this trace');
  return plain('unfinished', 'a request was sent, and its answer is not in here');
}

function unreachable(how: Parameters<typeof brokenText>[0]): Explanation {
  const text = brokenText(how);
  if (how === 'h2-only') return plain('unfinished', `${text}: ${HTTP2_CANNOT}`, [http2Only('HTTP/1.1 was answered in HTTP/2')]);
  return plain('unfinished', `${text} before anybody asked for authentication`, [
    { id: 'unreachable', likelihood: 'certain', summary: text, evidence: 'no request was answered', advice: 'this is of the network, of TLS or of the server, not of NTLM' },
  ]);
}

function notAsked({ blind }: Conversation, { request, response }: Exchange): Explanation {
  const { status } = response!;
  const who = request?.method === 'CONNECT' ? 'the proxy' : 'the server';
  const location = fieldOf(response, 'location');
  if (blind.includes('legs-hidden')) {
    return plain('not-asked', `it ended with ${status}; this has the last answer of each request alone, as a HAR of Chromium and the error of an app have it, and shows neither the legs of a handshake nor its tokens, so whether NTLM was used is not to be seen`);
  }
  if (status >= 300 && status < 400 && location !== undefined) return plain('not-asked', `${who} did not ask for NTLM: it answered ${status} and sends the client on to ${quoted(location)}, as a page to log in on does`);
  if (status >= 400) return plain('not-asked', `${who} answered ${status} and did not ask for authentication: this is not about NTLM`);
  return plain('not-asked', `no authentication took place: ${who} answered ${status} without asking`);
}

/** A browser that shows its last answer alone: it may have tried, and nothing of that is in the file. */
export function legsHidden({ end }: Facts): Explanation {
  const { status = 0, challenges = [] } = end.exchange.response ?? {};
  const own = saidByUs(end.exchange);
  if (own !== undefined) return plain(own.code === 'credentials-refused' ? 'rejected' : 'refused', `it ended with ${status}: ${own.message}`, [{ id: 'refused-here', likelihood: 'certain', summary: own.message, evidence: `ntlmachine wrote ${own.code} into the answer`, advice: 'mend what the reason names' }]);
  const offered = [...new Set(challenges.map(({ scheme }) => scheme))].join(', ');
  const advice = 'record with `ntlmachine request --trace FILE`, with `curl -v --ntlm` (where `curl -V` names NTLM), with chrome://net-export and its "Include cookies and credentials", or export a HAR from Firefox';
  const hidden = 'this has the last answer of each request alone, as a HAR of Chromium and the error of an app have it, without the legs of the handshake and without tokens';
  return plain('rejected', `it ended with ${status} and ${offered} is offered: most likely the password is wrong or none was given, but ${hidden}`, [
    { id: 'wrong-password', likelihood: 'unseen', summary: 'the password is wrong, or none was given', evidence: hidden, advice },
    { id: 'account-unusable', likelihood: 'unseen', summary: 'the account is locked, disabled or expired, or may not log on here', evidence: hidden, advice },
  ]);
}
