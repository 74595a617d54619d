/** What a request may cost; times are milliseconds, sizes bytes. */
export interface Limits {
  readonly legTimeout: number;
  readonly answerTimeout: number;
  readonly maxAttempts: number;
  readonly maxRepeatableBody: number;
  /** Whether a HEAD may ask in place of a request. */
  readonly probe: boolean;
}
