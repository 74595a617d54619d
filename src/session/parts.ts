/** Messages of which not all is encrypted, part by part. */
import { isBytes } from '@noble/hashes/utils.js';
import { invalidArgument } from '../errors.ts';
import type { Stretch } from './protection.ts';
import type { MessagePart } from './types.ts';

/** @throws NtlmError `invalid-argument`, naming `argument`. */
export function checkParts(parts: readonly MessagePart[], argument: string): void {
  const fits = (part: Partial<MessagePart> | null | undefined): boolean =>
    isBytes(part?.bytes) && typeof part.sealed === 'boolean';
  if (Array.isArray(parts) && parts.every(fits)) return;
  throw invalidArgument(argument, 'must be a list of parts, each with "bytes" and "sealed", true or false', 'session');
}

/** The parts at work: room for those that are encrypted, the others as they are. */
export function stretchesOf(parts: readonly MessagePart[]): Stretch[] {
  return parts.map(({ bytes, sealed }) => ({ input: bytes, output: sealed ? new Uint8Array(bytes.length) : undefined }));
}

/** What the work made of them. */
export function partsOf(stretches: readonly Stretch[]): MessagePart[] {
  return stretches.map(({ input, output }) => ({ bytes: output ?? input, sealed: output !== undefined }));
}
