/** Messages of HTTP as a reader finds them, before anything is left out. */

/** Name and value of a field, as they were written. */
export type RawField = readonly [name: string, value: string];

export interface RawRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly RawField[];
  readonly time?: number | undefined;
}

export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  readonly version: string;
  readonly fields: readonly RawField[];
  /** The beginning of the page, where it is at hand. */
  readonly body?: string | undefined;
  readonly time?: number | undefined;
}
