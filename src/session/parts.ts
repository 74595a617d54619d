/** Messages of which not all is encrypted, part by part. */
import { isBytes } from '@noble/hashes/utils.js';
import { invalidArgument } from '../errors.ts';
import type { Stretch } from './protection.ts';
import type { MessagePart } from './types.ts';

/**
 * The parts at work: room for those that are encrypted, the others as they are.
 *
 * @throws NtlmError `invalid-argument`, naming `argument`
 */
export function stretchesOf(parts: readonly MessagePart[], argument: string): Stretch[] {
  if (!Array.isArray(parts)) throw invalidParts(argument);
  const stretches: Stretch[] = [];
  for (const part of parts as readonly (Partial<MessagePart> | null | undefined)[]) {
    const { bytes: input, sealed } = part ?? {};
    if (!isBytes(input) || typeof sealed !== 'boolean') throw invalidParts(argument);
    stretches.push({ input, output: sealed ? new Uint8Array(input.length) : undefined });
  }
  return stretches;
}

/** What the work made of them. */
export function partsOf(stretches: readonly Stretch[]): MessagePart[] {
  return stretches.map(({ input, output }) => ({ bytes: output ?? input, sealed: output !== undefined }));
}

function invalidParts(argument: string): Error {
  return invalidArgument(argument, 'must be a list of parts, each with "bytes" and "sealed", true or false', 'session');
}
