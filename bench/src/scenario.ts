/** The one handshake that everybody is timed with: names, password, and a challenge as a server of today sends it. */
import { makeChallenge } from 'ntlmachine/acceptor';
import { encodeNegotiate, NegotiateFlags as F } from 'ntlmachine/messages';

export const account = { domain: 'DOMAIN', username: 'alice', password: 'Correct horse 7 battery' } as const;
export const workstation = 'WORKSTATION';
export const spn = 'HTTP/server.domain.test';
export const channelBindings = { hash: new Uint8Array(16).fill(0xcb) } as const;

const REQUESTED =
  F.NEGOTIATE_UNICODE |
  F.REQUEST_TARGET |
  F.NEGOTIATE_NTLM |
  F.NEGOTIATE_ALWAYS_SIGN |
  F.NEGOTIATE_EXTENDED_SESSIONSECURITY |
  F.NEGOTIATE_TARGET_INFO |
  F.NEGOTIATE_128 |
  F.NEGOTIATE_56;

function challengeFor(requested: number): Uint8Array {
  return makeChallenge({
    negotiate: encodeNegotiate({ negotiateFlags: requested >>> 0 }),
    target: {
      nbDomainName: account.domain,
      nbComputerName: 'SERVER',
      dnsDomainName: 'domain.test',
      dnsComputerName: 'server.domain.test',
    },
    serverChallenge: Uint8Array.from([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]),
    timestamp: 133_500_000_000_000_000n,
  });
}

/** Names, time and extended session security: whoever knows how answers with NTLMv2 and a MIC. */
export const challenge = challengeFor(REQUESTED);
/** The same, from a server that knows no extended session security: for those who answer with NTLMv1 only. */
export const oldChallenge = challengeFor(REQUESTED & ~F.NEGOTIATE_EXTENDED_SESSIONSECURITY);
