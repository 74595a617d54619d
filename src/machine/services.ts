/** The work that the machine invokes: messages joined with crypto. Each may be replaced through `provide()`. */
import { decodeChallenge, type ChallengeMessage } from '../messages/challenge.ts';
import { encodeNegotiate } from '../messages/negotiate.ts';
import { authenticate } from './authenticate.ts';
import { requestedFlags } from './flags.ts';
import type { ResolvedOptions } from './options.ts';
import { fromSynchronous } from './synchronous.ts';

/** Input of the service `encodeNegotiate`. */
export interface EncodeNegotiateInput {
  readonly options: ResolvedOptions;
}

/** Input of the service `decodeChallenge`. */
export interface DecodeChallengeInput {
  /** The challenge as received. */
  readonly token: Uint8Array;
}

/** Type 1 (MS-NLMP 3.1.5.1.1). */
export const encodeNegotiateService = fromSynchronous(({ options }: EncodeNegotiateInput): Uint8Array<ArrayBuffer> =>
  encodeNegotiate({ negotiateFlags: requestedFlags(options), version: options.version }),
);

/** Type 2, strictly. */
export const decodeChallengeService = fromSynchronous(({ token }: DecodeChallengeInput): ChallengeMessage =>
  decodeChallenge(token),
);

/** Type 3. */
export const authenticateService = fromSynchronous(authenticate);
