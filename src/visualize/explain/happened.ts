/** What happened, in the words of the first sentence: a main clause without its full stop. */
import { quoted } from '../decode/text.ts';
import type { Ending } from '../conversation/conversation.ts';
import type { Facts } from './facts.ts';
import { tokenOf } from './handshakes.ts';

const BROKEN: Record<Ending, string> = {
  closed: 'the connection was closed',
  reset: 'the connection was reset',
  'timed-out': 'no answer came in time',
  refused: 'the connection was refused',
  unresolved: 'the name of the host could not be resolved',
  'tls-failed': 'TLS could not be agreed on',
  'h2-required': 'the server demanded HTTP/1.1 and ended the stream',
  'h2-only': 'the other end spoke HTTP/2',
  aborted: 'the client gave up',
};

export function brokenText(how: Ending | undefined): string {
  return how === undefined ? 'no answer is recorded' : BROKEN[how];
}

/** `CASTLE\alice`, for people. */
export function whoOf({ authenticate }: Facts): string | undefined {
  if (authenticate === undefined || authenticate.userName === '') return undefined;
  const { domainName, userName } = authenticate;
  return quoted(domainName === '' ? userName : `${domainName}\\${userName}`).replaceAll('\\\\', '\\');
}

/** `a Kerberos ticket for "HTTP/keep.castle.example" of the realm "CASTLE.EXAMPLE"`. */
function ticketOf({ ticket, handshake, end, side }: Facts): string {
  const { mechanism } = tokenOf(end.exchange, side) ?? tokenOf(handshake.opening, side) ?? {};
  if (mechanism === 'negoex') return 'a token of NEGOEX';
  if (ticket === undefined) return 'a token of Kerberos';
  const { message, realm, service, iakerb } = ticket;
  const about = `${service === undefined ? '' : ` for ${quoted(service)}`}${realm === undefined ? '' : ` of the realm ${quoted(realm)}`}`;
  if (iakerb) return `a request to the KDC by way of the server (IAKERB, ${message})${about}`;
  return `${message === 'AP-REQ' ? 'a Kerberos ticket' : `a token of Kerberos (${message})`}${about}`;
}

/** Behind Negotiate anything may stand. */
function isUnknown({ handshake, side }: Facts): boolean {
  const use = handshake.opening?.request?.credentials.find((each) => each.side === side && each.token !== undefined);
  return use?.token?.mechanism === 'unknown' && use.scheme.toLowerCase() === 'negotiate';
}

export function happened(facts: Facts): string {
  const { side, end, refusal } = facts;
  const { status, unauthorized } = end.exchange.response ?? { status: 0, unauthorized: false };
  const it = side === 'proxy' ? 'the proxy' : 'the server';
  const code = status === 0 ? (unauthorized ? (side === 'proxy' ? '407' : '401') : '') : String(status);
  const who = whoOf(facts);
  const response = facts.response === 'anonymous' ? 'a response without a user' : `${facts.authenticateToken?.state === 'malformed' || facts.authenticateToken?.base64 === '' ? 'the response' : 'a well-formed response'}${who === undefined ? '' : ` of ${who}`}`;
  switch (end.kind) {
    case 'accepted':
      if (code === '') return `${it} accepted ${who ?? 'the response'}; what it answered is not recorded here: a 403 would be about the rights of the account, not about NTLM`;
      return `${it} accepted ${who ?? 'the response'} and answered ${code}`;
    case 'rejected':
      return `${it} refused ${response} (${code === '' ? '' : `${code} `}after type 3)`;
    case 'challenged-again':
      return `${it} answered type 3 by another challenge`;
    case 'forbidden':
      if (end.after === 'the ticket') return `${it} accepted ${ticketOf(facts)} and answered 403`;
      return end.after === 'type 3' ? `${it} accepted ${who ?? 'the response'} and answered 403` : `${it} answered 403 to type 1`;
    case 'bad-request':
      return `${it} answered ${code} to ${end.after}`;
    case 'gateway-failed':
      return `a gateway answered ${code} to ${end.after}`;
    case 'lost':
      return `${brokenText(end.how)} ${end.how === 'timed-out' ? `to ${end.after}` : `before ${end.after} was answered`}`;
    case 'no-challenge':
      return `${it} answered ${isUnknown(facts) ? 'the first token' : 'type 1'} by a ${code} without a challenge`;
    case 'challenge-unreadable':
      return `the challenge of ${it} cannot be read`;
    case 'challenge-other':
      return `${it} answered type 1 by SPNEGO without an NTLM challenge`;
    case 'unanswered':
      return refusal === undefined ? `no type 3 followed the challenge of ${it}` : `this end refused to answer the challenge of ${it}`;
    case 'not-needed':
      if (isUnknown(facts)) return `${it} accepted a first token of Negotiate, which NTLM does not come to an end by, and answered ${code}`;
      return `${it} answered ${code === '' ? 'the request' : code} without asking for more than type 1`;
    case 'not-answered':
      if (status === 0) return 'the server or a proxy asked for authentication (401 or 407) and no handshake began';
      return `${it} asked for authentication (${code}) and nothing was sent`;
    case 'other-mechanism-refused':
      return `${it} refused ${ticketOf(facts)} (${code})`;
    case 'other-mechanism-accepted':
      return `${it} accepted ${ticketOf(facts)}, not NTLM, and answered ${code}`;
    case 'open':
      if (end.after === 'the ticket') return `${ticketOf(facts)} was sent, and its answer is not in here`;
      return end.after === 'type 3' ? `type 3${who === undefined ? '' : ` of ${who}`} was sent, and its answer is not in here` : 'type 1 was sent, and its answer is not in here';
  }
}
