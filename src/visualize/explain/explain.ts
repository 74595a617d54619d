import { AvFlags, describeTargetInfo } from '../../messages/av-pairs.ts';
import { NegotiateFlags as F, flagNames, hasFlag } from '../../messages/flags.ts';
import { plainPalette, type Palette } from '../decode/render.ts';
import { harmless, quoted } from '../decode/text.ts';
import type { Verdict } from '../decode/verify.ts';
import type { Trace } from '../trace/trace.ts';
import { causesOf, type Cause } from './causes.ts';
import { exchangeOf, type Exchange, type ExchangeTokens, type Outcome } from './exchange.ts';

/** A handshake in plain words. */
export interface Explanation {
  readonly outcome: Outcome;
  /** What was agreed, a sentence each. */
  readonly negotiated: readonly string[];
  /** What was asked for and not granted, or refused here. */
  readonly refused: readonly string[];
  /** Of a 401 or of a handshake that broke off, most likely first. */
  readonly causes: readonly Cause[];
}

export interface ExplainOptions {
  /** Whether a TLS channel lay below; leave it out where that is not known. */
  readonly tls?: boolean | undefined;
  /** Of `verifyTokens`, where the credentials are at hand. */
  readonly verdicts?: readonly Verdict[] | undefined;
}

/** What was negotiated and refused, and the likely causes of a 401, from a trace or three messages. */
export function explain(input: Trace | ExchangeTokens, { tls, verdicts = [] }: ExplainOptions = {}): Explanation {
  const exchange = exchangeOf(input, tls === undefined ? {} : { tls });
  return {
    outcome: exchange.outcome,
    negotiated: negotiatedOf(exchange),
    refused: refusedOf(exchange),
    causes: causesOf(exchange, verdicts),
  };
}

const RESPONSES = {
  ntlmv2: 'an NTLMv2 response',
  'ntlm2-session': 'an NTLM2 session response (weak)',
  ntlmv1: 'an NTLMv1 response (weak)',
  'lm-and-ntlmv1': 'LM and NTLMv1 responses (weak)',
  lm: 'an LM response (weak)',
  anonymous: 'no response: the anonymous user',
} as const;

function negotiatedOf({ challenge, target, authenticate, ntlmV2, response }: Exchange): string[] {
  const lines: string[] = [];
  if (challenge !== undefined) {
    const { nbComputerName, dnsComputerName, nbDomainName, dnsDomainName } = target;
    const computer = dnsComputerName ?? nbComputerName;
    const domain = dnsDomainName ?? nbDomainName ?? challenge.targetName;
    if (computer !== undefined) lines.push(`The server calls itself ${quoted(computer)}${domain === '' ? '' : ` of ${quoted(domain)}`}.`);
    lines.push(target.timestamp === undefined ? 'It tells no time, so no MIC is due.' : 'It tells its time, so a MIC is due.');
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

function refusedOf({ negotiate, challenge, error, outcome }: Exchange): string[] {
  const lines: string[] = [];
  if (negotiate !== undefined && challenge !== undefined) {
    const missing = flagNames((negotiate.negotiateFlags & ~challenge.negotiateFlags & ~NO_WISH) >>> 0);
    if (missing.length > 0) lines.push(`The server did not grant ${missing.join(', ')}.`);
  }
  if (error !== undefined && outcome === 'refused') lines.push(`This end: ${error.message}.`);
  if (outcome === 'rejected') lines.push('The server refused the response.');
  return lines;
}

/** An explanation for a terminal. */
export function renderExplanation({ outcome, negotiated, refused, causes }: Explanation, palette: Palette = plainPalette): string {
  const lines = [palette.heading(`Outcome: ${outcome}`), ''];
  for (const line of negotiated) lines.push(harmless(line));
  for (const line of refused) lines.push(palette.bad(harmless(line)));
  if (causes.length > 0) lines.push('', palette.heading('Likely causes, the likeliest first'));
  for (const [index, { likelihood, summary, evidence, advice }] of causes.entries()) {
    lines.push(`${index + 1}. ${palette.name(summary)} ${palette.dim(`(${likelihood})`)}`, `   evidence: ${harmless(evidence)}`, `   advice:   ${advice}`);
  }
  return `${lines.join('\n')}\n`;
}
