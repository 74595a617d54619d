/** Captured packets as a conversation: TCP streams, and the HTTP/1.x that is readable in them. */
import { indexOfBytes, toLatin1 } from '../bytes.ts';
import { ConversationBuilder } from './builder.ts';
import type { Conversation, Ending } from './conversation.ts';
import { fieldLine, linesOf, startLine, type Head } from './heads.ts';
import type { RawField } from './raw.ts';
import { segmentOf, Stream, type Segment } from './tcp.ts';
import type { CapturedPacket } from './pcap.ts';
import type { TokenVisibility } from './token.ts';

interface Flow {
  readonly id: string;
  readonly client: string;
  readonly sent: Stream;
  readonly received: Stream;
  end?: { readonly how: Ending; readonly order: number } | undefined;
}

const MOST_FLOWS = 10_000;

export function readPackets(packets: Iterable<CapturedPacket>, visibility: TokenVisibility): Conversation {
  const flows: Flow[] = [];
  const open = new Map<string, Flow>();
  const builder = new ConversationBuilder('packets', visibility);
  let order = 0;
  for (const packet of packets) {
    const segment = segmentOf(packet);
    if (segment === undefined) continue;
    order++;
    const flow = flowOf(segment, open, flows);
    if (flow === undefined) {
      builder.blind('incomplete');
      continue;
    }
    (segment.from === flow.client ? flow.sent : flow.received).add(segment, order);
    if (segment.flags.rst) flow.end ??= { how: 'reset', order };
    else if (segment.flags.fin) flow.end ??= { how: 'closed', order };
  }
  const events = flows.flatMap((flow) => eventsOf(flow, order));
  for (const { run } of events.toSorted((a, b) => a.order - b.order)) run(builder);
  return builder.build();
}

function flowOf(segment: Segment, open: Map<string, Flow>, flows: Flow[]): Flow | undefined {
  const key = [segment.from, segment.to].toSorted().join(' ');
  const isNew = segment.flags.syn && !segment.flags.ack;
  const known = open.get(key);
  if (known !== undefined && !isNew) return known;
  if (flows.length >= MOST_FLOWS) return undefined;
  const client = segment.flags.syn && segment.flags.ack ? segment.to : isClient(segment) ? segment.from : segment.to;
  const flow: Flow = { id: `${flows.length + 1}`, client, sent: new Stream(), received: new Stream() };
  open.set(key, flow);
  flows.push(flow);
  return flow;
}

/** Without a SYN a capture that began later tells it by what is said, else by the ports. */
function isClient({ flags, payload, from, to }: Segment): boolean {
  if (flags.syn) return true;
  const start = toLatin1(payload.subarray(0, 16));
  if (start.startsWith('HTTP/')) return false;
  if (/^[A-Z]{3,10} /.test(start)) return true;
  const port = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));
  return port(from) >= port(to);
}

interface Event {
  readonly order: number;
  readonly run: (builder: ConversationBuilder) => void;
}

function eventsOf(flow: Flow, last: number): Event[] {
  flow.sent.finish(last);
  flow.received.finish(last);
  const { id, end } = flow;
  const events: Event[] = [];
  for (const message of messagesIn(flow.sent)) {
    if (message.head.kind === 'request') events.push({ order: message.order, run: (builder) => builder.request(id, { ...message.head, fields: message.fields, time: message.time }) });
  }
  for (const message of messagesIn(flow.received)) {
    const { head, fields, body, time } = message;
    if (head.kind === 'response') events.push({ order: message.order, run: (builder) => builder.response(id, { ...head, fields, body, time }) });
  }
  if (events.length === 0) return [];
  events.unshift({ order: 0, run: (builder) => builder.open(id) });
  if (end !== undefined) events.push({ order: end.order + 0.5, run: (builder) => builder.end(id, end.how) });
  return events;
}

interface Message {
  readonly head: Head;
  readonly fields: readonly RawField[];
  readonly body: string;
  readonly time: number | undefined;
  readonly order: number;
}

const LONGEST_HEAD = 256 * 1024;
const KEPT_BODY = 4096;
const HEAD_END = Uint8Array.of(13, 10, 13, 10);
const MOST_BYTES = 16 * 1024 * 1024; // of one direction; what follows is of no handshake

/** Every head in one direction: behind a body of known length, else where the next first line stands. */
function* messagesIn(stream: Stream): Generator<Message> {
  const { bytes, whenAt } = joined(stream);
  for (let at = 0; at < bytes.length; ) {
    const end = indexOfBytes(bytes.subarray(0, Math.min(bytes.length, at + LONGEST_HEAD)), HEAD_END, at);
    const text = end < 0 ? toLatin1(bytes.subarray(at, Math.min(bytes.length, at + LONGEST_HEAD))) : toLatin1(bytes.subarray(at, end));
    const [first = '', ...lines] = linesOf(text);
    const head = startLine(first);
    if (head === undefined) {
      const next = nextStart(bytes, at + 1);
      if (next === undefined) return;
      at = next;
      continue;
    }
    const fields = lines.map(fieldLine).filter((field) => field !== undefined);
    const body = end < 0 ? bytes.length : end + 4;
    const length = Number(fields.find(([name]) => /^content-length$/i.test(name))?.[1] ?? Number.NaN);
    yield { head, fields, body: toLatin1(bytes.subarray(body, Math.min(bytes.length, body + KEPT_BODY))), ...whenAt(at) };
    at = body + (Number.isSafeInteger(length) && startsAt(bytes, body + length) ? length : 0);
  }
}

/** A length is believed where it leads to the end or to another first line: a HEAD or a 304 has a length and no body. */
function startsAt(bytes: Uint8Array, at: number): boolean {
  return at === bytes.length || (at < bytes.length && startLine(toLatin1(bytes.subarray(at, at + 300)).split('\r\n')[0] ?? '') !== undefined);
}

function nextStart(bytes: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1)) {
    const first = bytes[at + 1] ?? 0;
    if (first < 0x41 || first > 0x5a) continue; // no capital letter
    if (startsAt(bytes, at + 1) && at + 1 < bytes.length) return at + 1;
  }
  return undefined;
}

function joined({ pieces }: Stream): { bytes: Uint8Array; whenAt: (at: number) => { time: number | undefined; order: number } } {
  const total = Math.min(MOST_BYTES, pieces.reduce((sum, { bytes }) => sum + bytes.length, 0));
  const all = new Uint8Array(total);
  const starts: number[] = [];
  let at = 0;
  for (const { bytes } of pieces) {
    starts.push(at);
    if (at < total) all.set(bytes.subarray(0, total - at), at);
    at += bytes.length;
  }
  return {
    bytes: all,
    whenAt: (offset) => {
      let low = 0;
      for (let high = starts.length; high - low > 1; ) {
        const middle = (low + high) >>> 1;
        if (starts[middle]! <= offset) low = middle;
        else high = middle;
      }
      const piece = pieces[low];
      return { time: piece?.time, order: piece?.order ?? 0 };
    },
  };
}
