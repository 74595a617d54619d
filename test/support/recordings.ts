/** One conversation as each tool would have recorded it. What is written here is the format of the tool, not of the reader. */
import { Buffer } from 'node:buffer';

export interface Leg {
  readonly connection: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly request: { readonly method?: string; readonly target?: string; readonly headers: readonly (readonly [string, string])[] };
  readonly response?: { readonly status: number; readonly reason?: string; readonly version?: string; readonly headers: readonly (readonly [string, string])[]; readonly body?: string } | undefined;
  /** How the connection ended behind it. */
  readonly end?: 'closed' | 'reset' | undefined;
}

export const requestHead = ({ request: { method = 'GET', target = '/', headers } }: Leg): string[] => [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
export const responseHead = ({ response }: Leg): string[] =>
  response === undefined ? [] : [`HTTP/${response.version ?? '1.1'} ${response.status} ${response.reason ?? 'Status'}`, ...response.headers.map(([name, value]) => `${name}: ${value}`), `Content-Length: ${response.body?.length ?? 0}`];

export function asHar(legs: readonly Leg[], { scheme = 'http', host = 'keep.castle.example', creator = 'Firefox' } = {}): string {
  const headers = (list: readonly (readonly [string, string])[]) => list.map(([name, value]) => ({ name, value }));
  const entries = legs.map(({ connection, time, request, response, end }) => ({
    startedDateTime: new Date(time).toISOString(),
    time: 2,
    connection,
    request: { method: request.method ?? 'GET', url: `${scheme}://${host}${request.target ?? '/'}`, httpVersion: 'HTTP/1.1', headers: headers(request.headers), cookies: [], queryString: [], headersSize: -1, bodySize: 0 },
    response:
      response === undefined
        ? { status: 0, statusText: '', httpVersion: '', headers: [], cookies: [], content: { size: 0, mimeType: '' }, redirectURL: '', headersSize: -1, bodySize: -1, _error: end === 'reset' ? 'net::ERR_CONNECTION_RESET' : 'net::ERR_CONNECTION_CLOSED' }
        : { status: response.status, statusText: response.reason ?? 'Status', httpVersion: `HTTP/${response.version ?? '1.1'}`, headers: headers(response.headers), cookies: [], content: { size: 0, mimeType: 'text/plain', text: response.body ?? '' }, redirectURL: '', headersSize: -1, bodySize: -1 },
    cache: {},
    timings: { send: 0, wait: 2, receive: 0 },
  }));
  return JSON.stringify({ log: { version: '1.2', creator: { name: creator, version: '1' }, entries } });
}

/** `curl -v`; with a prefix as of `--trace-time` and `--trace-ids`. */
export function asCurl(legs: readonly Leg[], { tls = false, prefix = '' } = {}): string {
  const lines: string[] = [];
  let open: string | undefined;
  for (const leg of legs) {
    if (open !== leg.connection) {
      lines.push('*   Trying 127.0.0.1:80...', `* Connected to 127.0.0.1 (127.0.0.1) port 80 (#${leg.connection})`);
      if (tls) lines.push('* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384', '* ALPN: server accepted http/1.1');
    } else lines.push(`* Re-using existing connection #${leg.connection} with host 127.0.0.1`);
    open = leg.connection;
    lines.push(...[...requestHead(leg), ''].map((line) => `> ${line}`));
    if (leg.response !== undefined) {
      lines.push(...responseHead(leg).map((line) => `< ${line}`), '< ');
      if (leg.end === undefined) lines.push(`* Connection #${leg.connection} to host 127.0.0.1 left intact`);
      if (leg.response.body) lines.push(leg.response.body);
    }
    if (leg.end !== undefined) {
      lines.push(leg.end === 'reset' ? '* Recv failure: Connection reset by peer' : leg.response === undefined ? '* Empty reply from server' : `* Closing connection ${leg.connection}`);
      open = undefined;
    }
  }
  return `${lines.map((line) => (/^[*<>]/.test(line) ? prefix + line : line)).join('\n')}\n`;
}

/** `curl --trace-ascii`: a line end is left out of the text and counted in the offsets (lib/tool_cb_dbg.c). */
export function asTraceAscii(legs: readonly Leg[]): string {
  return traceBlocks(legs, (bytes) => {
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf('\r\n', at);
      const stop = Math.min(at + 64, end < 0 ? bytes.length : end);
      lines.push(`${at.toString(16).padStart(4, '0')}: ${bytes.slice(at, stop)}`);
      at = stop === end ? stop + 2 : stop;
    }
    return lines;
  });
}

/** `curl --trace`. */
export function asTraceHex(legs: readonly Leg[]): string {
  return traceBlocks(legs, (bytes) => hexLines(Buffer.from(bytes, 'latin1'), (at, hex, text) => `${at.toString(16).padStart(4, '0')}: ${hex.map((pair) => `${pair} `).join('').padEnd(48)}${text}`));
}

