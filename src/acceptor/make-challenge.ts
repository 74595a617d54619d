import { NegotiateFlags as F, hasFlag } from '../messages/flags.ts';
import { AvId, avText, avTimestamp, type AvPair } from '../messages/av-pairs.ts';
import { encodeChallenge } from '../messages/challenge.ts';
import type { Filetime } from '../messages/filetime.ts';
import { decodeNegotiate } from '../messages/negotiate.ts';
import { NTLMSSP_REVISION_W2K3 } from '../messages/version.ts';

/** How a server names itself. */
export interface AcceptorTarget {
  readonly nbDomainName: string;
  readonly nbComputerName: string;
  readonly dnsDomainName?: string | undefined;
  readonly dnsComputerName?: string | undefined;
}

export interface MakeChallengeInput {
  /** Type 1 as received. */
  readonly negotiate: Uint8Array;
  readonly target: AcceptorTarget;
  /** 8 random bytes. */
  readonly serverChallenge: Uint8Array;
  /** Sent as MsvAvTimestamp; `undefined` leaves it out, and clients then send no MIC. */
  readonly timestamp: Filetime | undefined;
}

/** What is granted to whoever asks for it. No DATAGRAM: a type 1 opens a connection. */
const GRANTED =
  F.NEGOTIATE_SIGN |
  F.NEGOTIATE_SEAL |
  F.NEGOTIATE_ALWAYS_SIGN |
  F.NEGOTIATE_EXTENDED_SESSIONSECURITY |
  F.NEGOTIATE_128 |
  F.NEGOTIATE_56 |
  F.NEGOTIATE_KEY_EXCH;

const VERSION = { productMajorVersion: 10, productMinorVersion: 0, productBuild: 0, ntlmRevisionCurrent: NTLMSSP_REVISION_W2K3 };

/**
 * A type 2 message that grants what the type 1 asks for (MS-NLMP 3.2.5.1.1).
 *
 * @throws NtlmError with `side: 'peer'` for a malformed type 1.
 */
export function makeChallenge({ negotiate, target, serverChallenge, timestamp }: MakeChallengeInput): Uint8Array<ArrayBuffer> {
  const requested = decodeNegotiate(negotiate).negotiateFlags;
  let negotiateFlags = (requested & GRANTED) | F.NEGOTIATE_NTLM;
  negotiateFlags |= hasFlag(requested, F.NEGOTIATE_UNICODE) ? F.NEGOTIATE_UNICODE : F.NEGOTIATE_OEM;
  const named = hasFlag(requested, F.REQUEST_TARGET);
  if (named) negotiateFlags |= F.REQUEST_TARGET | F.TARGET_TYPE_DOMAIN;
  return encodeChallenge({
    negotiateFlags: negotiateFlags >>> 0,
    targetName: named ? target.nbDomainName : '',
    serverChallenge,
    targetInfo: targetInfo(target, timestamp),
    version: VERSION,
  });
}

function targetInfo(target: AcceptorTarget, timestamp: Filetime | undefined): AvPair[] {
  const pairs = [avText(AvId.MsvAvNbDomainName, target.nbDomainName), avText(AvId.MsvAvNbComputerName, target.nbComputerName)];
  if (target.dnsDomainName !== undefined) pairs.push(avText(AvId.MsvAvDnsDomainName, target.dnsDomainName));
  if (target.dnsComputerName !== undefined) pairs.push(avText(AvId.MsvAvDnsComputerName, target.dnsComputerName));
  if (timestamp !== undefined) pairs.push(avTimestamp(timestamp));
  return pairs;
}
