/** Causes that lie in what is offered and asked: schemes, mechanisms, the challenge, and what this end made of it. */
import { NegotiateFlags as F, hasFlag } from '../../messages/flags.ts';
import { fieldOf, type Exchange, type Side } from '../conversation/conversation.ts';
import { quoted } from '../decode/text.ts';
import type { NtlmErrorCode } from '../../errors.ts';
import type { CauseId, Rule } from './cause.ts';
import { doesNotCarryOut, doesNotOffer, listed, takesKerberosOnly } from '../../http/authentication/sentences.ts';
import type { Facts } from './facts.ts';
import { certain, it, likely, offers, offersNtlm, offersOf, possible } from './words.ts';

/** A recorded reason comes before whatever could be guessed. */
export const refusedHere: Rule = ({ refusal, end, challenge, blind }) => {
  if (refusal === undefined || end.kind === 'not-answered' || refusal.code === 'connection-closed') return undefined;
  // where the answer itself is here, it tells more
  if (end.kind !== 'unanswered' && refusal.code === 'malformed-token' && !blind.has('status-unknown')) return undefined;
  const onlyV1 = refusal.code === 'downgrade-refused' && challenge !== undefined && !hasFlag(challenge.negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY) && (challenge.targetInfo?.length ?? 0) === 0;
  const isOfPolicy = challenge !== undefined && (refusal.code === 'downgrade-refused' || refusal.code === 'target-refused'); // NTLM forbidden beside Kerberos sees none
  return certain({
    id: onlyV1 ? 'ntlmv1-only' : refusalId(refusal.code),
    summary: onlyV1 ? `the server speaks NTLMv1 only (${refusal.message})` : refusal.message,
    evidence: `this end recorded ${refusal.code}`,
    advice: isOfPolicy ? 'mend the server, or choose a weaker policy knowingly' : 'mend what the reason names',
  });
};

/** What is of Kerberos is a cause by itself. */
export function refusalId(code: NtlmErrorCode): CauseId {
  switch (code) {
    case 'no-ticket':
    case 'unknown-service':
    case 'ticket-expired':
    case 'clock-skew':
    case 'realm-unreachable':
    case 'ticket-refused':
      return code;
    default:
      return 'refused-here';
  }
}

export const noTargetInformation: Rule = ({ challenge, end }) => {
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

export const noExtendedSecurity: Rule = ({ challenge, end }) => {
  if (end.kind !== 'unanswered' || challenge === undefined || (challenge.targetInfo?.length ?? 0) === 0) return undefined;
  if (hasFlag(challenge.negotiateFlags, F.NEGOTIATE_EXTENDED_SESSIONSECURITY)) return undefined;
  return likely({
    id: 'ntlmv1-only',
    summary: 'the challenge grants no extended session security, which a client that insists on NTLMv2 refuses',
    evidence: 'NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY is not granted',
    advice: 'mend the server, or choose a weaker policy knowingly',
  });
};

export const malformedChallenge: Rule = ({ challengeToken, authenticateToken, source }) => {
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

/** NTLM is not among what is offered. */
export const notOffered: Rule = (facts) => {
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
    summary: doesNotOffer(it(facts), schemes),
    evidence: `the ${status} names ${listed(schemes)}`,
    advice: `use one of these schemes, or have NTLM (Windows Authentication) switched on`,
  });
};

export const kerberosOnly: Rule = (facts) => {
  const { end, handshake, challengeToken, side } = facts;
  const opened = (handshake.opening ?? handshake.answer)?.request?.credentials.find((use) => use.side === side && use.token !== undefined);
  const negotiate = /^negotiate$/i.test(opened?.scheme ?? '');
  const beside = offers(facts, /^ntlm$/i);
  const advice = beside ? 'use the scheme NTLM, which is offered beside it' : 'get a Kerberos ticket, or have NTLM allowed there';
  if (end.kind === 'no-challenge' && negotiate) {
    return likely({ id: 'kerberos-only', summary: takesKerberosOnly(beside), evidence: 'an NTLM token under Negotiate was answered by Negotiate without a token', advice });
  }
  if (end.kind === 'challenge-other') {
    return likely({ id: 'kerberos-only', summary: 'it refuses NTLM as a mechanism, or chooses another, such as Kerberos', evidence: `the token of the answer holds no NTLM message (${challengeToken?.length ?? 0} bytes)`, advice });
  }
  return undefined;
};