function traceBlocks(legs: readonly Leg[], dump: (bytes: string) => string[]): string {
  const lines: string[] = [];
  let open: string | undefined;
  for (const leg of legs) {
    lines.push(open === leg.connection ? `== Info: Re-using existing connection #${leg.connection} with host h` : `== Info: Connected to h (127.0.0.1) port 80 (#${leg.connection})`);
    open = leg.connection;
    const head = `${requestHead(leg).join('\r\n')}\r\n\r\n`;
    lines.push(`=> Send header, ${head.length} bytes (0x${head.length.toString(16)})`, ...dump(head));
    for (const line of leg.response === undefined ? [] : [...responseHead(leg), '']) {
      lines.push(`<= Recv header, ${line.length + 2} bytes (0x${(line.length + 2).toString(16)})`, ...dump(`${line}\r\n`));
    }
    if (leg.response?.body) lines.push(`<= Recv data, ${leg.response.body.length} bytes (0x0)`, ...dump(leg.response.body));
    if (leg.end !== undefined) lines.push(`== Info: ${leg.end === 'reset' ? 'Recv failure: Connection reset by peer' : leg.response === undefined ? 'Empty reply from server' : `Closing connection ${leg.connection}`}`);
  }
  return `${lines.join('\n')}\n`;
}

function hexLines(bytes: Uint8Array, line: (at: number, hex: string[], text: string) => string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = bytes.subarray(at, at + 16);
    lines.push(line(at, Array.from(part, (byte) => byte.toString(16).padStart(2, '0')), Array.from(part, (byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('')));
  }
  return lines;
}

/** Fiddler's raw texts, one after the other. */
export function asHeads(legs: readonly Leg[]): string {
  return legs.map((leg) => [...requestHead(leg), '', ...(leg.response === undefined ? [] : [...responseHead(leg), '', leg.response.body ?? '']), '', '-'.repeat(66), ''].join('\n')).join('\n');
}

/** `mitmdump --flow-detail 3`. */
export function asMitmdump(legs: readonly Leg[]): string {
  const fields = (headers: readonly (readonly [string, string])[]) => headers.map(([name, value]) => `    ${name}: ${value}`);
  return legs
    .map(({ request, response }) => [`127.0.0.1:50000: ${request.method ?? 'GET'} http://keep.castle.example${request.target ?? '/'} HTTP/1.1`, ...fields(request.headers), '', ...(response === undefined ? [] : [` << HTTP/${response.version ?? '1.1'} ${response.status} ${response.reason ?? 'Status'} 0b`, ...fields(response.headers), ''])].join('\n'))
    .join('\n');
}

interface Packet {
  readonly time: number;
  readonly bytes: Buffer;
}

const FLAGS = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 };

/** Ethernet, IPv4, TCP, with the three packets that open a connection. A head is cut into segments of `mss` bytes. */
export function packetsOf(legs: readonly Leg[], mss = 536): Packet[] {
  const packets: Packet[] = [];
  const flows = new Map<string, { client: number; server: number; port: number }>();
  const segment = (time: number, flow: { client: number; server: number; port: number }, fromClient: boolean, flags: number, payload: Buffer = Buffer.alloc(0)): void => {
    const tcp = Buffer.alloc(20);
    tcp.writeUInt16BE(fromClient ? flow.port : 80, 0);
    tcp.writeUInt16BE(fromClient ? 80 : flow.port, 2);
    tcp.writeUInt32BE((fromClient ? flow.client : flow.server) >>> 0, 4);
    tcp[12] = 0x50;
    tcp[13] = flags;
    const ip = Buffer.alloc(20);
    ip[0] = 0x45;
    ip.writeUInt16BE(40 + payload.length, 2);
    ip[8] = 64;
    ip[9] = 6;
    ip.set(fromClient ? [10, 0, 0, 10] : [10, 0, 0, 1], 12);
    ip.set(fromClient ? [10, 0, 0, 1] : [10, 0, 0, 10], 16);
    packets.push({ time, bytes: Buffer.concat([Buffer.alloc(12), Buffer.from([8, 0]), ip, tcp, payload]) });
    const length = payload.length + ((flags & (FLAGS.syn | FLAGS.fin)) === 0 ? 0 : 1);
    if (fromClient) flow.client += length;
    else flow.server += length;
  };
  const send = (time: number, flow: { client: number; server: number; port: number }, fromClient: boolean, text: string): void => {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0; at < bytes.length; at += mss) segment(time, flow, fromClient, FLAGS.psh | FLAGS.ack, bytes.subarray(at, at + mss));
  };
  for (const leg of legs) {
    let flow = flows.get(leg.connection);
    if (flow === undefined) {
      flow = { client: 0xfffffff0, server: 1000, port: 50000 + flows.size }; // around 2^32
      flows.set(leg.connection, flow);
      segment(leg.time, flow, true, FLAGS.syn);
      segment(leg.time, flow, false, FLAGS.syn | FLAGS.ack);
      segment(leg.time, flow, true, FLAGS.ack);
    }
    send(leg.time, flow, true, `${requestHead(leg).join('\r\n')}\r\n\r\n`);
    if (leg.response !== undefined) send(leg.time + 2, flow, false, `${responseHead(leg).join('\r\n')}\r\n\r\n${leg.response.body ?? ''}`);
    if (leg.end !== undefined) segment(leg.time + 3, flow, false, leg.end === 'reset' ? FLAGS.rst : FLAGS.fin | FLAGS.ack);
  }
  return packets;
}

