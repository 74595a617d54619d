/** Random numbers that a seed repeats (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

/** Lengths, offsets and flags at their edges; identifiers of DER and of AV pairs. */
const EDGES = [0, 1, 2, 3, 4, 6, 7, 8, 10, 16, 24, 31, 32, 33, 48, 56, 64, 72, 88, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xa1, 0xfe, 0xff];
const LONGEST = 4096;

/** `input` with one to eight random changes. `other` lends its bytes where two inputs are crossed. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(input);
  for (let changes = 1 + random.below(8) * random.below(2); changes > 0; changes--) bytes = change(bytes, other, random);
  return bytes.subarray(0, LONGEST);
}

function change(bytes: Uint8Array<ArrayBuffer>, other: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  const span = 1 + random.below(random.pick([2, 4, 8, 64]));
  switch (random.below(12)) {
    case 0: // flip a bit
      if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 1: // any byte
      if (at < bytes.length) bytes[at] = random.below(256);
      return bytes;
    case 2: // an edge
      if (at < bytes.length) bytes[at] = random.pick(EDGES);
      return bytes;
    case 3: // a step up or down
      if (at < bytes.length) bytes[at]! += random.pick([1, 255, 2, 254, 4, 252]);
      return bytes;
    case 4: // 16 bits at once: a length
      bytes.set([random.pick(EDGES), random.pick([0, 0, 0, 1, 0xff])].slice(0, bytes.length - at), at);
      return bytes;
    case 5: // 32 bits at once: an offset or flags
      bytes.set([random.below(256), random.pick(EDGES), random.below(256), random.pick(EDGES)].slice(0, bytes.length - at), at);
      return bytes;
    case 6: // leave out
      return join(bytes.subarray(0, at), bytes.subarray(at + span));
    case 7: // put in
      return join(bytes.subarray(0, at), Uint8Array.from({ length: span }, () => random.pick(EDGES)), bytes.subarray(at));
    case 8: // repeat
      return join(bytes.subarray(0, at), bytes.subarray(at, at + span), bytes.subarray(at));
    case 9: // cut
      return bytes.slice(0, at);
    case 10: {
      // repeat an AV pair, if one begins here
      const end = at + 4 + (bytes[at + 2] ?? 0);
      return join(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end));
    }
    default: {
      // cross
      const from = random.below(other.length + 1);
      return join(bytes.subarray(0, at), other.subarray(from, from + 4 * span), bytes.subarray(at + random.below(2) * 4 * span));
    }
  }
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
