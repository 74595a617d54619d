/** Looks for given bytes and texts in all that hangs on a value: what a debugger, a logger or a tracer could reach. */

export interface Needle {
  readonly name: string;
  /** Each is looked for in byte arrays, whole. */
  readonly bytes: readonly Uint8Array[];
  /** Each is looked for in strings, without regard to case. */
  readonly texts: readonly string[];
}

/** `bytes` and the ways in which printing shows them. */
export function needle(name: string, bytes: Uint8Array, text?: string): Needle {
  const buffer = Buffer.from(bytes);
  const hex = buffer.toString('hex');
  const numbers = [...bytes];
  const texts = [
    hex,
    hex.replace(/..(?=.)/g, '$&:'),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    buffer.toString('latin1'),
    numbers.join(','),
    numbers.map((byte, i) => `"${i}":${byte}`).join(','),
  ];
  return {
    name,
    bytes: [bytes],
    texts: (text === undefined ? texts : [text, ...texts]).map((form) => form.toLowerCase()),
  };
}

/** A text as the bytes of UTF-8 and of UTF-16LE, and every form of those. */
export function textNeedles(name: string, text: string): Needle[] {
  return [
    needle(`${name} (UTF-8)`, Uint8Array.from(Buffer.from(text, 'utf8')), text),
    needle(`${name} (UTF-16LE)`, Uint8Array.from(Buffer.from(text, 'utf16le'))),
    { name: `${name} (JSON)`, bytes: [], texts: [JSON.stringify(text).slice(1, -1).toLowerCase()] },
  ];
}

/** The names of the needles that `text` shows, with its spaces and line breaks or without. */
export function shownIn(text: string, needles: readonly Needle[]): string[] {
  const lower = text.toLowerCase();
  const dense = lower.replace(/\s+/g, '');
  return needles
    .filter(({ texts }) => texts.some((form) => lower.includes(form) || dense.includes(form)))
    .map(({ name }) => name);
}

/** Where in `root` a needle lies, as `path: name`. Follows every own property: symbols, getters and hidden ones too. */
export function reachable(root: unknown, needles: readonly Needle[]): string[] {
  const found: string[] = [];
  const seen = new Set<unknown>();
  const queue: [path: string, value: unknown][] = [['', root]];
  const note = (path: string, names: readonly string[]): void =>
    void found.push(...names.map((name) => `${path}: ${name}`));

  for (let entry = queue.pop(); entry; entry = queue.pop()) {
    const [path, value] = entry;
    if (typeof value === 'string') note(path, shownIn(value, needles));
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) note(path, heldIn(value, needles));
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) continue;
    seen.add(value);
    if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'number')) {
      note(path, heldIn(Uint8Array.from(value), needles));
    }
    if (value instanceof Map || value instanceof Set) queue.push([`${path}<entries>`, [...value.entries()]]);
    if (value instanceof WeakRef) queue.push([`${path}<target>`, value.deref()]);
    queue.push([`${path}<prototype>`, Object.getPrototypeOf(value)]);
    if (ArrayBuffer.isView(value)) continue;
    for (const key of Reflect.ownKeys(value)) {
      const name = String(key);
      note(`${path}.${name}`, shownIn(name, needles));
      queue.push([`${path}.${name}`, read(value, key)]);
    }
  }
  return found;
}

function heldIn(value: ArrayBuffer | ArrayBufferView, needles: readonly Needle[]): string[] {
  const buffer =
    value instanceof ArrayBuffer ? Buffer.from(value) : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return needles
    .filter(({ bytes }) => bytes.some((form) => buffer.includes(Buffer.from(form))))
    .map(({ name }) => name);
}

function read(holder: object, key: PropertyKey): unknown {
  try {
    return (holder as Record<PropertyKey, unknown>)[key];
  } catch {
    return undefined; // an accessor that refuses shows nothing
  }
}
