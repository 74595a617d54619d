/**
 * Causes in words, for whoever meets one and for whoever explains a conversation afterwards (`ntlmachine/visualize`).
 * `who`: `the server`, `the proxy`.
 */

/** `a`, `a and b`, `a, b and c`. */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? 'nothing') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

export const doesNotOffer = (who: string, schemes: readonly string[]): string =>
  `${who} does not offer NTLM, but ${listed(schemes)} only`;

export const closesConnection = (who: string): string =>
  `${who} closes the connection behind its answer, and NTLM needs one connection from type 1 to type 3`;

export const doesNotCarryOut = (who: string): string =>
  `${who} names NTLM and does not carry it out: it is switched off or blocked there, or type 1 did not reach it`;

/** `beside`: the scheme NTLM is offered. */
export const takesKerberosOnly = (beside: boolean): string =>
  `Negotiate takes Kerberos only there, and no NTLM${beside ? '' : ', which is not offered by itself either'}`;

export const WRONG_PASSWORD = 'the password is wrong';

/** What a server answers alike. */
export const ACCOUNT_UNUSABLE = 'the account is locked, disabled, unknown, expired (or its password is), or may not log on here';
