/** What must hold of any bytes: each oracle throws a `Finding` where it does not. */
import { NtlmError } from '../../src/errors.ts';
import type { Reading } from './reference-decoder.ts';

/** A broken promise of the library's, as opposed to an error of the fuzzer's. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The value of `act`, or the NtlmError that says why not; any other error is a finding. */
export function attempt<T>(act: () => T): { readonly value: T } | { readonly error: NtlmError } {
  try {
    return { value: act() };
  } catch (error) {
    if (error instanceof NtlmError) return { error };
    throw new Finding(`not an NtlmError: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

/** A peer's bytes are a peer's fault, and the offset lies in them. */
export function expectPeerError({ side, offset, code }: NtlmError, length: number): void {
  if (side !== 'peer' || offset === undefined || offset < 0 || offset > length) {
    throw new Finding(`error ${code} of side ${side} at offset ${offset} for ${length} bytes`);
  }
}

export function expectSame(what: string, ours: unknown, theirs: unknown): void {
  const [one, other] = [JSON.stringify(ours), JSON.stringify(theirs)];
  if (one !== other) throw new Finding(`${what}\n  library:   ${one}\n  reference: ${other}`);
}

/** What an error says, its numbers left out. */
export const summary = ({ code, message }: NtlmError): string => `${code} ${message.replace(/0x[0-9a-f]+|\d+/g, '#').slice(0, 60)}`;

export interface Codec<T> {
  readonly decode: (bytes: Uint8Array) => T;
  /** Back to bytes of the same meaning. */
  readonly encode: (value: T) => Uint8Array;
  /** The value in the reference's terms. */
  readonly reading: (value: T) => Reading;
  readonly reference: (bytes: Uint8Array) => Reading | undefined;
  /** Members that a re-encoding may change: padding, reserved bytes. */
  readonly free?: readonly string[];
  /** Whose bytes they are; default `peer`. */
  readonly side?: 'local' | 'peer';
}

/** All oracles of a decoder. The result sums up the outcome, for the fuzzer to tell inputs apart by. */
export function holdCodec<T>({ decode, encode, reading, reference, free = [], side = 'peer' }: Codec<T>, bytes: Uint8Array): string {
  const before = Buffer.from(bytes);
  const result = attempt(() => decode(bytes));
  if (!before.equals(bytes)) throw new Finding('the decoder changed its input');
  const expected = reference(bytes);
  if ('error' in result) {
    if (expected !== undefined) throw new Finding(`refused (${result.error.message}), the reference reads ${JSON.stringify(expected)}`);
    if (side === 'peer') expectPeerError(result.error, bytes.length);
    return summary(result.error);
  }
  const read = reading(result.value);
  expectSame('values differ', read, expected);
  const again = reading(decode(encode(result.value)));
  const meaning = (values: Reading): unknown => Object.entries(values).filter(([name]) => !free.includes(name));
  expectSame('the re-encoded value means something else', meaning(again), meaning(read));
  return `valid ${Object.entries(read).filter(([, value]) => value !== undefined && value !== '').map(([name]) => name)}`;
}
