/** Causes that lie outside the response: the connection, what is offered, what stands between. */
import { NegotiateFlags as F, hasFlag } from '../../messages/flags.ts';
import { upperCase } from '../../crypto/text.ts';
import { fieldOf, type ConversationResponse, type Exchange } from '../conversation/conversation.ts';
import { quoted } from '../decode/text.ts';
import type { Cause, Rule } from './cause.ts';
import type { EndKind } from './ending.ts';
import type { Facts } from './facts.ts';

const certain = (cause: Omit<Cause, 'likelihood'>): Cause => ({ ...cause, likelihood: 'certain' });
const likely = (cause: Omit<Cause, 'likelihood'>): Cause => ({ ...cause, likelihood: 'likely' });
const possible = (cause: Omit<Cause, 'likelihood'>): Cause => ({ ...cause, likelihood: 'possible' });

const it = ({ side }: Facts): string => (side === 'proxy' ? 'the proxy' : 'the server');

/** Schemes named at this side, without regard to case. */
function offersOf({ side, end, handshake }: Facts): readonly string[] {
  const named = (exchange: Exchange | undefined): string[] => (exchange?.response?.challenges ?? []).filter((use) => use.side === side).map(({ scheme }) => scheme);
  const own = named(end.exchange);
  return own.length > 0 || end.exchange.response?.unauthorized === true ? own : named(handshake.offer);
}

const offers = (facts: Facts, scheme: RegExp): boolean => offersOf(facts).some((each) => scheme.test(each));

/** A recorded reason comes before whatever could be guessed. */
const refusedHere: Rule = ({ refusal, end, challenge }) => {
  if (refusal === undefined || end.kind === 'not-answered' || refusal.code === 'connection-closed') return undefined;
  const onlyV1 = refusal.code === 'downgrade-refused' && challenge !== undefined && !hasFlag(challenge.negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY) && (challenge.targetInfo?.length ?? 0) === 0;
  return certain({
    id: onlyV1 ? 'ntlmv1-only' : 'refused-here',
    summary: onlyV1 ? `the server speaks NTLMv1 only (${refusal.message})` : refusal.message,
    evidence: `this end recorded ${refusal.code}`,
    advice: refusal.code === 'downgrade-refused' || refusal.code === 'target-refused' ? 'mend the server, or choose a weaker policy knowingly' : 'mend what the reason names',
  });
};

const noTargetInformation: Rule = ({ challenge, end }) => {
  if (end.kind !== 'unanswered' || challenge === undefined || (challenge.targetInfo?.length ?? 0) > 0) return undefined;
  const extended = hasFlag(challenge.negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY);
  return likely({
    id: extended ? 'no-target-information' : 'ntlmv1-only',
    summary: extended
      ? 'the challenge has no target information, without which there is no NTLMv2 response under the policy "ntlmv2"'
      : 'the server speaks NTLMv1 only: its challenge grants no extended session security and has no target information',
    evidence: `TargetInfo is ${challenge.targetInfo === undefined ? 'absent' : 'empty'}${extended ? '' : ', NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY is not granted'}`,
    advice: 'mend the server; the policy "ntlmv2-compatible" answers a challenge without target information, weaker ones only with DES',
  });
};

