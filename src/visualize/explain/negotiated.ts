/** What was agreed on, and what was asked for and not granted. */
import { AvFlags, describeTargetInfo } from '../../messages/av-pairs.ts';
import { NegotiateFlags as F, flagNames, hasFlag } from '../../messages/flags.ts';
import { quoted } from '../decode/text.ts';
import type { Facts } from './facts.ts';

const RESPONSES = {
  ntlmv2: 'an NTLMv2 response',
  'ntlm2-session': 'an NTLM2 session response (weak)',
  ntlmv1: 'an NTLMv1 response (weak)',
  'lm-and-ntlmv1': 'LM and NTLMv1 responses (weak)',
  lm: 'an LM response (weak)',
  anonymous: 'no user: the anonymous one',
} as const;

export function negotiatedOf({ challenge, target, authenticate, ntlmV2, response }: Facts): string[] {
  const lines: string[] = [];
  if (challenge !== undefined) {
    const { nbComputerName, dnsComputerName, nbDomainName, dnsDomainName } = target;
    const computer = dnsComputerName ?? nbComputerName;
    const domain = dnsDomainName ?? nbDomainName ?? challenge.targetName;
    if (computer !== undefined) lines.push(`The server calls itself ${quoted(computer)}${domain === '' ? '' : ` of ${quoted(domain)}`}.`);
    if ((challenge.targetInfo?.length ?? 0) === 0) lines.push('The challenge has no target information; the policy "ntlmv2" refuses to answer it.');
    else lines.push(target.timestamp === undefined ? 'It tells no time, so no MIC is due.' : 'It tells its time, so a MIC is due.');
  }
  if (authenticate === undefined || response === undefined) return lines;
  const { negotiateFlags: flags, userName, domainName } = authenticate;
  const who = userName === '' ? 'nobody' : quoted(domainName === '' ? userName : `${domainName}\\${userName}`);
  lines.push(`The client answers as ${who} with ${RESPONSES[response]}.`);
  lines.push(`Names are in ${hasFlag(flags, F.NEGOTIATE_UNICODE) ? 'Unicode' : 'an OEM character set'}.`);
  const session = hasFlag(flags, F.NEGOTIATE_SEAL) ? 'signed and sealed' : hasFlag(flags, F.NEGOTIATE_SIGN) ? 'signed' : 'neither signed nor sealed';
  const bits = hasFlag(flags, F.NEGOTIATE_128) ? 128 : hasFlag(flags, F.NEGOTIATE_56) ? 56 : 40;
  lines.push(`The session is ${session}${session.startsWith('n') ? '' : ` with keys of ${bits} bits`}.`);
  if (ntlmV2 !== undefined) {
    const { flags: avFlags = 0, channelBindings, targetName } = describeTargetInfo(ntlmV2.avPairs);
    lines.push(hasFlag(avFlags, AvFlags.MIC_PROVIDED) ? 'A MIC protects the three messages.' : 'No MIC protects the messages.');
    const bound = channelBindings?.some((byte) => byte !== 0) ?? false;
    lines.push(bound ? 'The response is bound to its TLS channel.' : 'The response is bound to no channel.');
    if (targetName !== undefined && targetName !== '') lines.push(`It is meant for the service ${quoted(targetName)}.`);
  }
  return lines;
}

/** Bits that say something of the message itself, not of a wish. */
const NO_WISH = F.NEGOTIATE_OEM | F.NEGOTIATE_UNICODE | F.NEGOTIATE_VERSION | F.REQUEST_TARGET | F.NEGOTIATE_OEM_DOMAIN_SUPPLIED | F.NEGOTIATE_OEM_WORKSTATION_SUPPLIED;

export function refusedOf({ negotiate, challenge, refusal, end }: Facts): string[] {
  const lines: string[] = [];
  if (negotiate !== undefined && challenge !== undefined) {
    const missing = flagNames((negotiate.negotiateFlags & ~challenge.negotiateFlags & ~NO_WISH) >>> 0);
    if (missing.length > 0) lines.push(`The server did not grant ${missing.join(', ')}.`);
  }
  if (refusal !== undefined) lines.push(`This end: ${refusal.message}.`);
  if (end.kind === 'rejected') lines.push('The response was refused.');
  return lines;
}
