/** Causes that lie on the way: the connection, what stands between, who answered. */
import { upperCase } from '../../crypto/text.ts';
import { closesConnection } from '../../http/authentication/sentences.ts';
import { HTTP2_CANNOT } from '../../http/wire/http2.ts';
import { fieldOf, type ConversationResponse, type Exchange } from '../conversation/conversation.ts';
import { quoted } from '../decode/text.ts';
import type { Cause, Rule } from './cause.ts';
import type { Facts } from './facts.ts';
import { certain, it, likely, possible } from './words.ts';

/** `Connection: close`, HTTP/1.0, or a close seen: what the handshake needs is gone. */
function notKept(exchange: Exchange | undefined, end: Facts['end']): string | undefined {
  const response = exchange?.response;
  if (response === undefined) return undefined;
  const connection = `${fieldOf(response, 'connection') ?? ''} ${fieldOf(response, 'proxy-connection') ?? ''}`;
  if (/\bclose\b/i.test(connection)) return 'the answer says Connection: close';
  if (response.version === '1.0' && !/\bkeep-alive\b/i.test(connection)) return 'the answer is of HTTP/1.0 without keep-alive';
  return exchange === end.exchange && end.how === 'closed' ? 'the connection ended behind it' : exchange === end.exchange && end.how === 'reset' ? 'the connection was reset behind it' : undefined;
}

export const connectionNotKept: Rule = (facts) => {
  const { end, handshake } = facts;
  const at = end.kind === 'unanswered' || end.kind === 'no-challenge' || end.kind === 'challenge-other' ? end.exchange : end.kind === 'lost' && end.after === 'type 1' ? handshake.offer : undefined;
  const evidence = notKept(at, end);
  if (evidence === undefined) return undefined;
  return (end.kind === 'unanswered' ? certain : likely)({
    id: 'connection-not-kept',
    summary: closesConnection(it(facts)),
    evidence,
    advice: 'switch keep-alive on at the server and at every proxy and load balancer between',
  });
};

