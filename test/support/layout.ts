/**
 * An encoder of its own for the tests: it puts the payload of a message wherever the format allows (MS-NLMP 2.2.1),
 * which the library's encoders, with their one layout, do not.
 */
import fc from 'fast-check';

/** One payload field: where its descriptor stands and what it holds. */
export interface LaidField {
  readonly descriptorAt: number;
  readonly value: Uint8Array;
}

/** How a payload is laid out. Each number is drawn and then used modulo what the place allows. */
export interface Placement {
  /** Sorts the fields. */
  readonly order: readonly number[];
  /** Bytes of filler before each field in that order. */
  readonly gaps: readonly number[];
  /** MaxLen and the offsets of empty fields: both mean nothing. */
  readonly noise: readonly number[];
  /** What the filler is. */
  readonly filler: number;
  /** Filler behind the last field. */
  readonly tail: number;
}

export const placement = (fields: number): fc.Arbitrary<Placement> =>
  fc.record({
    order: fc.array(fc.nat(), { minLength: fields, maxLength: fields }),
    gaps: fc.array(fc.nat({ max: 40 }), { minLength: fields, maxLength: fields }),
    noise: fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: fields, maxLength: fields }),
    filler: fc.nat({ max: 255 }),
    tail: fc.nat({ max: 40 }),
  });

/**
 * `header` with its descriptors filled in and the payload behind it. `firstGap` is the largest gap in front of the
 * first payload byte, for headers of an old form whose reader would take a wider gap for the fields it lacks.
 */
export function layOut(
  header: Uint8Array,
  fields: readonly LaidField[],
  place: Placement,
  firstGap = Infinity,
): Uint8Array {
  const filled = fields.map((field, i) => ({ ...field, rank: place.order[i]!, noise: place.noise[i]! }));
  const payload = filled.filter(({ value }) => value.length > 0).sort((a, b) => a.rank - b.rank);
  const parts: Uint8Array[] = [];
  let at = header.length;
  const put = (part: Uint8Array): void => {
    parts.push(part);
    at += part.length;
  };
  const fill = (length: number): void => put(new Uint8Array(length).fill(place.filler));

  const offsets = new Map<LaidField, number>();
  payload.forEach((field, i) => {
    fill(i === 0 ? Math.min(place.gaps[0]!, firstGap) : place.gaps[i]!);
    offsets.set(field, at);
    put(field.value);
  });
  fill(payload.length === 0 ? Math.min(place.tail, firstGap) : place.tail);

  const message = Buffer.concat([header, ...parts]);
  for (const field of filled) {
    message.writeUInt16LE(field.value.length, field.descriptorAt);
    message.writeUInt16LE(field.noise & 0xffff, field.descriptorAt + 2);
    message.writeUInt32LE(offsets.get(field) ?? field.noise, field.descriptorAt + 4);
  }
  return Uint8Array.from(message);
}

/** A header of `length` bytes with signature, type and flags; the rest is `filler`, which a reader must ignore. */
export function header(type: number, length: number, flags: number, flagsAt: number, filler: number): Buffer {
  const bytes = Buffer.alloc(length, filler);
  bytes.write('NTLMSSP\0', 'latin1');
  bytes.writeUInt32LE(type, 8);
  bytes.writeUInt32LE(flags, flagsAt);
  return bytes;
}
