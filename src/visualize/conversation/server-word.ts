/** What a server says in words, on its page, in the reason of the status line or in a field: one of the sentences that are known, never the text. */
import type { ServerWord } from './conversation.ts';
import type { RawField } from './raw.ts';

const READ = 4096; // characters of a page

/** The first that matches counts: what is special stands before what is general. */
const WORDS: readonly (readonly [ServerWord, RegExp])[] = [
  ['account-locked', /account\b[^.]{0,40}\b(?:is |has been |was )?(?:currently )?lock(?:ed)?(?:[ -]?out)?\b|locked[ -]out|\b0xc0000234\b|ACCOUNT_LOCKED_OUT/i],
  ['account-disabled', /account\b[^.]{0,40}\b(?:is |has been |was )?(?:currently )?(?:disabled|deactivated)\b|\b0xc0000072\b|ACCOUNT_DISABLED/i],
  ['password-expired', /password\b[^.]{0,40}\b(?:has |is )?expired\b|(?:must|need to) (?:be )?change[d]?\b[^.]{0,40}|password must be changed|\b0xc0000071\b|\b0xc0000224\b|PASSWORD_(?:EXPIRED|MUST_CHANGE)/i],
  ['account-expired', /account\b[^.]{0,40}\b(?:has |is )?expired\b|\b0xc0000193\b|ACCOUNT_EXPIRED/i],
  ['logon-restricted', /(?:logon|log on|login)\b[^.]{0,40}\b(?:type|hours?|workstation)\b|not (?:been )?granted the requested logon type|\b0xc000006f\b|\b0xc0000070\b|\b0xc000015b\b|\b0xc0000413\b|INVALID_(?:LOGON_HOURS|WORKSTATION)|LOGON_TYPE_NOT_GRANTED/i],
  ['clock-skew', /clock skew|clocks? (?:are|is|differ)|time (?:difference|skew)|\b0xc0000133\b|TIME_DIFFERENCE_AT_DC/i],
  ['channel-bindings', /channel bindings?|extended protection|\b0x80090346\b|bad[_ -]bindings/i],
  ['ntlm-blocked', /NTLM\b[^.]{0,40}\b(?:is |has been )?(?:blocked|disabled|not (?:allowed|supported|permitted))|\b0xc0000418\b|NTLM_BLOCKED/i],
  ['head-too-long', /request (?:header|headers|too long|header fields too large)|header[^.]{0,30}too (?:long|large)|size of the request headers is too long/i],
  ['not-permitted', /\b401\.3\b|access control list|\bACL\b set on/i],
  ['wrong-credentials', /\b401\.1\b|\b0xc000006[4ad]\b|invalid credentials|(?:wrong|incorrect|bad|invalid|unknown) (?:user ?name|user|password|credentials)|user ?name or password (?:is|was) (?:incorrect|wrong|invalid)|logon failure/i],
];

export function serverWord(reason: string, fields: readonly RawField[], body: string | undefined): ServerWord | undefined {
  const told = fields.filter(([name]) => /^(?:x-(?:squid|ms|feserver|error|auth)|warning)/i.test(name)).map(([, value]) => value.slice(0, 512));
  const text = [reason, ...told, (body ?? '').slice(0, READ).replace(/<(?:style|script)\b.*?(?:<\/|$)|<[^>]*>/gis, ' ')].join('\n');
  return WORDS.find(([, pattern]) => pattern.test(text))?.[0];
}