export const otherServer: Rule = (facts) => {
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
  const accepted = facts.acceptedBefore;
  if (end.kind === 'rejected' && accepted !== undefined && accepted.request?.target === end.exchange.request?.target) {
    return likely({
      id: 'other-server',
      summary: 'another server than the one that issued the challenge got the response, and looks like it, as behind a load balancer',
      evidence: 'the same account was accepted before, for the same page',
      advice,
    });
  }
  const via = fieldOf(after, 'via') ?? fieldOf(before, 'via');
  if (end.kind === 'challenged-again' || (end.kind === 'bad-request' && end.exchange.response?.status !== TOO_MANY && !isTooLong(end.exchange.response))) {
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
  const fields = ['server', 'via'].flatMap((name) => {
    const [a, b] = [fieldOf(before, name), fieldOf(after, name)];
    return a === undefined || b === undefined || a === b ? [] : [`${name === 'via' ? 'Via' : 'Server'} was ${quoted(a)} with the challenge and is ${quoted(b)} now`];
  });
  const back = secondsBack(before, after);
  return back > 0 ? [...fields, `the answer is dated ${back} ${back === 1 ? 'second' : 'seconds'} before the challenge: no clock goes back`] : fields;
}

/** Two servers have two clocks. */
function secondsBack(before: ConversationResponse, after: ConversationResponse): number {
  const [from, to] = [before, after].map((response) => Date.parse(fieldOf(response, 'date') ?? ''));
  return Number.isNaN(from) || Number.isNaN(to) ? 0 : Math.round((from! - to!) / 1000);
}

const IDLE_SECONDS = 2;

function idleBefore(exchange: Exchange, before: Exchange | undefined): number | undefined {
  const [from, to] = [before?.response?.time, exchange.request?.time];
  return from === undefined || to === undefined ? undefined : Math.round((to - from) / 1000);
}

export const lost: Rule = (facts) => {
  const { end, handshake } = facts;
  if (end.kind !== 'lost') return undefined;
  if (end.how === 'timed-out') {
    return possible(
      end.after === 'type 3'
        ? { id: 'slow-server', summary: `${it(facts)} waits for its domain controller, or something on the way holds the request back`, evidence: 'type 3 went out and no answer came in time', advice: "look whether the server reaches its domain controller, and at its log" }
        : { id: 'slow-server', summary: `${it(facts)} or something on the way holds the request back`, evidence: `${end.after} went out and no answer came in time`, advice: 'try the request without credentials, and look at what stands between' },
    );
  }
  if (end.how === 'h2-required') return http2Cause('the server ended the stream with HTTP_1_1_REQUIRED');
  if (end.how === 'h2-only') return http2Only(`${it(facts)} answered HTTP/1.1 in HTTP/2`);
  if (end.how === 'aborted') return likely({ id: 'not-attempted', summary: 'the request was taken back at this end', evidence: 'the request was aborted', advice: 'look at who cancels it, and after how long' });
  const earlier = handshake.connection.exchanges.filter(({ index }) => index < end.exchange.index);
  const idle = idleBefore(end.exchange, earlier.at(-1));
  const fresh = earlier.at(-1) === handshake.offer && handshake.offer !== undefined;
  if (end.after === 'type 1' && fresh && (idle === undefined || idle < IDLE_SECONDS)) {
    return likely({
      id: 'connection-not-kept',
      summary: closesConnection(`${it(facts)}, or what stands between,`),
      evidence: `the connection was ${end.how ?? 'closed'} behind the answer that asked for authentication`,
      advice: 'switch keep-alive on at the server and at every proxy and load balancer between',
    });
  }
  if (end.after === 'type 1' && earlier.length > 0) {
    return likely({
      id: 'stale-connection',
      summary: 'the connection had been kept from an earlier request, and the other end had given it up',
      evidence: `${earlier.length} earlier ${earlier.length === 1 ? 'request' : 'requests'} on this connection${idle === undefined ? '' : `, ${idle} ${idle === 1 ? 'second' : 'seconds'} before`}`,
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

const http2Cause = (evidence: string): Cause =>
  certain({ id: 'http2', summary: HTTP2_CANNOT, evidence, advice: 'use HTTP/1.1: `curl --http1.1`, or take h2 out of ALPN' });

/** The other way about: nothing that a client does helps. */
export const http2Only = (evidence: string): Cause =>
  certain({ id: 'http2', summary: HTTP2_CANNOT, evidence, advice: 'have HTTP/1.1 switched on at the server, or at what stands before it' });

export const http2: Rule = ({ end }) => {
  const version = end.exchange.response?.version ?? '';
  return /^[23]/.test(version) && end.kind !== 'accepted' && (end.kind !== 'rejected' || end.after === 'type 3') ? http2Cause(`the answer is of HTTP/${version}`) : undefined;
};

function isTooLong(response: ConversationResponse | undefined): boolean {
  return response !== undefined && (response.says === 'head-too-long' || [413, 414, 431].includes(response.status));
}

/** RFC 6585 4. */
const TOO_MANY = 429;

export const badRequest: Rule = ({ end }) => {
  if (end.kind !== 'bad-request') return undefined;
  const { status = 0 } = end.exchange.response ?? {};
  if (status === TOO_MANY) {
    const wait = fieldOf(end.exchange.response, 'retry-after');
    return likely({ id: 'bad-request', summary: 'too many attempts were refused before, and no more are looked at for a while', evidence: `the answer is 429${wait === undefined ? '' : `, Retry-After: ${wait}`}`, advice: 'wait as long as it says, and check the password before it is tried again: what was refused before counts' });
  }
  if (!isTooLong(end.exchange.response)) return undefined;
  return likely({ id: 'bad-request', summary: 'the head of the request is too long for whoever answered', evidence: `the answer is ${status}`, advice: 'raise the limit on heads at the server and at what stands between (a token has some hundred bytes, with Kerberos some thousand)' });
};

export const gatewayFailed: Rule = ({ end }) =>
  end.kind === 'gateway-failed'
    ? likely({ id: 'connection-lost', summary: 'what stands before the server could not get an answer from it', evidence: `the answer is ${end.exchange.response?.status ?? 0}`, advice: 'look at the log of the gateway; NTLM through one needs a connection of its own for each client' })
    : undefined;

export const forbidden: Rule = (facts) => {
  const { end, handshake } = facts;
  if (end.kind !== 'forbidden') return undefined;
  if (end.after === 'the ticket') return likely({ id: 'not-permitted', summary: 'the account is authenticated and has no right to see this page', evidence: 'a 403 to a ticket is about rights: a ticket that is not taken gets a 401', advice: 'give the account the right; neither the ticket nor Kerberos is at fault' });
  if (end.after !== 'type 3') {
    return likely({ id: 'not-permitted', summary: 'something before the server, or its own filter, lets the request not through', evidence: 'the 403 came before there was a user', advice: 'look at rules on addresses, methods and fields' });
  }
  const changed = differences(handshake.opening?.response, end.exchange.response);
  if (changed.length > 0) return likely({ id: 'other-server', summary: 'another server than the one that issued the challenge answered', evidence: changed.join(', '), advice: 'bind a client connection to one server' });
  return likely({ id: 'not-permitted', summary: 'the account is authenticated and has no right to see this page', evidence: 'a 403 to type 3 is about rights: wrong credentials get a 401', advice: 'give the account the right; neither the password nor NTLM is at fault' });
};
