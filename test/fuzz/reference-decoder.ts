/**
 * A second reading of MS-NLMP 2.2, for comparison with the library's: tables over a DataView, no speed, no error but
 * `undefined`. It imports nothing of the library's. Byte strings are hexadecimal and numbers decimal in the results,
 * so that two readings can be compared as text.
 *
 * Where MS-NLMP leaves a receiver free, both follow what real peers send: an empty field may carry any offset, short
 * old forms end early, UNICODE wins over OEM, an absent TargetInfo may be promised with length zero.
 */

export type Reading = Readonly<Record<string, unknown>>;

type Range = readonly [start: number, end: number];
/** Name and place of an 8-byte field descriptor. */
type Descriptor = readonly [name: string, at: number];

const TYPES = ['', 'NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE'];
const MAGIC = '4e544c4d53535000';
const UNICODE = 0;
const DOMAIN_SUPPLIED = 12;
const WORKSTATION_SUPPLIED = 13;
const TARGET_INFO = 23;
const VERSION = 25;

class Message {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get size(): number {
    return this.bytes.length;
  }

  hex([start, end]: Range): string {
    return Array.from(this.bytes.subarray(start, end), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  /** Where the bytes of a field stand; `undefined` where they do not stand in the payload. */
  place(at: number, header: number): Range | undefined {
    const length = this.view.getUint16(at, true);
    const start = this.view.getUint32(at + 4, true);
    if (length === 0) return [header, header];
    return start >= header && start + length <= this.size ? [start, start + length] : undefined;
  }

  /** MS-NLMP 2.2.2.10 without its reserved bytes. */
  version(at: number): string {
    return [this.view.getUint8(at), this.view.getUint8(at + 1), this.view.getUint16(at + 2, true), this.view.getUint8(at + 7)].join('.');
  }
}

const bit = (flags: number, number: number): boolean => Math.floor(flags / 2 ** number) % 2 === 1;

/** The units of a text as a list of code units; `undefined` for half a unit. */
function text(message: Message, [start, end]: Range, unicode: boolean): string | undefined {
  if (!unicode) return Array.from(message.bytes.subarray(start, end)).join(' ');
  if ((end - start) % 2 === 1) return undefined;
  return Array.from({ length: (end - start) / 2 }, (_, i) => message.view.getUint16(start + 2 * i, true)).join(' ');
}

function opens(message: Message, type: number, minimum: number): boolean {
  return message.size >= Math.max(12, minimum) && message.hex([0, 8]) === MAGIC && message.view.getUint32(8, true) === type;
}

/** The first payload byte of those fields, or the end of the message. */
function firstByte(message: Message, places: readonly (Range | undefined)[]): number {
  return Math.min(message.size, ...places.filter((place) => place !== undefined && place[1] > place[0]).map((place) => place![0]));
}

/** 2.2.1.1 */
export function readNegotiate(bytes: Uint8Array): Reading | undefined {
  const message = new Message(bytes);
  if (!opens(message, 1, 16)) return undefined;
  const flags = message.view.getUint32(12, true);
  const supplied: Descriptor[] = [];
  if (bit(flags, DOMAIN_SUPPLIED)) supplied.push(['domainName', 16]);
  if (bit(flags, WORKSTATION_SUPPLIED)) supplied.push(['workstationName', 24]);
  const values: Record<string, unknown> = { type: TYPES[1], flags, domainName: '', workstationName: '', version: undefined };
  if (message.size === 16 && supplied.length === 0) return values;
  if (message.size < 32) return undefined;
  const places = supplied.map(([, at]) => message.place(at, 32));
  for (const [i, [name]] of supplied.entries()) {
    const place = places[i];
    if (place === undefined) return undefined;
    values[name] = text(message, place, false);
  }
  if (bit(flags, VERSION) && firstByte(message, places) >= 40) values['version'] = message.version(32);
  return values;
}

/** 2.2.1.2 */
export function readChallenge(bytes: Uint8Array): Reading | undefined {
  const message = new Message(bytes);
  if (!opens(message, 2, 32)) return undefined;
  const flags = message.view.getUint32(20, true);
  const name = message.place(12, 32);
  const targetName = name && text(message, name, bit(flags, UNICODE));
  if (name === undefined || targetName === undefined) return undefined;
  const afterName = firstByte(message, [name]);
  const promised = bit(flags, TARGET_INFO);
  if (promised && afterName < 48) return undefined;

  let info: Range | undefined;
  let targetInfo: readonly string[] | undefined;
  if (promised && message.view.getUint16(40, true) > 0) {
    info = message.place(40, 48);
    targetInfo = info && readAvPairs(message, info);
    if (targetInfo === undefined) return undefined;
  }
  const versionFits = firstByte(message, [name, info]) >= 56;
  const version = bit(flags, VERSION) && versionFits ? message.version(48) : undefined;
  return { type: TYPES[2], flags, targetName, serverChallenge: message.hex([24, 32]), targetInfo, version };
}

/** 2.2.1.3 */
export function readAuthenticate(bytes: Uint8Array): Reading | undefined {
  const message = new Message(bytes);
  if (!opens(message, 3, 64)) return undefined;
  const flags = message.view.getUint32(60, true);
  const descriptors: Descriptor[] = [
    ['lm', 12],
    ['nt', 20],
    ['domainName', 28],
    ['userName', 36],
    ['workstation', 44],
    ['sessionKey', 52],
  ];
  const places = descriptors.map(([, at]) => message.place(at, 64));
  const values: Record<string, unknown> = { type: TYPES[3], flags };
  for (const [i, [name, at]] of descriptors.entries()) {
    const place = places[i];
    if (place === undefined) return undefined;
    const isText = at >= 28 && at < 52;
    values[name] = isText ? text(message, place, bit(flags, UNICODE)) : message.hex(place);
    if (values[name] === undefined) return undefined;
  }
  const first = firstByte(message, places);
  values['version'] = bit(flags, VERSION) && first >= 72 ? message.version(64) : undefined;
  values['mic'] = first >= 88 ? message.hex([72, 88]) : undefined;
  return values;
}

export function readMessage(bytes: Uint8Array): Reading | undefined {
  return readNegotiate(bytes) ?? readChallenge(bytes) ?? readAuthenticate(bytes);
}

/** 2.2.2.8, with 2.2.2.7 in it. */
export function readNtlmV2Response(bytes: Uint8Array): Reading | undefined {
  const message = new Message(bytes);
  if (message.size < 44 || message.hex([16, 18]) !== '0101') return undefined;
  const avPairs = readAvPairs(message, [44, message.size]);
  return (
    avPairs && {
      proof: message.hex([0, 16]),
      timestamp: message.view.getBigUint64(24, true).toString(),
      challengeFromClient: message.hex([32, 40]),
      avPairs,
      temp: message.hex([16, message.size]),
    }
  );
}

/** Shapes of the values of 2.2.2.1 by AvId: how long, and in what units. */
const AV_SHAPES: readonly ((length: number) => boolean)[] = [
  (length) => length === 0, // EOL
  ...Array<(length: number) => boolean>(5).fill((length) => length % 2 === 0), // names
  (length) => length === 4, // Flags
  (length) => length === 8, // Timestamp
  (length) => length >= 48, // SingleHost
  (length) => length % 2 === 0, // TargetName
  (length) => length === 16, // ChannelBindings
];

/** 2.2.2.1: `id:value` of each pair in order. What stands behind the EOL is nobody's. */
function readAvPairs(message: Message, [start, end]: Range): readonly string[] | undefined {
  const pairs: string[] = [];
  const seen = new Set<number>();
  for (let at = start; at + 4 <= end; ) {
    const id = message.view.getUint16(at, true);
    const length = message.view.getUint16(at + 2, true);
    const isKnown = id < AV_SHAPES.length;
    if (isKnown && (!AV_SHAPES[id]!(length) || seen.has(id))) return undefined;
    if (id === 0) return pairs;
    if (at + 4 + length > end) return undefined;
    seen.add(id);
    pairs.push(`${id}:${message.hex([at + 4, at + 4 + length])}`);
    at += 4 + length;
  }
  return undefined;
}

/** A list of AV pairs on its own. */
export function readAvPairList(bytes: Uint8Array): Reading | undefined {
  const avPairs = readAvPairs(new Message(bytes), [0, bytes.length]);
  return avPairs && { avPairs };
}
