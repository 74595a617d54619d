/** TCP streams put together from packets: Ethernet, Linux cooked, loopback or raw IP; IPv4 and IPv6. */
import type { CapturedPacket } from './pcap.ts';

export interface Segment {
  /** `address:port>address:port`, as it went. */
  readonly from: string;
  readonly to: string;
  readonly time: number | undefined;
  readonly sequence: number;
  readonly flags: { readonly syn: boolean; readonly fin: boolean; readonly rst: boolean; readonly ack: boolean };
  readonly payload: Uint8Array;
}

const ETHERNET = 1;
const LINUX_SLL = 113;
const LINUX_SLL2 = 276;
const LOOPBACK = new Set([0, 108]);
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = new Set([0x8100, 0x88a8]);
const TCP = 6;
const EXTENSIONS = new Set([0, 43, 60]);

/** The TCP segment in a packet; `undefined` for whatever else it is. */
export function segmentOf({ linkType, time, bytes }: CapturedPacket): Segment | undefined {
  const at = ipOffset(linkType, bytes);
  if (at === undefined || at + 20 > bytes.length) return undefined;
  const version = bytes[at]! >> 4;
  const ip = version === 4 ? ipv4(bytes, at) : version === 6 ? ipv6(bytes, at) : undefined;
  if (ip === undefined || ip.tcp + 20 > ip.end) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { tcp, end } = ip;
  const start = tcp + (bytes[tcp + 12]! >> 4) * 4;
  const bits = bytes[tcp + 13]!;
  return {
    from: `${ip.source}:${view.getUint16(tcp)}`,
    to: `${ip.target}:${view.getUint16(tcp + 2)}`,
    time,
    sequence: view.getUint32(tcp + 4),
    flags: { fin: (bits & 1) !== 0, syn: (bits & 2) !== 0, rst: (bits & 4) !== 0, ack: (bits & 16) !== 0 },
    payload: bytes.subarray(Math.min(start, end), end),
  };
}

function ipOffset(linkType: number, bytes: Uint8Array): number | undefined {
  if (linkType === ETHERNET) {
    let at = 12;
    while (VLAN.has(short(bytes, at)) && at < 24) at += 4;
    return short(bytes, at) === IPV4 || short(bytes, at) === IPV6 ? at + 2 : undefined;
  }
  if (linkType === LINUX_SLL) return 16;
  if (linkType === LINUX_SLL2) return 20;
  if (LOOPBACK.has(linkType)) return 4;
  return linkType === 101 || linkType === 12 || linkType === 14 || linkType === 228 || linkType === 229 ? 0 : undefined;
}

interface IpPacket {
  readonly source: string;
  readonly target: string;
  readonly tcp: number;
  readonly end: number;
}

function ipv4(bytes: Uint8Array, at: number): IpPacket | undefined {
  if (bytes[at + 9] !== TCP || (short(bytes, at + 6) & 0x1fff) !== 0) return undefined; // a later fragment
  const length = short(bytes, at + 2);
  const end = length === 0 ? bytes.length : Math.min(bytes.length, at + length); // 0: offloaded to the card
  const address = (from: number): string => bytes.subarray(from, from + 4).join('.');
  return { source: address(at + 12), target: address(at + 16), tcp: at + (bytes[at]! & 15) * 4, end };
}

function ipv6(bytes: Uint8Array, at: number): IpPacket | undefined {
  if (at + 40 > bytes.length) return undefined;
  const end = Math.min(bytes.length, at + 40 + short(bytes, at + 4));
  const address = (from: number): string => `[${Array.from({ length: 8 }, (_, i) => short(bytes, from + 2 * i).toString(16)).join(':')}]`;
  let next = bytes[at + 6]!;
  let tcp = at + 40;
  while (EXTENSIONS.has(next) && tcp + 8 <= end) {
    next = bytes[tcp]!;
    tcp += 8 + bytes[tcp + 1]! * 8;
  }
  return next === TCP ? { source: address(at + 8), target: address(at + 24), tcp, end } : undefined;
}

function short(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** One direction of a connection: its bytes in their order, each piece with its time. */
export class Stream {
  readonly pieces: { readonly time: number | undefined; readonly order: number; readonly bytes: Uint8Array }[] = [];
  #next: number | undefined;
  #early: Segment[] = [];

  /** A copy of what came before is left out; what comes early waits, and a gap that nothing fills is passed over in the end. */
  add(segment: Segment, order: number): void {
    if (segment.flags.syn) {
      this.#next = (segment.sequence + 1) >>> 0;
      return;
    }
    if (segment.payload.length === 0) return;
    this.#next ??= segment.sequence;
    if (distance(this.#next, segment.sequence) > 0) {
      this.#early.push(segment);
      if (this.#early.length > MOST_EARLY) this.#skipGap(order);
      return;
    }
    this.#take(segment, order);
    this.#takeEarly(order);
  }

  finish(order: number): void {
    while (this.#early.length > 0) this.#skipGap(order);
  }

  #take({ sequence, payload, time }: Segment, order: number): void {
    const old = -distance(this.#next!, sequence);
    if (old >= payload.length) return;
    this.pieces.push({ time, order, bytes: payload.subarray(old) });
    this.#next = (sequence + payload.length) >>> 0;
  }

  #takeEarly(order: number): void {
    for (let i = this.#early.findIndex(({ sequence }) => distance(this.#next!, sequence) <= 0); i >= 0; ) {
      this.#take(this.#early.splice(i, 1)[0]!, order);
      i = this.#early.findIndex(({ sequence }) => distance(this.#next!, sequence) <= 0);
    }
  }

  #skipGap(order: number): void {
    const nearest = this.#early.reduce((a, b) => (distance(a.sequence, b.sequence) < 0 ? b : a));
    this.#next = nearest.sequence;
    this.#takeEarly(order);
  }
}

const MOST_EARLY = 64;

/** From `a` on to `b`, around 2^32; negative where `b` lies before. */
function distance(a: number, b: number): number {
  return (b - a) | 0;
}
