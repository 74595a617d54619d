import { NtlmError } from '../errors.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function encodeBase64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Strict (RFC 4648 4), but for blanks around it. @throws NtlmError `malformed-token` from the peer */
export function decodeBase64(line: string): Uint8Array<ArrayBuffer> {
  const text = line.trim();
  if (!BASE64.test(text)) {
    throw new NtlmError('the challenge is not base64', { code: 'malformed-token', phase: 'challenge', side: 'peer' });
  }
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
