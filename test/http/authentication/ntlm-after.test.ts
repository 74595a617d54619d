/** Whether NTLM may follow: every case of the rule, and nothing beside it. */
import { describe, expect, test } from 'vitest';
import { negotiatorEnd, ntlmMayFollow, type NegotiatorEnd, type NtlmAfter } from '../../../src/http/authentication/ntlm-after.ts';
import type { NtlmErrorCode } from '../../../src/index.ts';

const ends: readonly NegotiatorEnd[] = ['not-offered', 'not-begun', 'spoilt', 'refused', 'untrusted'];
const settings: readonly NtlmAfter[] = [true, 'after-refusal', false];

/** As it is promised, in words: what was not tried may be done without; what was tried in vain, only where that was asked for. */
const promised = (end: NegotiatorEnd, ntlm: NtlmAfter): boolean => {
  if (ntlm === false) return false;
  const untried = end === 'not-offered' || end === 'not-begun';
  return untried || (ntlm === 'after-refusal' && end !== 'untrusted');
};

test.each(ends.flatMap((end) => settings.map((ntlm) => ({ end, ntlm }))))('$end, ntlm: $ntlm', ({ end, ntlm }) => {
  expect(ntlmMayFollow(end, ntlm)).toBe(promised(end, ntlm));
});

test('what is weaker is never taken more readily: each setting allows what the next one does', () => {
  for (const end of ends) {
    expect(Number(ntlmMayFollow(end, false))).toBeLessThanOrEqual(Number(ntlmMayFollow(end, true)));
    expect(Number(ntlmMayFollow(end, true))).toBeLessThanOrEqual(Number(ntlmMayFollow(end, 'after-refusal')));
  }
});

describe('what an error stands for', () => {
  const known: Partial<Record<NtlmErrorCode, NegotiatorEnd>> = {
    'no-ticket': 'not-begun',
    'unknown-service': 'not-begun',
    unsupported: 'not-begun',
    'bindings-unavailable': 'not-begun',
    'ticket-expired': 'spoilt',
    'clock-skew': 'spoilt',
    'realm-unreachable': 'spoilt',
    'ticket-refused': 'refused',
  };
  const others: readonly (NtlmErrorCode | undefined)[] = ['server-unproven', 'service-failed', 'timed-out', 'malformed-token', 'mechanism-refused', 'credentials-refused', 'aborted', undefined];

  test.each(Object.entries(known))('%s: %s', (code, end) => expect(negotiatorEnd(code as NtlmErrorCode)).toBe(end));
  test.each(others)('%s: nothing to be trusted', (code) => expect(negotiatorEnd(code)).toBe('untrusted'));
  test('nor a name of every object', () => expect(negotiatorEnd('constructor' as NtlmErrorCode)).toBe('untrusted'));
});
