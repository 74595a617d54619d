import { vi } from 'vitest';

export interface Overwritten {
  /** In hexadecimal, as it was. */
  readonly before: string;
  readonly now: () => string;
}

/** Every array of bytes that `act` overwrites with zeros. */
export function overwrittenBy(act: () => void): Overwritten[] {
  const overwritten: Overwritten[] = [];
  const { fill } = Uint8Array.prototype;
  const spy = vi.spyOn(Uint8Array.prototype, 'fill').mockImplementation(function (this: Uint8Array, ...args) {
    const hex = (): string => Buffer.from(this.buffer, this.byteOffset, this.length).toString('hex');
    if (args[0] === 0) overwritten.push({ before: hex(), now: hex });
    return fill.apply(this, args) as Uint8Array<ArrayBuffer>;
  });
  try {
    act();
  } finally {
    spy.mockRestore();
  }
  return overwritten;
}

/** What was in them. */
export const zeroedBy = (act: () => void): string[] => overwrittenBy(act).map(({ before }) => before);
