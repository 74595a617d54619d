/** What an acceptor demands besides a right response. */
import { equalBytes } from '@noble/ciphers/utils.js';
import { mic } from '../crypto/mic.ts';
import { invalidArgument } from '../errors.ts';
import { resolvePolicy, type Policy } from '../machine/policy.ts';
import { MIC_LENGTH, MIC_OFFSET } from '../messages/authenticate.ts';
import { AvFlags, AvId, avValue, describeTargetInfo, type AvPair } from '../messages/av-pairs.ts';
import { hasFlag } from '../messages/flags.ts';
import type { OpenedResponse } from './opened.ts';
import { refused, type Refused } from './verdict.ts';

export interface AcceptorDemands {
  /** The weakest response that is taken: a name, or a value of `ntlmachine/legacy`; default `ntlmv2`. */
  readonly policy?: Policy | undefined;
  /** Whether a response without a MIC is refused; default `false`. One that announces a MIC always needs it. */
  readonly requireMic?: boolean | undefined;
  /** Whether the anonymous user is taken; default `false`. */
  readonly anonymous?: boolean | undefined;
  /** The channel this end sees. A client that states another one is refused. */
  readonly channelBindings?: { readonly hash: Uint8Array } | undefined;
  /** Whether a client that states no channel is refused too; default `false`. */
  readonly requireChannelBindings?: boolean | undefined;
}

/** The three messages: type 1 as received, type 2 as sent, type 3 as received. */
export interface Tokens {
  /** Empty or left out where there was none. */
  readonly negotiate?: Uint8Array | undefined;
  readonly challenge: Uint8Array;
  readonly authenticate: Uint8Array;
}

/** What a response that meets the demands has. */
export interface Met {
  readonly mic: boolean;
  readonly channelBindings: boolean;
}

/** @throws NtlmError `invalid-argument`. */
export function checkDemands({ policy, channelBindings, requireChannelBindings }: AcceptorDemands): void {
  resolvePolicy(policy);
  if (channelBindings !== undefined && channelBindings.hash?.length !== 16) {
    throw invalidArgument('channelBindings', 'must carry a "hash" of 16 bytes');
  }
  if (requireChannelBindings && channelBindings === undefined) {
    throw invalidArgument('requireChannelBindings', 'needs "channelBindings": without them nothing would be required');
  }
}

/** Whether a right response meets the demands, in constant time where bytes are compared. */
export function meetDemands(
  demands: AcceptorDemands,
  tokens: Tokens,
  { message, challenge, ntlmV2, identity }: OpenedResponse,
  sessionKey: Uint8Array,
): Met | Refused {
  const stated = ntlmV2 && describeTargetInfo(ntlmV2.avPairs);
  const withMic = hasFlag(stated?.flags ?? 0, AvFlags.MIC_PROVIDED);
  if (withMic) {
    if (message.mic === undefined) return refused('mic-missing', 'a MIC is announced and absent', identity);
    const zeroed = new Uint8Array(tokens.authenticate);
    zeroed.fill(0, MIC_OFFSET, MIC_OFFSET + MIC_LENGTH);
    const expected = mic(sessionKey, tokens.negotiate ?? new Uint8Array(0), tokens.challenge, zeroed);
    if (!equalBytes(expected, message.mic)) {
      return refused('mic-mismatch', 'the messages were altered on their way', identity);
    }
  } else if (demands.requireMic) {
    return refused('mic-missing', 'a MIC is demanded here', identity);
  }

  if (ntlmV2 !== undefined && !isEchoed(challenge.targetInfo ?? [], ntlmV2.avPairs)) {
    return refused('target-info-mismatch', 'the response is made over other AV pairs than the challenge has', identity);
  }

  const statedChannel = stated?.channelBindings;
  if (demands.channelBindings !== undefined) {
    if (statedChannel === undefined) {
      if (demands.requireChannelBindings) return refused('channel-bindings-missing', 'the client states no channel', identity);
    } else if (!equalBytes(statedChannel, demands.channelBindings.hash)) {
      return refused('channel-bindings-mismatch', 'the client speaks over another channel', identity);
    }
  }
  return { mic: withMic, channelBindings: demands.channelBindings !== undefined && statedChannel !== undefined };
}

/** What the client states itself, or merges its own bits into (MS-NLMP 2.2.2.1, 3.1.5.1.2). */
const CLIENTS_OWN: ReadonlySet<number> = new Set([
  AvId.MsvAvFlags,
  AvId.MsvAvSingleHost,
  AvId.MsvAvTargetName,
  AvId.MsvAvChannelBindings,
]);

/**
 * Whether the pairs that were sent have come back. Without the timestamp, say, a client sends no MIC: who took it out of
 * the challenge on its way is found here.
 */
function isEchoed(sent: readonly AvPair[], received: readonly AvPair[]): boolean {
  return sent
    .filter(({ id }) => !CLIENTS_OWN.has(id))
    .every(({ id, value }) => {
      const echo = avValue(received, id);
      return echo !== undefined && equalBytes(echo, value);
    });
}
