import type { NtlmActor, NtlmEmitted } from '../../src/index.ts';
import {
  AvId,
  avText,
  avTimestamp,
  encodeChallenge,
  NegotiateFlags as F,
  type AvPair,
} from '../../src/messages/index.ts';

/** A source of randomness that hands out `draws` in their order and refuses any other size or any further call. */
export function scriptedRandom(...draws: readonly Uint8Array[]): {
  randomBytes: (length: number) => Uint8Array;
  drawn: number[];
} {
  const left = [...draws];
  const drawn: number[] = [];
  const randomBytes = (length: number): Uint8Array => {
    drawn.push(length);
    const next = left.shift();
    if (next?.length !== length) throw new Error(`draw ${drawn.length} of ${length} bytes is not in the script`);
    return next;
  };
  return { randomBytes, drawn };
}

/** What a Windows server grants to a client that asks for all of it. */
export const GENEROUS =
  (F.NEGOTIATE_UNICODE |
    F.NEGOTIATE_OEM |
    F.REQUEST_TARGET |
    F.NEGOTIATE_SIGN |
    F.NEGOTIATE_SEAL |
    F.NEGOTIATE_NTLM |
    F.NEGOTIATE_ALWAYS_SIGN |
    F.TARGET_TYPE_SERVER |
    F.NEGOTIATE_EXTENDED_SESSIONSECURITY |
    F.NEGOTIATE_TARGET_INFO |
    F.NEGOTIATE_VERSION |
    F.NEGOTIATE_128 |
    F.NEGOTIATE_KEY_EXCH |
    F.NEGOTIATE_56) >>>
  0;

export const TIMESTAMP = 131400439870000000n; // 2017-05-23T20:13:07Z

export const NAMES: readonly AvPair[] = [
  avText(AvId.MsvAvNbDomainName, 'DOMAIN'),
  avText(AvId.MsvAvNbComputerName, 'SERVER'),
  avText(AvId.MsvAvDnsDomainName, 'domain.test'),
  avText(AvId.MsvAvDnsComputerName, 'server.domain.test'),
];

export interface ChallengeChoices {
  readonly flags?: number;
  readonly nonce?: number;
  /** `undefined` for a challenge that has none. */
  readonly targetInfo?: readonly AvPair[] | undefined;
}

/** A challenge as a Windows server sends it; the server challenge is eight times `nonce`. */
export function challengeToken(choices: ChallengeChoices = {}): Uint8Array {
  const standard = { flags: GENEROUS, nonce: 0x31, targetInfo: [...NAMES, avTimestamp(TIMESTAMP)] };
  const { flags, nonce, targetInfo } = { ...standard, ...choices };
  return encodeChallenge({
    negotiateFlags: flags,
    targetName: 'DOMAIN',
    serverChallenge: new Uint8Array(8).fill(nonce),
    targetInfo,
    version: { productMajorVersion: 10, productMinorVersion: 0, productBuild: 17763, ntlmRevisionCurrent: 15 },
  });
}

/** Everything that `actor` emits from now on. */
export function tokensOf(actor: NtlmActor): NtlmEmitted[] {
  const tokens: NtlmEmitted[] = [];
  actor.on('token', (emitted) => void tokens.push(emitted));
  return tokens;
}
