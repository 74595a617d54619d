/**
 * A TCP conversation on port 80 as a pcap file (raw IPv4 link type), enough for a dissector to reassemble. Checksums
 * are zero: tshark does not check them by default.
 */

export interface Sent {
  readonly from: 'client' | 'server';
  readonly bytes: Uint8Array;
}

const linkTypeRaw = 101;
/** Payload of one packet: an IPv4 length has 16 bits. */
const segmentSize = 16_000;

function packet(
  from: Sent['from'],
  clientPort: number,
  sequence: number,
  acknowledged: number,
  payload: Uint8Array,
): Buffer {
  const headers = Buffer.alloc(40);
  const client = 0x7f000001;
  const server = 0x7f000002;
  const outgoing = from === 'client';
  headers.writeUInt8(0x45, 0);
  headers.writeUInt16BE(40 + payload.length, 2);
  headers.writeUInt8(64, 8);
  headers.writeUInt8(6, 9);
  headers.writeUInt32BE(outgoing ? client : server, 12);
  headers.writeUInt32BE(outgoing ? server : client, 16);
  headers.writeUInt16BE(outgoing ? clientPort : 80, 20);
  headers.writeUInt16BE(outgoing ? 80 : clientPort, 22);
  headers.writeUInt32BE(sequence, 24);
  headers.writeUInt32BE(acknowledged, 28);
  headers.writeUInt16BE(0x5018, 32); // five words of header, PSH and ACK
  headers.writeUInt16BE(0xffff, 34);
  return Buffer.concat([headers, payload]);
}

/** One connection for each conversation, in the order given. */
export function writePcap(conversations: readonly (readonly Sent[])[]): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x40000, 16);
  header.writeUInt32LE(linkTypeRaw, 20);
  const parts: Uint8Array[] = [header];
  let microseconds = 0;
  for (const [index, conversation] of conversations.entries()) {
    const sequence = { client: 1_000, server: 2_000 };
    for (const { from, bytes } of conversation) {
      const other = from === 'client' ? 'server' : 'client';
      for (let start = 0; start < bytes.length; start += segmentSize) {
        const payload = bytes.subarray(start, start + segmentSize);
        const data = packet(from, 10_000 + index, sequence[from], sequence[other], payload);
        sequence[from] += payload.length;
        const record = Buffer.alloc(16);
        record.writeUInt32LE(Math.floor(microseconds / 1e6), 0);
        record.writeUInt32LE(microseconds % 1e6, 4);
        record.writeUInt32LE(data.length, 8);
        record.writeUInt32LE(data.length, 12);
        parts.push(record, data);
        microseconds += 1;
      }
    }
  }
  return new Uint8Array(Buffer.concat(parts));
}
