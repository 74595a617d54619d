/** Why a server refuses a response: what the messages, the clocks and the connection can tell of it. */
import { AvFlags, describeTargetInfo } from '../../messages/av-pairs.ts';
import { NegotiateFlags as F, hasFlag } from '../../messages/flags.ts';
import { upperCase } from '../../crypto/text.ts';
import { skewOf } from '../../http/authentication/clocks.ts';
import { foreignTo } from '../../http/authentication/domains.ts';
import { ACCOUNT_UNUSABLE, WRONG_PASSWORD } from '../../http/authentication/sentences.ts';
import type { ServerWord } from '../conversation/conversation.ts';
import { quoted } from '../decode/text.ts';
import type { Cause, Rule } from './cause.ts';
import { clocksOf, type Facts } from './facts.ts';

const verdictOf = ({ verdicts }: Facts, part: 'NT response' | 'MIC') => verdicts.find((verdict) => verdict.part === part)?.outcome;

const wrongForCertain: Rule = (facts) => {
  const verdict = facts.verdicts.find(({ part, outcome }) => part === 'NT response' && outcome === 'wrong');
  return verdict && {
    id: 'wrong-password',
    likelihood: 'certain',
    summary: 'it was not made with the credentials given here',
    evidence: verdict.reason,
    advice: 'compare the user, the domain and the password with those the client had',
  };
};

const micMismatch: Rule = ({ verdicts }) => {
  const mic = verdicts.find(({ part, outcome }) => part === 'MIC' && outcome === 'wrong');
  return mic && {
    id: 'mic-mismatch',
    likelihood: 'certain',
    summary: 'the MIC does not match the messages',
    evidence: mic.reason,
    advice: 'look for a proxy that changes or re-encodes tokens, or a NEGOTIATE that belongs to another handshake',
  };
};

const SAID: Partial<Record<ServerWord, Omit<Cause, 'likelihood' | 'evidence'>>> = {
  'account-locked': { id: 'account-unusable', summary: 'the account is locked', advice: 'have it unlocked, and look for what keeps sending an old password' },
  'account-disabled': { id: 'account-unusable', summary: 'the account is disabled', advice: 'have it enabled, or use another' },
  'account-expired': { id: 'account-unusable', summary: 'the account has expired', advice: 'have it prolonged, or use another' },
  'password-expired': { id: 'account-unusable', summary: 'the password has expired or must be changed', advice: 'change it; NTLM itself offers no way to' },
  'logon-restricted': { id: 'account-unusable', summary: 'the account may not log on here, now or in this way', advice: 'look at its logon hours, workstations and rights (log on over the network)' },
  'not-permitted': { id: 'not-permitted', summary: 'the account is logged on and may not see this page (401.3, its access control list)', advice: 'give the account the right to read it; the password is right' },
  'clock-skew': { id: 'clock-skew', summary: 'the clocks are too far apart', advice: 'set both clocks' },
  'channel-bindings': { id: 'channel-bindings-absent', summary: 'the server demands channel bindings (Extended Protection)', advice: 'let the client send the hash of the certificate it sees' },
  'ntlm-blocked': { id: 'ntlm-off', summary: 'NTLM is blocked there', advice: 'ask for an exception in the policy "Restrict NTLM", or use Kerberos' },
};

const saidByServer: Rule = ({ end }) => {
  const word = end.exchange.response?.says;
  const said = word && SAID[word];
  return said && { ...said, likelihood: 'certain', evidence: 'the page of the answer says so' };
};

const malformedAnswer: Rule = ({ authenticateToken, source, end }) => {
  if (authenticateToken === undefined || authenticateToken.state === 'whole' || authenticateToken.state === 'masked') return undefined;
  const { state, problem } = authenticateToken;
  if (state === 'cut') return undefined;
  const maybeCut = source === 'tokens' || source === 'heads' || end.kind === 'open'; // the recording ends there
  return {
    id: state === 'unreadable' ? 'unreadable' : 'malformed',
    likelihood: maybeCut ? 'possible' : 'certain',
    summary: state === 'unreadable' ? 'type 3 is no base64' : `type 3 does not follow its format${maybeCut ? ', or was cut where it was copied' : ''}`,
    evidence: problem ?? 'what stands behind the scheme cannot be decoded',
    advice: 'look at it with `ntlmachine decode`, and for what has changed it on its way',
  };
};

const otherConnection: Rule = ({ strayChallenge, handshake, ntlmV2 }) => {
  if (strayChallenge === undefined || handshake.opening !== undefined) return undefined;
  const from = strayChallenge.connection.id ?? '';
  return {
    id: 'other-connection',
    likelihood: 'certain',
    summary: 'type 3 went out on another connection than its challenge came on, and NTLM holds for one connection',
    evidence: `the challenge came on connection ${quoted(from)}, type 3 went out on ${quoted(handshake.connection.id ?? '')}${ntlmV2 === undefined ? '' : ', with the names of that challenge in it'}`,
    advice: 'keep one connection from type 1 to type 3: keep-alive in the client, and no pool between that deals requests out',
  };
};

