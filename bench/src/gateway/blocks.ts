const BLOCK = Buffer.alloc(64 * 1024, 'x');

/** A body of `length` bytes, in parts. */
export function* blocksOf(length: number): Generator<Buffer> {
  for (let left = length; left > 0; left -= BLOCK.length) yield left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
}
