/** A protected connection in memory: what goes over it, in whose hands, and what becomes of both ends. */
import { Duplex } from 'node:stream';
import type { NtlmSession } from '../../src/session/index.ts';

/** Two sockets, each the other's far end. */
export function socketPair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (at: 0 | 1): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        ends[1 - at]!.push(chunk);
        callback();
      },
      final(callback) {
        ends[1 - at]!.push(null);
        callback();
      },
    });
  ends.push(end(0), end(1));
  return [ends[0]!, ends[1]!];
}

/** `message` as the other end would frame it. */
export function frameOf(session: NtlmSession, message: Uint8Array): Uint8Array {
  const token = session.wrap(message);
  const frame = new Uint8Array(4 + token.length);
  new DataView(frame.buffer).setUint32(0, token.length);
  frame.set(token, 4);
  return frame;
}

export type Attack = 'too long' | 'cut' | 'replayed' | 'out of order' | 'altered' | 'no signature';

/** What an attacker makes of three frames: how the wire goes on behind the first, and the code that this ends in. */
export const attacks: Readonly<Record<Attack, { wire(frames: readonly Uint8Array[]): Uint8Array; code: string }>> = {
  'too long': { wire: () => Uint8Array.of(0, 0x10, 0, 1), code: 'too-long' },
  cut: { wire: ([, second]) => second!.subarray(0, 12), code: 'truncated' },
  replayed: { wire: ([first]) => first!, code: 'out-of-sequence' },
  'out of order': { wire: ([, , third]) => third!, code: 'out-of-sequence' },
  altered: { wire: ([, second]) => second!.map((byte, at) => (at === 21 ? byte ^ 1 : byte)), code: 'signature-mismatch' },
  'no signature': { wire: () => Uint8Array.of(0, 0, 0, 15), code: 'truncated' },
};