const anonymous: Rule = ({ response, authenticate }) =>
  response === 'anonymous'
    ? {
        id: 'anonymous',
        likelihood: 'likely',
        summary: 'the client gave no user name and so asked for the anonymous user',
        evidence: `UserName is empty${authenticate!.ntChallengeResponse.length === 0 ? ', and so is the NT response' : ''}`,
        advice: 'give a user and a password; few servers take the anonymous user',
      }
    : undefined;

const guest: Rule = ({ authenticate }) =>
  authenticate !== undefined && /^guest$/i.test(authenticate.userName)
    ? { id: 'guest', likelihood: 'likely', summary: 'the account is Guest, which is disabled on most systems', evidence: `UserName is ${quoted(authenticate.userName)}`, advice: 'use an account of your own' }
    : undefined;

const weakResponse: Rule = ({ response }) =>
  response === undefined || response === 'ntlmv2' || response === 'anonymous'
    ? undefined
    : {
        id: 'weak-response',
        likelihood: 'likely',
        summary: 'the response is weaker than NTLMv2, and refused for that, as many domains do',
        evidence: `the response is of kind ${response}; Samba takes NTLMv2 only by default, Windows by LmCompatibilityLevel 5`,
        advice: 'let the client answer with NTLMv2',
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

export const clockSkew: Rule = (facts) => {
  const clocks = clocksOf(facts);
  const skew = clocks && skewOf((clocks.server - clocks.client) / 1000);
  if (clocks === undefined || skew === undefined) return undefined;
  return {
    id: 'clock-skew',
    likelihood: 'likely',
    summary: `the clocks are ${skew.seconds} seconds apart: the server's is ${skew.way} the client's`,
    evidence: clocks.evidence,
    advice: 'set both clocks; a response out of its time is refused whatever the password',
  };
};

const domainMismatch: Rule = ({ authenticate, target, challenge, response }) => {
  if (authenticate === undefined || response === 'anonymous') return undefined;
  const { domainName, userName } = authenticate;
  const foreign = foreignTo(domainName, userName, target, challenge?.targetName);
  if (foreign === undefined) return undefined;
  return {
    id: 'domain-mismatch',
    likelihood: 'likely',
    summary: `the account is of the domain ${quoted(domainName)}, and the server's is ${foreign.domains.map(quoted).join(' or ')}`,
    evidence: `the user is of ${quoted(domainName)}, the server is of ${foreign.names.map(quoted).join(', ')}`,
    advice: 'give the account as DOMAIN\\user with the domain that holds it; another domain works only where the server trusts it',
  };
};

const wrongPassword: Rule = (facts) => {
  const { authenticate, authenticateToken, response, attempts, acceptedBefore } = facts;
  if (authenticateToken === undefined || response === 'anonymous') return undefined;
  if (verdictOf(facts, 'NT response') !== undefined) return undefined;
  if (acceptedBefore !== undefined) {
    return { id: 'wrong-password', likelihood: 'possible', summary: 'the password is another than before, and wrong', evidence: 'the same account was accepted before', advice: 'check where the password comes from each time' };
  }
  const known = authenticate === undefined ? 'nothing else in this conversation says why' : 'the response is well-formed, and nothing else in this conversation says why';
  return {
    id: 'wrong-password',
    likelihood: 'likely',
    summary: WRONG_PASSWORD,
    evidence: attempts > 1 ? `${known}; it was refused ${attempts} times` : known,
    advice: 'check the password before it is tried again: accounts lock',
  };
};

const accountUnusable: Rule = (facts) => {
  const { authenticateToken, response } = facts;
  if (authenticateToken === undefined || response === 'anonymous') return undefined;
  return {
    id: 'account-unusable',
    likelihood: verdictOf(facts, 'NT response') === 'right' ? 'likely' : 'possible',
    summary: ACCOUNT_UNUSABLE,
    evidence: verdictOf(facts, 'NT response') === 'right' ? 'the response is right for the password given, and was refused' : 'a server answers all of these alike',
    advice: "look at the account, and at event 4625 in the server's security log, whose sub status tells which",
  };
};

/** Some servers say by 401 what others say by 403. */
const refusedElsewhere: Rule = ({ acceptedBefore, end, response }) =>
  acceptedBefore === undefined || response === 'anonymous' || acceptedBefore.request?.target === end.exchange.request?.target
    ? undefined
    : {
        id: 'not-permitted',
        likelihood: 'likely',
        summary: 'the account is right and may not see this page (401.3, its access control list)',
        evidence: `the same account was accepted before, for ${quoted(acceptedBefore.request?.target ?? '')}`,
        advice: 'give the account the right to read it; the password is right',
      };

const channelBindingsAbsent: Rule = ({ tls, ntlmV2, side, response, source }) => {
  if (ntlmV2 === undefined || tls === false || side === 'proxy' || response === 'anonymous') return undefined;
  const { channelBindings } = describeTargetInfo(ntlmV2.avPairs);
  if (channelBindings?.some((byte) => byte !== 0)) return undefined;
  return {
    id: 'channel-bindings-absent',
    likelihood: tls === true ? 'possible' : 'unseen',
    summary: tls === true ? 'the server demands channel bindings (Extended Protection) and the response has none' : source === 'packets' ? 'where TLS was taken off before this was captured, the server may demand channel bindings (Extended Protection)' : 'if this went over TLS, the server may demand channel bindings (Extended Protection)',
    evidence: `MsvAvChannelBindings is ${channelBindings === undefined ? 'absent' : 'all zero'}${tls === true ? ', over TLS' : '; nothing here tells whether TLS lay below'}`,
    advice: 'let the client send the hash of the certificate it sees; this library does so by itself over TLS',
  };
};

const spnOf = ({ ntlmV2 }: Facts): string | undefined => ntlmV2 && describeTargetInfo(ntlmV2.avPairs).targetName;

const spnMismatch: Rule = (facts) => {
  const spn = spnOf(facts);
  const host = spn?.split('/')[1]?.replace(/:\d+$/, '') ?? '';
  if (spn === undefined || host === '' || isAddress(host)) return undefined;
  const { dnsComputerName, nbComputerName } = facts.target;
  const names = [dnsComputerName, nbComputerName].filter((name) => name !== undefined && name !== '') as string[];
  if (names.length === 0 || names.some((name) => upperCase(name) === upperCase(host))) return undefined;
  return {
    id: 'spn-mismatch',
    likelihood: 'possible',
    summary: `the server does not own the service name ${quoted(spn)}, an alias of its own name ${quoted(names[0]!)}`,
    evidence: `MsvAvTargetName is ${quoted(spn)}, the server calls itself ${names.map(quoted).join(' and ')}`,
    advice: 'register the alias as a service name of the server, or ask for the server by its own name',
  };
};

const spnAbsent: Rule = (facts) => {
  const { ntlmV2, response } = facts;
  if (ntlmV2 === undefined || response === 'anonymous' || (spnOf(facts) ?? '') !== '') return undefined;
  return {
    id: 'spn-absent',
    likelihood: 'possible',
    summary: 'the response names no service (SPN), or the server does not own the name it was asked by: a server that checks service names refuses it',
    evidence: 'MsvAvTargetName is absent from the response',
    advice: 'let the client send the service name, HTTP/host',
  };
};

const clockUnseen: Rule = (facts) =>
  facts.ntlmV2 === undefined || facts.response === 'anonymous' || clocksOf(facts) !== undefined
    ? undefined
    : { id: 'clock-skew', likelihood: 'unseen', summary: 'the clocks may be too far apart', evidence: "nothing here tells the time of both ends' clocks", advice: 'compare the clocks of the client and of the server' };

const micAbsent: Rule = ({ authenticate, ntlmV2, challenge, target, response }) => {
  if (authenticate === undefined || response === 'anonymous' || ntlmV2 === undefined || challenge === undefined || target.timestamp === undefined) return undefined;
  const announced = hasFlag(describeTargetInfo(ntlmV2.avPairs).flags ?? 0, AvFlags.MIC_PROVIDED);
  if (announced && authenticate.mic !== undefined) return undefined;
  return {
    id: 'mic-absent',
    likelihood: announced ? 'likely' : 'possible',
    summary: announced ? 'the response announces a MIC and has no room for one' : 'the server may want a MIC and got none',
    evidence: `the challenge has a timestamp, ${announced ? 'the message has no room for the MIC it announces' : 'MsvAvFlags announces no MIC'}`,
    advice: 'let the client send a MIC (MS-NLMP 3.1.5.1.2); this library always does',
  };
};

function isAddress(host: string): boolean {
  return /^(?:\d{1,3}\.){3}\d{1,3}$|^\[?[0-9a-f:]*:[0-9a-f:]*\]?$|^localhost$/i.test(host);
}

/** In the order in which they count among equals. */
export const RESPONSE_RULES: readonly Rule[] = [
  wrongForCertain,
  micMismatch,
  saidByServer,
  otherConnection,
  malformedAnswer,
  anonymous,
  guest,
  weakResponse,
  charset,
  clockSkew,
  refusedElsewhere,
  domainMismatch,
  wrongPassword,
  channelBindingsAbsent,
  spnMismatch,
  accountUnusable,
  spnAbsent,
  clockUnseen,
  micAbsent,
];