export function asPcap(legs: readonly Leg[], { mss = 536, big = false, nano = false } = {}): Uint8Array {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (big) bytes.writeUInt32BE(value >>> 0);
    else bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  const u16 = (value: number): Buffer => (big ? Buffer.from([value >> 8, value & 255]) : Buffer.from([value & 255, value >> 8]));
  const head = [u32(nano ? 0xa1b23c4d : 0xa1b2c3d4), u16(2), u16(4), u32(0), u32(0), u32(65535), u32(1)];
  const records = packetsOf(legs, mss).flatMap(({ time, bytes }) => [u32(Math.floor(time / 1000)), u32((time % 1000) * (nano ? 1e6 : 1e3)), u32(bytes.length), u32(bytes.length), bytes]);
  return new Uint8Array(Buffer.concat([...head, ...records]));
}

export function asPcapng(legs: readonly Leg[]): Uint8Array {
  const u32 = (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    return bytes;
  };
  const block = (type: number, body: Buffer): Buffer => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)]);
    return Buffer.concat([u32(type), u32(padded.length + 12), padded, u32(padded.length + 12)]);
  };
  const section = block(0x0a0d0d0a, Buffer.concat([u32(0x1a2b3c4d), Buffer.from([1, 0, 0, 0]), Buffer.alloc(8, 0xff)]));
  const link = block(1, Buffer.concat([Buffer.from([1, 0, 0, 0]), u32(0), Buffer.from([9, 0, 1, 0, 9, 0, 0, 0]), Buffer.alloc(4)])); // nanoseconds
  const packets = packetsOf(legs).map(({ time, bytes }) => {
    const ticks = BigInt(time) * 1_000_000n;
    return block(6, Buffer.concat([u32(0), u32(Number(ticks >> 32n)), u32(Number(ticks & 0xffffffffn)), u32(bytes.length), u32(bytes.length), bytes]));
  });
  return new Uint8Array(Buffer.concat([section, link, ...packets]));
}

/** `tshark -x`: the bytes of each packet, an empty line between. */
export function asTsharkX(legs: readonly Leg[]): string {
  return packetsOf(legs)
    .map(({ bytes }) => hexLines(bytes, (at, hex, text) => `${at.toString(16).padStart(4, '0')}  ${`${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`.padEnd(49)}  ${text}`).join('\n'))
    .join('\n\n');
}

/** Wireshark's "follow stream" as a hex dump: what the server says is set in. */
export function asFollowHex(legs: readonly Leg[]): string {
  return legs
    .flatMap((leg) => [
      ['', `${requestHead(leg).join('\r\n')}\r\n\r\n`] as const,
      ...(leg.response === undefined ? [] : [['    ', `${responseHead(leg).join('\r\n')}\r\n\r\n${leg.response.body ?? ''}`] as const]),
    ])
    .map(([indent, text]) => hexLines(Buffer.from(text, 'latin1'), (at, hex, ascii) => `${indent}${at.toString(16).padStart(8, '0')}  ${`${hex.slice(0, 8).join(' ')}  ${hex.slice(8).join(' ')}`.padEnd(49)}  ${ascii}`).join('\n'))
    .join('\n');
}

/** Every recording of the same legs, by name. What a tool does not tell, its recording does not hold. */
export function recordingsOf(legs: readonly Leg[], { tls = false } = {}): Readonly<Record<string, string | Uint8Array>> {
  return {
    har: asHar(legs, { scheme: tls ? 'https' : 'http' }),
    curl: asCurl(legs, { tls }),
    'curl with times and ids': asCurl(legs, { tls, prefix: '12:00:00.123456 [0-0] ' }),
    'curl --trace-ascii': asTraceAscii(legs),
    'curl --trace': asTraceHex(legs),
    heads: asHeads(legs),
    'heads, CRLF': asHeads(legs).replaceAll('\n', '\r\n'),
    mitmdump: asMitmdump(legs),
    pcap: asPcap(legs),
    'pcap, big-endian, nanoseconds': asPcap(legs, { big: true, nano: true, mss: 100 }),
    pcapng: asPcapng(legs),
    'tshark -x': asTsharkX(legs),
    'follow stream, hex': asFollowHex(legs),
  };
}
