import type { Verified } from '../../acceptor/verify.ts';
import type { NtlmError } from '../../errors.ts';
import type { SpnegoRefusal } from '../../spnego/acceptor/context.ts';

/** What became of a type 3; an NtlmError where it could not be verified. */
export type NtlmServerVerdict =
  | Verified
  | { readonly ok: false; readonly reason: SpnegoRefusal; readonly error: NtlmError }
  | NtlmError;
