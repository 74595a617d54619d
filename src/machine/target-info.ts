import { AvFlags, AvId, avFlags, avText, flagsOf, type AvPair } from '../messages/av-pairs.ts';

/** What the client adds to the server's pairs. */
export interface OwnPairs {
  readonly spn: string | undefined;
  /** 16 bytes. */
  readonly channelBindings: Uint8Array | undefined;
  readonly withMic: boolean;
}

/** Pairs that only a client may state: in a challenge they are a relay's, and never sent back. */
const CLIENT_ONLY: ReadonlySet<number> = new Set([AvId.MsvAvSingleHost, AvId.MsvAvTargetName, AvId.MsvAvChannelBindings]);
const CLIENT_BITS = AvFlags.MIC_PROVIDED | AvFlags.UNTRUSTED_SPN;

/**
 * The pairs of an NTLMv2 client challenge (MS-NLMP 3.1.5.1.2): the server's in the server's order,
 * then Flags, ChannelBindings and TargetName. One Flags pair at most comes out, with the server's
 * bits and our word on the MIC.
 */
export function answerPairs(serverPairs: readonly AvPair[], own: OwnPairs): AvPair[] {
  const serverFlags = flagsOf(serverPairs);
  const bits = ((serverFlags ?? 0) & ~CLIENT_BITS) | (own.withMic ? AvFlags.MIC_PROVIDED : 0);
  const flags = avFlags(bits >>> 0);
  const pairs: AvPair[] = [];
  for (const pair of serverPairs) {
    if (!CLIENT_ONLY.has(pair.id)) pairs.push(pair.id === AvId.MsvAvFlags ? flags : pair);
  }
  if (own.withMic && serverFlags === undefined) pairs.push(flags);
  if (own.channelBindings !== undefined) pairs.push({ id: AvId.MsvAvChannelBindings, value: own.channelBindings });
  if (own.spn !== undefined) pairs.push(avText(AvId.MsvAvTargetName, own.spn));
  return pairs;
}
