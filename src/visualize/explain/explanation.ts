import type { Cause } from './cause.ts';

/** `accepted`; `rejected` by the other end; `refused` at this end; `unfinished` where no verdict is known; `not-asked` where nobody asked for authentication. */
export type Outcome = 'accepted' | 'rejected' | 'refused' | 'unfinished' | 'not-asked';

export interface Explanation {
  readonly outcome: Outcome;
  /** What happened and the likeliest cause, in one sentence. */
  readonly sentence: string;
  /** Why, most likely first; none where nothing failed. */
  readonly causes: readonly Cause[];
  /** What was agreed, a sentence each. */
  readonly negotiated: readonly string[];
  /** What was asked for and not granted, or refused here. */
  readonly refused: readonly string[];
}
