/** Text as NTLM's hashes see it: UTF-16LE, and upper case by Windows' rule. */
import { checkText } from '../checks.ts';

/** Georgian and Cherokee, whose capitals are younger than the table Windows maps with. */
const NO_CAPITAL = /[\u10d0-\u10ff\u13f8-\u13fd\uab70-\uabbf]/;

/**
 * `UPPER(text)` one UTF-16 unit to one, so that the length stays (MS-NLMP 6; MS-UCODEREF 3.1.5.3).
 * A unit changes only with a single capital whose small letter it is: `ß`, `ı`, `ſ`, `µ` and `ς` stay.
 * @throws NtlmError `invalid-argument` when it is not a string
 */
export function upperCase(text: string): string {
  checkText('text', text, 'configure');
  let upper = '';
  for (let i = 0; i < text.length; i++) {
    const unit = text[i]!;
    const capital = unit.toUpperCase();
    const paired = capital.toLowerCase() === unit && !NO_CAPITAL.test(unit);
    upper += paired ? capital : unit;
  }
  return upper;
}

/** The text's UTF-16 units, little-endian, two bytes a unit; lone surrogates are kept. */
export function utf16le(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(2 * text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit;
    bytes[2 * i + 1] = unit >> 8;
  }
  return bytes;
}
