import { AvFlags, describeTargetInfo } from '../../messages/av-pairs.ts';
import { dateFromFiletime } from '../../messages/filetime.ts';
import { NegotiateFlags as F, hasFlag } from '../../messages/flags.ts';
import { upperCase } from '../../crypto/text.ts';
import type { Verdict } from '../decode/verify.ts';
import { quoted } from '../decode/text.ts';
import type { Exchange } from './exchange.ts';

/** Most likely first. */
export const LIKELIHOODS = ['certain', 'likely', 'possible', 'last resort'] as const;
export type Likelihood = (typeof LIKELIHOODS)[number];

/** One reason for which a server answers 401, or for which no answer went out. */
export interface Cause {
  readonly id:
    | 'refused-here'
    | 'malformed'
    | 'mic-mismatch'
    | 'anonymous'
    | 'weak-response'
    | 'clock-skew'
    | 'mic-absent'
    | 'channel-bindings-absent'
    | 'spn-mismatch'
    | 'domain-mismatch'
    | 'charset'
    | 'short-negotiate'
    | 'wrong-password';
  readonly likelihood: Likelihood;
  readonly summary: string;
  /** What in the messages says so. */
  readonly evidence: string;
  readonly advice: string;
}

type Rule = (exchange: Exchange, verdicts: readonly Verdict[]) => Cause | undefined;

/** Windows takes a response's time within 36 hours, Samba and older ones within 30 minutes (MS-NLMP 3.1.1.1, note on MaxLifetime). */
const MOST_SKEW_SECONDS = 30 * 60;

const refusedHere: Rule = ({ error, outcome }) =>
  error !== undefined && outcome === 'refused'
    ? {
        id: 'refused-here',
        likelihood: 'certain',
        summary: error.side === 'peer' ? 'this end refused what the server sent' : 'this end could not go on',
        evidence: `${error.code}: ${error.message}`,
        advice: error.code === 'downgrade-refused' ? 'mend the server, or choose a weaker policy knowingly' : 'mend what the message names',
      }
    : undefined;

const malformed: Rule = ({ malformed: [first] }) =>
  first === undefined
    ? undefined
    : { id: 'malformed', likelihood: 'certain', summary: 'a message does not follow its format', evidence: first, advice: 'look at it with `ntlmachine decode`' };

const micMismatch: Rule = (_, verdicts) => {
  const mic = verdicts.find(({ part, outcome }) => part === 'MIC' && outcome === 'wrong');
  return mic && {
    id: 'mic-mismatch',
    likelihood: 'certain',
    summary: 'the MIC does not match the messages',
    evidence: mic.reason,
    advice: 'look for a proxy that changes or re-encodes tokens, or a NEGOTIATE that belongs to another handshake',
  };
};

const anonymous: Rule = ({ response }) =>
  response === 'anonymous'
    ? {
        id: 'anonymous',
        likelihood: 'likely',
        summary: 'the anonymous user was asked for',
        evidence: 'UserName and the NT response are empty',
        advice: 'give credentials; few servers take the anonymous user',
      }
    : undefined;

const weakResponse: Rule = ({ response }) =>
  response === undefined || response === 'ntlmv2' || response === 'anonymous'
    ? undefined
    : {
        id: 'weak-response',
        likelihood: 'likely',
        summary: 'the response is weaker than NTLMv2',
        evidence: `the response is of kind ${response}; domain controllers at LmCompatibilityLevel 5 take NTLMv2 only`,
        advice: 'use the policy "ntlmv2"',
      };

const clockSkew: Rule = ({ ntlmV2, target, time }) => {
  const answered = ntlmV2?.timestamp;
  if (answered !== undefined && target.timestamp !== undefined) {
    const seconds = Number((answered - target.timestamp) / 10_000_000n);
    if (Math.abs(seconds) > 1) {
      return skew(seconds, 'likely', `the response is dated ${iso(answered)}, the challenge ${iso(target.timestamp)}`);
    }
  }
  const theirs = target.timestamp ?? answered;
  if (theirs === undefined || time === undefined) return undefined;
  const seconds = Math.round((time - dateFromFiletime(theirs).getTime()) / 1000);
  if (Math.abs(seconds) <= MOST_SKEW_SECONDS) return undefined;
  return skew(seconds, 'possible', `the challenge is dated ${iso(theirs)}, this end's clock said ${new Date(time).toISOString()}`);
};

function skew(seconds: number, likelihood: Likelihood, evidence: string): Cause {
  const way = seconds > 0 ? 'ahead of' : 'behind';
  return {
    id: 'clock-skew',
    likelihood,
    summary: `this end's clock is ${Math.abs(seconds)} seconds ${way} the server's`,
    evidence,
    advice: 'set both clocks; a response out of its time is refused whatever the password',
  };
}

const iso = (ticks: bigint): string => {
  const date = dateFromFiletime(ticks);
  return Number.isNaN(date.getTime()) ? `${ticks} ticks` : date.toISOString();
};

const micAbsent: Rule = ({ authenticate, ntlmV2, target }) => {
  if (authenticate === undefined || ntlmV2 === undefined || target.timestamp === undefined) return undefined;
  const announced = hasFlag(describeTargetInfo(ntlmV2.avPairs).flags ?? 0, AvFlags.MIC_PROVIDED);
  if (announced && authenticate.mic !== undefined) return undefined;
  return {
    id: 'mic-absent',
    likelihood: 'likely',
    summary: 'the server wants a MIC and got none',
    evidence: `the challenge has a timestamp, ${announced ? 'the message has no room for the MIC it announces' : 'MsvAvFlags announces no MIC'}`,
    advice: 'send a MIC (MS-NLMP 3.1.5.1.2); this library always does',
  };
};

