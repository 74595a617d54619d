/** What this end refuses by its own options is said to whoever runs it, not only to whoever reads the 401. */
import type { NtlmError, NtlmErrorCode } from '../../errors.ts';

/** How to have it otherwise. */
const REMEDIES: { readonly [Code in NtlmErrorCode]?: (origin: string) => string } = {
  'origin-refused': (origin) => `"allow" lets it: allow: [${JSON.stringify(origin)}]`,
  'downgrade-refused': () => 'a weaker "policy" lets it, at a price: those of ntlmachine/legacy can be cracked',
  'charset-refused': () => '"unicode: true", the default, lets it where Unicode is granted',
};

/** Beyond, nobody reads them; a page full of links must not fill a log. */
const MAX_WARNINGS = 100;
const given = new Set<string>();
const shown = new Set<string>();

/** For whoever shows a refusal of ours himself, in his own words. @returns what ends it. */
export function withoutWarnings(origin: string): () => void {
  shown.add(origin);
  return () => void shown.delete(origin);
}

/** The same where NTLM takes the place of what was to go first. */
export function warnOfFallback({ code, message }: NtlmError, origin: string): void {
  warnOnce(`${code} ${origin} fallback`, `NTLM in place of what was to go first, for ${origin}: ${message}`, code);
}

/** Emits a warning of the process where the refusal is of our own making, once for each code and origin. */
export function warnOfOurs({ code, message, phase }: NtlmError, origin: string): void {
  const remedy = phase === 'kerberos' ? undefined : REMEDIES[code]; // "ntlm" forbids there, and no policy lets it
  if (remedy !== undefined && !shown.has(origin)) warnOnce(`${code} ${origin}`, `no NTLM for ${origin}: ${message}; ${remedy(origin)}`, code);
}

/** A request by a client that was made ready, with something of its own that NTLM does not go over. */
export function warnOfBypass(client: string, what: string): void {
  warnOnce(`bypass ${client} ${what}`, `a request of ${client} has ${what} of its own: it goes without NTLM; give its options beside "credentials", for all requests`, 'invalid-argument');
}

function warnOnce(key: string, text: string, code: NtlmErrorCode): void {
  if (given.has(key) || given.size >= MAX_WARNINGS) return;
  given.add(key);
  process.emitWarning(text.replace(/[^\x20-\x7e]/g, '?'), { type: 'NtlmWarning', code });
}