export const noChallenge: Rule = (facts) => {
  const { end, handshake, blind, source } = facts;
  if (end.kind !== 'no-challenge' || !offersNtlm(facts)) {
    if (end.kind !== 'no-challenge' || !blind.has('status-unknown')) return undefined;
    const use = handshake.opening?.request?.credentials.find(({ token }) => token !== undefined);
    return /^negotiate$/i.test(use?.scheme ?? '')
      ? undefined
      : likely({ id: 'unreadable', summary: `${it(facts)} asked again without a challenge, or its challenge could not be read (no base64)`, evidence: `the ${source === 'trace' ? 'trace of the machines' : 'input'} holds no token of the answer`, advice: 'record the HTTP as well: `ntlmachine request --trace FILE`, or `curl -v`' });
  }
  return undefined;
};

const usesNtlm = (exchange: Exchange | undefined, own: Side): boolean => (exchange?.request?.credentials ?? []).some(({ side, scheme }) => side === own && scheme === 'NTLM');

export const shortNegotiate: Rule = (facts) => {
  const { end, negotiate, negotiateToken, blind, source, handshake } = facts;
  const length = negotiateToken?.length ?? 0;
  const unanswered = end.kind === 'no-challenge' ? !blind.has('status-unknown') : end.kind === 'open' && end.after === 'type 1';
  // of what a net-export leaves out it tells the length
  const isRead = negotiate !== undefined || (source === 'net-export' && negotiateToken !== undefined && usesNtlm(handshake.opening, facts.side));
  if (!unanswered || !isRead || length >= LEAST_OF_GSS) return undefined;
  return (isOfGss(facts) ? likely : possible)({ id: 'short-negotiate', summary: `type 1 has no Version field, and ${it(facts)} takes none of fewer than ${LEAST_OF_GSS} bytes`, evidence: `type 1 has ${negotiate === undefined ? 'at most ' : ''}${length} bytes; gss-ntlmssp refuses fewer than ${LEAST_OF_GSS}, Windows does not`, advice: 'send the Version field; this library always does, and curl and Chromium only on Windows' });
};

/** Bytes that gss-ntlmssp reads of a type 1. */
const LEAST_OF_GSS = 40;

/** Apache has its NTLM of it; Windows says so in its `Server`. */
const isOfGss = ({ end }: Facts): boolean => /\bApache\b|gssapi/i.test(fieldOf(end.exchange.response, 'server') ?? '');

export const ntlmOff: Rule = (facts) => {
  const { end, handshake, side, negotiateToken } = facts;
  const use = handshake.opening?.request?.credentials.find((each) => each.side === side && each.token !== undefined);
  if (end.kind !== 'no-challenge' || !/^ntlm$/i.test(use?.scheme ?? '') || !offers(facts, /^ntlm$/i)) return undefined;
  const via = fieldOf(end.exchange.response, 'via');
  const isShort = isOfGss(facts) && (negotiateToken?.length ?? LEAST_OF_GSS) < LEAST_OF_GSS;
  return (isShort ? possible : likely)({
    id: 'ntlm-off',
    summary: doesNotCarryOut(it(facts)),
    evidence: `NTLM is offered again, without a token${via === undefined ? '' : `, by way of ${quoted(via)}`}`,
    advice: 'look at the policy "Restrict NTLM" and at the providers of Windows Authentication, and at what stands between and drops Authorization',
  });
};

export const notAnswered: Rule = (facts) => {
  const { end, refusal, handshake, blind } = facts;
  if (end.kind !== 'not-answered') return undefined;
  if (refusal !== undefined && refusal.code !== 'ntlm-not-offered') {
    return certain({ id: refusalId(refusal.code), summary: refusal.message, evidence: `this end recorded ${refusal.code}`, advice: refusal.code === 'credentials-missing' ? 'give credentials for this origin' : 'mend what the reason names' });
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
    return likely({ id: 'no-ticket', summary: 'Negotiate is offered alone: the client had no Kerberos ticket, and the server may take Kerberos only', evidence: `${it(facts)} offers ${listed([...new Set(offersOf(facts))])}, and the client sent no token`, advice: 'look with `klist` and get a ticket (`kinit`), or try NTLM within Negotiate, which this library does' });
  }
  return likely({ id: 'not-attempted', summary: 'the client had no credentials for it, or was not told to use NTLM', evidence: `${it(facts)} offers ${listed([...new Set(offersOf(facts))])}`, advice: 'give the client credentials for this origin' });
};
