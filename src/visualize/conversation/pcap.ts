/** Packets of a capture file: pcap, as libpcap writes it, and pcapng (draft-ietf-opsawg-pcapng). */
export interface CapturedPacket {
  /** LINKTYPE_… of the interface. */
  readonly linkType: number;
  /** Milliseconds since 1970. */
  readonly time: number | undefined;
  readonly bytes: Uint8Array;
}

const PCAP = new Map([
  [0xa1b2c3d4, 1e3],
  [0xa1b23c4d, 1e6],
]);
const PCAPNG_SECTION = 0x0a0d0d0a;
const LARGEST_PACKET = 256 * 1024;

export function isCapture(bytes: Uint8Array): boolean {
  if (bytes.length < 24) return false;
  const view = viewOf(bytes);
  return PCAP.has(view.getUint32(0)) || PCAP.has(view.getUint32(0, true)) || view.getUint32(0) === PCAPNG_SECTION;
}

/** What can be read: a file that breaks off ends with its last whole packet. */
export function packetsOf(bytes: Uint8Array): Generator<CapturedPacket> {
  return viewOf(bytes).getUint32(0) === PCAPNG_SECTION ? pcapng(bytes) : pcap(bytes);
}

function* pcap(bytes: Uint8Array): Generator<CapturedPacket> {
  const view = viewOf(bytes);
  const little = PCAP.has(view.getUint32(0, true));
  const perMillisecond = PCAP.get(view.getUint32(0, little)) ?? 1e3;
  const linkType = view.getUint32(20, little) & 0xffff;
  for (let at = 24; at + 16 <= bytes.length; ) {
    const length = view.getUint32(at + 8, little);
    const end = at + 16 + length;
    if (length > LARGEST_PACKET || end > bytes.length) return;
    const time = view.getUint32(at, little) * 1000 + view.getUint32(at + 4, little) / perMillisecond;
    yield { linkType, time: time === 0 ? undefined : time, bytes: bytes.subarray(at + 16, end) };
    at = end;
  }
}

const BLOCK = { interface: 1, packet: 2, simple: 3, enhanced: 6 } as const;
const TSRESOL = 9; // if_tsresol

function* pcapng(bytes: Uint8Array): Generator<CapturedPacket> {
  const view = viewOf(bytes);
  let little = true;
  let interfaces: { readonly linkType: number; readonly perMillisecond: number }[] = [];
  for (let at = 0; at + 12 <= bytes.length; ) {
    if (view.getUint32(at) === PCAPNG_SECTION) {
      little = view.getUint32(at + 8, true) === 0x1a2b3c4d;
      interfaces = [];
    }
    const type = view.getUint32(at, little);
    const length = view.getUint32(at + 4, little);
    if (length < 12 || length % 4 !== 0 || at + length > bytes.length) return;
    const end = at + length - 4;
    const body = at + 8;
    if (type === BLOCK.interface && length >= 20) {
      interfaces.push({ linkType: view.getUint16(body, little), perMillisecond: resolution(view, body + 8, end, little) });
    } else if ((type === BLOCK.enhanced || type === BLOCK.packet) && length >= 32) {
      const known = interfaces[type === BLOCK.enhanced ? view.getUint32(body, little) : view.getUint16(body, little)];
      const captured = view.getUint32(body + 12, little);
      if (known !== undefined && body + 20 + captured <= end) {
        const ticks = view.getUint32(body + 4, little) * 2 ** 32 + view.getUint32(body + 8, little);
        const time = ticks === 0 ? undefined : ticks / known.perMillisecond;
        yield { linkType: known.linkType, time, bytes: bytes.subarray(body + 20, body + 20 + captured) };
      }
    } else if (type === BLOCK.simple && interfaces[0] !== undefined && length >= 16) {
      const captured = Math.min(view.getUint32(body, little), end - body - 4);
      yield { linkType: interfaces[0].linkType, time: undefined, bytes: bytes.subarray(body + 4, body + 4 + captured) };
    }
    at += length;
  }
}

/** Ticks of an interface in a millisecond; microseconds where no option says otherwise. */
function resolution(view: DataView, from: number, end: number, little: boolean): number {
  for (let at = from; at + 4 <= end; ) {
    const code = view.getUint16(at, little);
    const length = view.getUint16(at + 2, little);
    if (code === 0) break;
    if (code === TSRESOL && length === 1 && at + 5 <= end) {
      const value = view.getUint8(at + 4);
      return ((value & 0x80) === 0 ? 10 ** value : 2 ** (value & 0x7f)) / 1000;
    }
    at += 4 + length + ((4 - (length % 4)) % 4);
  }
  return 1e3;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
