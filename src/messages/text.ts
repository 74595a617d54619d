import { localError, type NtlmErrorPhase } from '../errors.ts';
import { checkText } from '../checks.ts';
import type { ByteReader } from './reader.ts';

/**
 * The two character sets of a message (MS-NLMP 2.2).
 *
 * `oem` is some code page of the sender's that the message does not name. It is carried byte for
 * byte: U+0000 to U+00FF stand for the bytes 0x00 to 0xFF, so nothing is lost and nothing guessed.
 */
export type Charset = 'unicode' | 'oem';

/** Made once: an array of no bytes costs more than one of forty. */
export const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);

/** UTF-16LE, 2 bytes a unit; lone surrogates are kept. @throws NtlmError `invalid-argument` for what is no string. */
export function encodeUnicode(text: string): Uint8Array<ArrayBuffer> {
  checkText('text', text, 'message');
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 0xff;
    bytes[2 * i + 1] = unit >>> 8;
  }
  return bytes;
}

/** @throws NtlmError `unencodable-text` for a character above U+00FF in `oem`; `invalid-argument` for no string. */
export function encodeText(name: string, text: string, charset: Charset, phase: NtlmErrorPhase): Uint8Array<ArrayBuffer> {
  checkText(name, text, phase);
  if (text === '') return NO_BYTES;
  if (charset === 'unicode') return encodeUnicode(text);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) {
      throw localError(`"${name}" has a character that no OEM byte can carry`, 'unencodable-text', phase);
    }
    bytes[i] = unit;
  }
  return bytes;
}

/** Reads all that is left of `reader` as text. @throws NtlmError `malformed-text` for half a UTF-16 unit. */
export function readText(reader: ByteReader, name: string, charset: Charset): string {
  const { offset, remaining } = reader;
  if (charset === 'unicode' && remaining % 2 !== 0) {
    throw reader.error('malformed-text', `${name} is UTF-16LE of an odd number of bytes`, offset);
  }
  const bytes = reader.bytes(name, remaining);
  return charset === 'unicode' ? decodeUnicode(bytes) : decodeOem(bytes);
}

/** The text of UTF-16LE `bytes`, whose number must be even. */
export function decodeUnicode(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode(bytes[i]! | (bytes[i + 1]! << 8));
  return text;
}

function decodeOem(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
