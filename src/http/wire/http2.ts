/** HTTP/2 and later where HTTP/1.1 is spoken: their connections carry many requests at once, and NTLM cannot tell whose. */
import { NtlmError } from '../../errors.ts';

export const HTTP2_CANNOT = 'HTTP/2 cannot carry NTLM, which authenticates a connection';

const FRAME_HEAD_LENGTH = 9;
/** SETTINGS opens what a server says, GOAWAY ends it (RFC 9113 3.4, 6.5, 6.8). */
const OPENING_FRAMES: ReadonlySet<number | undefined> = new Set([4, 7]);
const STATUS_LINE = /^HTTP\/[23]/;
const TEXT_LENGTH = 'HTTP/2'.length;

/** Whether the first bytes of an answer are those of HTTP/2; `unclear`: more of them would tell. */
export function speaksHttp2(bytes: Uint8Array): boolean | 'unclear' {
  if (bytes[0] === 'H'.charCodeAt(0)) return STATUS_LINE.test(String.fromCharCode(...bytes.subarray(0, TEXT_LENGTH)));
  if (bytes[0] !== 0) return false; // no opening frame is longer than 16 kB
  if (bytes.length < FRAME_HEAD_LENGTH) return 'unclear';
  return OPENING_FRAMES.has(bytes[3]) && bytes.subarray(5, FRAME_HEAD_LENGTH).every((octet) => octet === 0);
}

/** `who`: the other end, as a sentence begins with it; `how` it shows. */
export function http2Only(who: string, how: string, cause?: unknown): NtlmError {
  return new NtlmError(`${who} ${how}: ${HTTP2_CANNOT}; have HTTP/1.1 switched on there`, {
    code: 'http2-only',
    phase: 'transport',
    side: 'peer',
    cause,
  });
}
