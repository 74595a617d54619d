/**
 * Whether NTLM may follow a mechanism that was to go first. Whoever can keep the first from its end must not thereby choose
 * the weaker one.
 *
 * | how it ended                                                                     | `true` | `'after-refusal'` | `false` |
 * |----------------------------------------------------------------------------------|--------|-------------------|---------|
 * | `not-offered`: the other end asks for NTLM alone                                 | yes    | yes               | no      |
 * | `not-begun`: no ticket, no such service, no package, nothing that binds it       | yes    | yes               | no      |
 * | `spoilt`: a ticket that is no longer good, clocks apart, a realm out of reach    | no     | yes               | no      |
 * | `refused`: the other end said no to the ticket                                   | no     | yes               | no      |
 * | `untrusted`: the other end proved nothing, or what makes tokens failed           | no     | no                | no      |
 */
import type { NtlmErrorCode } from '../../errors.ts';

/** `true`: where the first could not begin here, or is not offered. `'after-refusal'`: where it was refused, too. `false`: never. */
export type NtlmAfter = boolean | 'after-refusal';

export type NegotiatorEnd = 'not-offered' | 'not-begun' | 'spoilt' | 'refused' | 'untrusted';

const ENDS: { readonly [Code in NtlmErrorCode]?: NegotiatorEnd } = {
  'no-ticket': 'not-begun',
  'unknown-service': 'not-begun',
  unsupported: 'not-begun',
  'bindings-unavailable': 'not-begun',
  'ticket-expired': 'spoilt',
  'clock-skew': 'spoilt',
  'realm-unreachable': 'spoilt',
  'ticket-refused': 'refused',
};

/** What the error that it ended with stands for. */
export function negotiatorEnd(code: NtlmErrorCode | undefined): NegotiatorEnd {
  return (code !== undefined && Object.hasOwn(ENDS, code) && ENDS[code]) || 'untrusted';
}

export function ntlmMayFollow(end: NegotiatorEnd, ntlm: NtlmAfter): boolean {
  if (ntlm === false || end === 'untrusted') return false;
  return ntlm === 'after-refusal' || end === 'not-offered' || end === 'not-begun';
}