const channelBindingsAbsent: Rule = ({ tls, ntlmV2 }) => {
  if (tls === false || ntlmV2 === undefined) return undefined;
  const { channelBindings } = describeTargetInfo(ntlmV2.avPairs);
  if (channelBindings?.some((byte) => byte !== 0)) return undefined;
  return {
    id: 'channel-bindings-absent',
    likelihood: tls === true ? 'likely' : 'possible',
    summary: 'the server may demand channel bindings (Extended Protection)',
    evidence: `MsvAvChannelBindings is ${channelBindings === undefined ? 'absent' : 'all zero'}${tls === true ? ' over TLS' : '; it counts over TLS only'}`,
    advice: 'give the hash of the TLS channel as "channelBindings"',
  };
};

const spnMismatch: Rule = ({ ntlmV2, target }) => {
  const spn = ntlmV2 && describeTargetInfo(ntlmV2.avPairs).targetName;
  const host = spn?.split('/')[1]?.split(':')[0];
  if (host === undefined || host === '') return undefined;
  const names = [target.dnsComputerName, target.nbComputerName].filter((name) => name !== undefined);
  if (names.length === 0 || names.some((name) => upperCase(name) === upperCase(host))) return undefined;
  return {
    id: 'spn-mismatch',
    likelihood: 'possible',
    summary: 'the service name is for another host than the one that answered',
    evidence: `MsvAvTargetName is ${quoted(spn ?? '')}, the server calls itself ${names.map(quoted).join(' and ')}`,
    advice: 'check the URL and the aliases for which the server has a service principal',
  };
};

const domainMismatch: Rule = ({ authenticate, target, challenge }) => {
  if (authenticate === undefined || authenticate.userName === '' || authenticate.userName.includes('@')) return undefined;
  const { domainName } = authenticate;
  const known = [target.nbDomainName, target.dnsDomainName, target.nbComputerName, challenge?.targetName].filter(
    (name) => name !== undefined && name !== '',
  ) as string[];
  if (known.length === 0 || known.some((name) => upperCase(name) === upperCase(domainName))) return undefined;
  const named = domainName === '' ? 'no domain is named' : `the user is of ${quoted(domainName)}`;
  return {
    id: 'domain-mismatch',
    likelihood: 'possible',
    summary: domainName === '' ? 'the account is named without its domain' : 'the account is of another domain than the server',
    evidence: `${named}, the server is of ${[...new Set(known)].map(quoted).join(', ')}`,
    advice: 'give the account as DOMAIN\\user, with the domain that holds it',
  };
};

const charset: Rule = ({ authenticate }) => {
  if (authenticate === undefined || hasFlag(authenticate.negotiateFlags, F.NEGOTIATE_UNICODE)) return undefined;
  if (!/[^\x00-\x7f]/.test(authenticate.userName + authenticate.domainName)) return undefined;
  return {
    id: 'charset',
    likelihood: 'likely',
    summary: 'a name beyond ASCII went out in an OEM character set',
    evidence: `UNICODE was not negotiated and the user is ${quoted(authenticate.userName)}`,
    advice: 'negotiate UNICODE',
  };
};

const shortNegotiate: Rule = ({ negotiate, negotiateLength, challenge }) =>
  negotiate !== undefined && challenge === undefined && negotiateLength < 40
    ? {
        id: 'short-negotiate',
        likelihood: 'likely',
        summary: 'the NEGOTIATE has no Version field',
        evidence: `it has ${negotiateLength} bytes; some acceptors refuse fewer than 40`,
        advice: 'send the Version field; this library always does',
      }
    : undefined;

const wrongPassword: Rule = ({ authenticate, response, outcome }, verdicts) => {
  if (authenticate === undefined || response === 'anonymous' || outcome === 'accepted') return undefined;
  const nt = verdicts.find(({ part }) => part === 'NT response');
  if (nt?.outcome === 'right') return undefined;
  return {
    id: 'wrong-password',
    likelihood: nt?.outcome === 'wrong' ? 'certain' : 'last resort',
    summary: nt?.outcome === 'wrong' ? 'the response was not made with these credentials' : 'the password is wrong, or the account may not log on',
    evidence: nt?.outcome === 'wrong' ? nt.reason : 'the messages cannot show it: nothing else may be wrong with them',
    advice: 'check the password, and whether the account is locked, expired or kept from logging on over the network',
  };
};

/** In the order in which they count among equals. */
const RULES: readonly Rule[] = [
  refusedHere,
  malformed,
  micMismatch,
  anonymous,
  weakResponse,
  charset,
  shortNegotiate,
  clockSkew,
  micAbsent,
  channelBindingsAbsent,
  spnMismatch,
  domainMismatch,
  wrongPassword,
];

/** What may have led to a 401, most likely first. */
export function causesOf(exchange: Exchange, verdicts: readonly Verdict[] = []): readonly Cause[] {
  if (exchange.outcome === 'accepted') return [];
  const causes = RULES.map((rule) => rule(exchange, verdicts)).filter((cause) => cause !== undefined);
  const final = causes.some(({ id }) => id === 'refused-here') ? causes.filter(({ id }) => id === 'refused-here' || id === 'malformed') : causes;
  return final.toSorted((a, b) => LIKELIHOODS.indexOf(a.likelihood) - LIKELIHOODS.indexOf(b.likelihood));
}
