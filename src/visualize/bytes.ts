/** Bytes as text: hexadecimal and base64, without Node's Buffer. */
const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += DIGITS[byte]!;
  return text;
}

/** Of an even number of hexadecimal digits; the caller has checked them. */
export function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(digits.length >>> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** One character a byte, U+0000 to U+00FF. */
export function toLatin1(bytes: Uint8Array): string {
  const STEP = 0x2000; // keeps the argument list of fromCharCode small
  let text = '';
  for (let i = 0; i < bytes.length; i += STEP) text += String.fromCharCode(...bytes.subarray(i, i + STEP));
  return text;
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(toLatin1(bytes));
}

/** `undefined` for anything but base64. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** Where `part` begins in `whole`, or -1. */
export function indexOfBytes(whole: Uint8Array, part: Uint8Array, from = 0): number {
  const [first = 0] = part;
  const last = whole.length - part.length;
  for (let at = whole.indexOf(first, from); at >= 0 && at <= last; at = whole.indexOf(first, at + 1)) {
    let length = 1;
    while (length < part.length && whole[at + length] === part[length]) length++;
    if (length >= part.length) return at;
  }
  return -1;
}