const noExtendedSecurity: Rule = ({ challenge, end }) => {
  if (end.kind !== 'unanswered' || challenge === undefined || (challenge.targetInfo?.length ?? 0) === 0) return undefined;
  if (hasFlag(challenge.negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return undefined;
  return likely({
    id: 'ntlmv1-only',
    summary: 'the challenge grants no extended session security, which a client that insists on NTLMv2 refuses',
    evidence: 'NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY is not granted',
    advice: 'mend the server, or choose a weaker policy knowingly',
  });
};

const malformedChallenge: Rule = ({ challengeToken, authenticateToken, source }) => {
  if (challengeToken === undefined) return undefined;
  const { state, problem } = challengeToken;
  if (state === 'unreadable') {
    return certain({ id: 'unreadable', summary: 'what stands behind the scheme is no base64', evidence: `${challengeToken.length} characters that base64 does not know`, advice: 'look at the server, and at what rewrites its fields on the way' });
  }
  if (state === 'cut' && authenticateToken === undefined) {
    return { id: 'cut', likelihood: 'unseen', summary: 'the challenge was cut where it was saved, and what it said is unknown', evidence: 'the text says so itself, or ends in the midst of a character of base64', advice: 'save it whole: `curl -v`, or `ntlmachine request --trace FILE`' };
  }
  if (state === 'whole' && challengeToken.mechanism === 'unknown') {
    return certain({ id: 'malformed', summary: 'the token of the server is neither NTLM nor SPNEGO', evidence: `${challengeToken.length} bytes that begin as neither`, advice: 'look at the server, and at what rewrites its fields on the way' });
  }
  if (state !== 'malformed' || authenticateToken !== undefined) return undefined;
  const maybeCut = source === 'tokens' || source === 'heads';
  return {
    id: 'malformed',
    likelihood: maybeCut ? 'likely' : 'certain',
    summary: `the challenge does not follow its format${maybeCut ? ', or was cut where it was copied' : ''}`,
    evidence: problem ?? 'it breaks off',
    advice: 'look at it with `ntlmachine decode`',
  };
};

/** `Connection: close`, HTTP/1.0, or a close seen: what the handshake needs is gone. */
function notKept(exchange: Exchange | undefined, end: Facts['end']): string | undefined {
  const response = exchange?.response;
  if (response === undefined) return undefined;
  const connection = `${fieldOf(response, 'connection') ?? ''} ${fieldOf(response, 'proxy-connection') ?? ''}`;
  if (/\bclose\b/i.test(connection)) return 'the answer says Connection: close';
  if (response.version === '1.0' && !/\bkeep-alive\b/i.test(connection)) return 'the answer is of HTTP/1.0 without keep-alive';
  return exchange === end.exchange && end.how === 'closed' ? 'the connection ended behind it' : exchange === end.exchange && end.how === 'reset' ? 'the connection was reset behind it' : undefined;
}

const connectionNotKept: Rule = (facts) => {
  const { end, handshake } = facts;
  const at = end.kind === 'unanswered' || end.kind === 'no-challenge' || end.kind === 'challenge-other' ? end.exchange : end.kind === 'lost' && end.after === 'type 1' ? handshake.offer : undefined;
  const evidence = notKept(at, end);
  if (evidence === undefined) return undefined;
  return (end.kind === 'unanswered' ? certain : likely)({
    id: 'connection-not-kept',
    summary: `${it(facts)} closes the connection behind its answer, and NTLM needs one connection from type 1 to type 3`,
    evidence,
    advice: 'switch keep-alive on at the server and at every proxy and load balancer between',
  });
};

const otherServer: Rule = (facts) => {
  const { end, target, secondTarget, handshake } = facts;
  if (end.after !== 'type 3') return undefined;
  const first = target.dnsComputerName ?? target.nbComputerName;
  const second = secondTarget?.dnsComputerName ?? secondTarget?.nbComputerName;
  const advice = 'bind a client connection to one server at the load balancer (for NTLM a session cookie is not enough)';
  if (first !== undefined && second !== undefined && upperCase(first) !== upperCase(second)) {
    return certain({
      id: 'other-server',
      summary: `a load balancer sent type 3 to another server than the one that issued the challenge: ${quoted(first)} issued it, ${quoted(second)} answered`,
      evidence: `the first challenge is of ${quoted(first)}, the new one of ${quoted(second)}`,
      advice,
    });
  }
  const before = handshake.opening?.response;
  const after = end.exchange.response;
  const changed = differences(before, after);
  if (changed.length > 0 && end.kind !== 'accepted') {
    return likely({ id: 'other-server', summary: 'type 3 was answered by another server than the one that issued the challenge, as behind a load balancer', evidence: changed.join(', '), advice });
  }
  const via = fieldOf(after, 'via') ?? fieldOf(before, 'via');
  if (end.kind === 'challenged-again' || (end.kind === 'bad-request' && end.exchange.response?.says !== 'head-too-long')) {
    return likely({
      id: 'other-server',
      summary:
        end.kind === 'challenged-again'
          ? 'whoever answered knows nothing of the first one, as where a load balancer or proxy deals requests out to several connections or servers'
          : 'whoever answered knows nothing of the handshake, as another server behind a load balancer does, or something on the way has changed the request',
      evidence: `${via === undefined ? 'a server that remembers its challenge answers 200 or a bare 401' : `the answer came by way of ${quoted(via)}`}`,
      advice,
    });
  }
  return undefined;
};

function differences(before: ConversationResponse | undefined, after: ConversationResponse | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  return ['server', 'via', 'x-powered-by'].flatMap((name) => {
    const [a, b] = [fieldOf(before, name), fieldOf(after, name)];
    return name === 'x-powered-by' || a === undefined || b === undefined || a === b ? [] : [`${name === 'via' ? 'Via' : 'Server'} was ${quoted(a)} with the challenge and is ${quoted(b)} now`];
  });
}

const lost: Rule = (facts) => {
  const { end, handshake } = facts;
  if (end.kind !== 'lost') return undefined;
  if (end.how === 'timed-out') {
    return possible(
      end.after === 'type 3'
        ? { id: 'slow-server', summary: `${it(facts)} waits for its domain controller, or something on the way holds the request back`, evidence: 'type 3 went out and no answer came in time', advice: "look whether the server reaches its domain controller, and at its log" }
        : { id: 'slow-server', summary: `${it(facts)} or something on the way holds the request back`, evidence: 'type 1 went out and no answer came in time', advice: 'try the request without credentials, and look at what stands between' },
    );
  }
  if (end.how === 'h2-required') return http2Cause('the server ended the stream with HTTP_1_1_REQUIRED');
  if (end.how === 'aborted') return likely({ id: 'not-attempted', summary: 'the request was taken back at this end', evidence: 'the request was aborted', advice: 'look at who cancels it, and after how long' });
  const earlier = handshake.connection.exchanges.filter(({ index }) => index < end.exchange.index);
  const idle = idleBefore(end.exchange, earlier.at(-1));
  const fresh = earlier.at(-1) === handshake.offer && handshake.offer !== undefined;
  if (end.after === 'type 1' && fresh && (idle === undefined || idle < IDLE_SECONDS)) {
    return likely({
      id: 'connection-not-kept',
      summary: `${it(facts)}, or what stands between, closes the connection behind its answer, and NTLM needs one connection from type 1 to type 3`,
      evidence: `the connection was ${end.how ?? 'closed'} behind the answer that asked for authentication`,
      advice: 'switch keep-alive on at the server and at every proxy and load balancer between',
    });
  }
  if (end.after === 'type 1' && earlier.length > 0) {
    return likely({
      id: 'stale-connection',
      summary: 'the connection had been kept from an earlier request, and the other end had given it up',
      evidence: `${earlier.length} earlier ${earlier.length === 1 ? 'request' : 'requests'} on this connection${idle === undefined ? '' : `, ${idle} seconds before`}`,
      advice: 'try again on a new connection; keep connections for less time than the server and what stands between do',
    });
  }
  return likely({
    id: 'connection-lost',
    summary:
      end.after === 'type 3'
        ? `${it(facts)}, or something between such as a load balancer or firewall, gave the connection up instead of answering: type 3 was lost`
        : `${it(facts)}, or something between such as a proxy or firewall, gave the connection up instead of answering`,
    evidence: `the connection was ${end.how ?? 'closed'} and no answer to ${end.after} came`,
    advice: "look at the logs of the server and of what stands between at that time; a type 3 is worth nothing on another connection, so begin anew",
  });
};

const IDLE_SECONDS = 2;

function idleBefore(exchange: Exchange, before: Exchange | undefined): number | undefined {
  const [from, to] = [before?.response?.time, exchange.request?.time];
  return from === undefined || to === undefined ? undefined : Math.round((to - from) / 1000);
}

const http2Cause = (evidence: string): Cause =>
  certain({ id: 'http2', summary: 'HTTP/2 cannot carry NTLM, which authenticates a connection', evidence, advice: 'use HTTP/1.1: `curl --http1.1`, or take h2 out of ALPN' });

const http2: Rule = ({ end }) => {
  const version = end.exchange.response?.version ?? '';
  return /^[23]/.test(version) && end.kind !== 'accepted' && (end.kind !== 'rejected' || end.after === 'type 3') ? http2Cause(`the answer is of HTTP/${version}`) : undefined;
};

/** NTLM is not among what is offered. */
const notOffered: Rule = (facts) => {
  const { end, side } = facts;
  if (end.kind !== 'not-answered' && end.kind !== 'no-challenge' && end.kind !== 'rejected') return undefined;
  const schemes = [...new Set(offersOf(facts))];
  const status = end.exchange.response?.status ?? 0;
  if (status === 0 || schemes.some((scheme) => /^(?:ntlm|negotiate)$/i.test(scheme))) return undefined;
  if (end.kind === 'rejected' && schemes.length === 0) return undefined;
  if (schemes.length === 0) {
    const field = side === 'proxy' ? 'Proxy-Authenticate' : 'WWW-Authenticate';
    return certain({
      id: 'scheme-stripped',
      summary: `the ${status} names no scheme, so ${it(facts)} does not say how, or something on the way has taken ${field} out`,
      evidence: `there is no ${field} in the answer`,
      advice: `look for what stands between and rewrites fields; without ${field} no client can answer`,
    });
  }
  return certain({
    id: 'not-offered',
    summary: `${it(facts)} does not offer NTLM, but ${listed(schemes)} only`,
    evidence: `the ${status} names ${listed(schemes)}`,
    advice: `use one of these schemes, or have NTLM (Windows Authentication) switched on`,
  });
};

const listed = (names: readonly string[]): string => (names.length < 2 ? (names[0] ?? 'nothing') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`);

const kerberosOnly: Rule = (facts) => {
  const { end, handshake, challengeToken, side } = facts;
  const opened = (handshake.opening ?? handshake.answer)?.request?.credentials.find((use) => use.side === side && use.token !== undefined);
  const negotiate = /^negotiate$/i.test(opened?.scheme ?? '');
  const beside = offers(facts, /^ntlm$/i);
  const advice = beside ? 'use the scheme NTLM, which is offered beside it' : 'get a Kerberos ticket, or have NTLM allowed there';
  if (end.kind === 'no-challenge' && negotiate) {
    return likely({ id: 'kerberos-only', summary: `Negotiate takes Kerberos only there, and no NTLM${beside ? '' : ', which is not offered by itself either'}`, evidence: 'an NTLM token under Negotiate was answered by Negotiate without a token', advice });
  }
  if (end.kind === 'challenge-other') {
    return likely({ id: 'kerberos-only', summary: 'it refuses NTLM as a mechanism, or chooses another, such as Kerberos', evidence: `the token of the answer holds no NTLM message (${challengeToken?.length ?? 0} bytes)`, advice });
  }
  return undefined;
};

const noChallenge: Rule = (facts) => {
  const { end, handshake, blind, source } = facts;
  if (end.kind !== 'no-challenge' || !offers(facts, /^(?:ntlm|negotiate)$/i)) {
    if (end.kind !== 'no-challenge' || !blind.has('status-unknown')) return undefined;
    const use = handshake.opening?.request?.credentials.find(({ token }) => token !== undefined);
    return /^negotiate$/i.test(use?.scheme ?? '')
      ? undefined
      : likely({ id: 'unreadable', summary: `${it(facts)} asked again without a challenge, or its challenge could not be read (no base64)`, evidence: `the ${source === 'trace' ? 'trace of the machines' : 'input'} holds no token of the answer`, advice: 'record the HTTP as well: `ntlmachine request --trace FILE`, or `curl -v`' });
  }
  return undefined;
};

const shortNegotiate: Rule = (facts) => {
  const { end, negotiate, negotiateToken, blind } = facts;
  const length = negotiateToken?.length ?? 0;
  const unanswered = end.kind === 'no-challenge' ? !blind.has('status-unknown') : end.kind === 'open' && end.after === 'type 1';
  if (unanswered && negotiate !== undefined && length < 40) {
    return possible({ id: 'short-negotiate', summary: `type 1 has no Version field, and ${it(facts)} takes none of fewer than 40 bytes`, evidence: `type 1 has ${length} bytes; gss-ntlmssp refuses fewer than 40, Windows does not`, advice: 'send the Version field; this library always does' });
  }
  return undefined;
};

const ntlmOff: Rule = (facts) => {
  const { end, handshake, side } = facts;
  const use = handshake.opening?.request?.credentials.find((each) => each.side === side && each.token !== undefined);
  if (end.kind !== 'no-challenge' || !/^ntlm$/i.test(use?.scheme ?? '') || !offers(facts, /^ntlm$/i)) return undefined;
  const via = fieldOf(end.exchange.response, 'via');
  return likely({
    id: 'ntlm-off',
    summary: `${it(facts)} names NTLM and does not carry it out: it is switched off or blocked there, or type 1 did not reach it`,
    evidence: `NTLM is offered again, without a token${via === undefined ? '' : `, by way of ${quoted(via)}`}`,
    advice: 'look at the policy "Restrict NTLM" and at the providers of Windows Authentication, and at what stands between and drops Authorization',
  });
};

const badRequest: Rule = ({ end }) => {
  if (end.kind !== 'bad-request') return undefined;
  const { status = 0, says } = end.exchange.response ?? {};
  if (says !== 'head-too-long' && status !== 431 && status !== 413 && status !== 414) return undefined;
  return likely({ id: 'bad-request', summary: 'the head of the request is too long for whoever answered', evidence: `the answer is ${status}`, advice: 'raise the limit on heads at the server and at what stands between (a token has some hundred bytes, with Kerberos some thousand)' });
};

const gatewayFailed: Rule = ({ end }) =>
  end.kind === 'gateway-failed'
    ? likely({ id: 'connection-lost', summary: 'what stands before the server could not get an answer from it', evidence: `the answer is ${end.exchange.response?.status ?? 0}`, advice: 'look at the log of the gateway; NTLM through one needs a connection of its own for each client' })
    : undefined;

const forbidden: Rule = (facts) => {
  const { end, handshake } = facts;
  if (end.kind !== 'forbidden') return undefined;
  if (end.after !== 'type 3') {
    return likely({ id: 'not-permitted', summary: 'something before the server, or its own filter, lets the request not through', evidence: 'the 403 came before there was a user', advice: 'look at rules on addresses, methods and fields' });
  }
  const changed = differences(handshake.opening?.response, end.exchange.response);
  if (changed.length > 0) return likely({ id: 'other-server', summary: 'another server than the one that issued the challenge answered', evidence: changed.join(', '), advice: 'bind a client connection to one server' });
  return likely({ id: 'not-permitted', summary: 'the account is authenticated and has no right to see this page', evidence: 'a 403 to type 3 is about rights: wrong credentials get a 401', advice: 'give the account the right; neither the password nor NTLM is at fault' });
};

const kerberosRefused: Rule = ({ end }) =>
  end.kind === 'other-mechanism-refused'
    ? likely({ id: 'kerberos-only', summary: 'the client used Kerberos and its ticket was not taken: its service name, its time or its key is not that of the server', evidence: 'the token under Negotiate is not NTLM', advice: 'look at the service principal and the clocks; for NTLM the client must be told to leave Kerberos out' })
    : undefined;

const notAnswered: Rule = (facts) => {
  const { end, refusal, handshake, blind } = facts;
  if (end.kind !== 'not-answered') return undefined;
  if (refusal !== undefined && refusal.code !== 'ntlm-not-offered') {
    return certain({ id: 'refused-here', summary: refusal.message, evidence: `this end recorded ${refusal.code}`, advice: refusal.code === 'credentials-missing' ? 'give credentials for this origin' : 'mend what the reason names' });
  }
  if (handshake.askedAgain === true) {
    return likely({ id: 'connection-not-kept', summary: 'the connection had been authenticated, and the server or what stands between has forgotten it', evidence: 'a request on a connection that was accepted is asked again', advice: 'authenticate again; look for what deals requests of one connection out to several' });
  }
  if (blind.has('status-unknown')) {
    return likely({ id: 'not-offered', summary: `${it(facts)} offers no NTLM that this end could use, or names no scheme at all`, evidence: 'the machine went from the 401 or 407 to refused, without a handshake', advice: 'look at WWW-Authenticate or Proxy-Authenticate of the answer' });
  }
  const basic = end.exchange.request?.credentials.find((use) => use.side === facts.side);
  if (basic !== undefined) return likely({ id: 'not-attempted', summary: `the client used ${quoted(basic.scheme)} and not NTLM`, evidence: `the request carries ${basic.scheme} credentials`, advice: 'tell the client to use NTLM (`curl --ntlm`)' });
  if (offers(facts, /^negotiate$/i) && !offers(facts, /^ntlm$/i)) {
    return likely({ id: 'kerberos-only', summary: 'Negotiate is offered alone: the client had no Kerberos ticket, and the server may take Kerberos only', evidence: `${it(facts)} offers ${listed([...new Set(offersOf(facts))])}, and the client sent no token`, advice: 'get a ticket (`kinit`), or try NTLM within Negotiate, which this library does' });
  }
  return likely({ id: 'not-attempted', summary: 'the client had no credentials for it, or was not told to use NTLM', evidence: `${it(facts)} offers ${listed([...new Set(offersOf(facts))])}`, advice: 'give the client credentials for this origin' });
};

/** By what happened; where the response itself was judged, the rules of the response come behind. */
export const END_RULES: readonly Rule[] = [
  refusedHere,
  http2,
  notOffered,
  malformedChallenge,
  noTargetInformation,
  noExtendedSecurity,
  connectionNotKept,
  kerberosOnly,
  otherServer,
  badRequest,
  lost,
  gatewayFailed,
  forbidden,
  kerberosRefused,
  ntlmOff,
  noChallenge,
  shortNegotiate,
  notAnswered,
];

/** Ends in which the response was judged. */
export const JUDGED: ReadonlySet<EndKind> = new Set(['rejected', 'challenged-again']);
