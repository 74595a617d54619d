/** What a text is that stands where a token is due, and the expression that makes the token of it. */

interface Form {
  readonly is: RegExp;
  /** `name` of the variable in the sentence. */
  readonly says: (name: string) => string;
}

const SCHEME = '(?:NTLM|Negotiate)';
/** Of "NTLMSSP", or of the first byte of a token of SPNEGO; base64url too, which Buffer reads alike. */
const BASE64 = '(?:TlRMTVNT|Y[A-P]|o[Q-Za-f])';

/** The first that fits says what it is; each is tried on the text without the space around it. */
const FORMS: readonly Form[] = [
  { is: /^$/, says: () => 'this text is empty: the other end sent no token' },
  { is: RegExp(`^(?:[<>*] )?(?:[A-Za-z-]+:\\s*)?(?:${SCHEME}(?:\\s*,\\s*|$))+$`, 'i'), says: () => 'this text names a scheme and has no token: the other end sent none' },
  { is: RegExp(`^(?:[<>*] )?[A-Za-z-]+:.*\\b${SCHEME}\\s+[\\w+/]`, 'i'), says: (name) => `is a whole header line: ${inHeader(name)} is its token` },
  { is: RegExp(`(?:^|,\\s*)${SCHEME}\\s+[\\w+/]`, 'i'), says: (name) => `is the value of a header: ${inHeader(name)} is its token` },
  { is: /^NTLMSSP\0.*\ufffd/s, says: () => 'is bytes that were made text as UTF-8, which loses most of them: leave them bytes, or make text of them as base64' },
  { is: /^NTLMSSP\0/, says: (name) => `is bytes as text: give Buffer.from(${name}, 'latin1')` },
  { is: /^\u544e\u4d4c\u5353\u0050/, says: (name) => `is bytes as text: give Buffer.from(${name}, 'utf16le')` },
  { is: /^(?:4e544c4d53535000|60|a1)(?:[0-9a-f]{2})*$/i, says: (name) => `is hexadecimal: give Buffer.from(${name}, 'hex')` },
  { is: /^(?:0x)?(?:4e|60|a1)(?:[\s:,-]+(?:0x)?[0-9a-f]{2}){7,}$/i, says: (name) => `is hexadecimal: give Buffer.from(${name}.replace(/0x|[^0-9a-f]/gi, ''), 'hex')` },
  { is: /^0x(?:4e544c4d53535000|60|a1)(?:[0-9a-f]{2})*$/i, says: (name) => `is hexadecimal: give Buffer.from(${name}.slice(2), 'hex')` },
  { is: /^[0-9a-f]{4,8}:?\s+4e ?54 ?4c ?4d\s/im, says: () => 'is a hex dump, with offsets and characters beside the bytes: `ntlmachine decode` reads it' },
  { is: RegExp(`^${BASE64}[\\w+/\\s-]+={0,2}$`), says: (name) => `is base64: give Buffer.from(${name}, 'base64')` },
  { is: /^VGxSTVRWTl[\w+/-]+={0,2}$/, says: (name) => `is base64 of base64: give Buffer.from(atob(${name}), 'base64')` },
  { is: /TlRMTVNT[\w+/-]{8}/, says: (name) => `has base64 in it: give Buffer.from(/TlRMTVNT[\\w+/=-]+/.exec(${name})[0], 'base64')` },
];

/** A list of challenges may stand in one field, the token before or behind others. */
const inHeader = (name: string): string => `Buffer.from(/\\b${SCHEME}\\s+([^\\s,]+)/i.exec(${name})[1], 'base64')`;

/** `text` as the name of a variable in the sentence; empty where nothing is known. */
export function textHint(text: string, name: string): string {
  const value = text.trim();
  return FORMS.find(({ is }) => is.test(value))?.says(name) ?? '';
}
