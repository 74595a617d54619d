/** What a server or proxy writes over HTTP: where a response ends, and what its challenges are. */
import { createRequire } from 'node:module';
import { parseChallenges, type Challenge } from '../../src/http/authentication/challenges.ts';
import { BodyReader, responseBodyLength } from '../../src/http/wire/body.ts';
import { HeadReader, parseResponseHead } from '../../src/http/wire/head.ts';
import { Finding, attempt, expectSame, summary } from './oracles.ts';

/** Node's own parser, which reads what we do not. Not public; nothing else here knows HTTP/1.1 as well. */
interface NodeParser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void;
  execute(bytes: Buffer): number | Error;
  [callback: number]: (...args: never[]) => unknown;
}
const { HTTPParser } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: { new (): NodeParser; RESPONSE: number; kOnHeadersComplete: number; kOnMessageComplete: number };
};

/** What Node makes of the same bytes as one response to a GET. */
function nodeReads(bytes: Buffer): { readonly complete: boolean; readonly keepAlive: boolean; readonly refused: boolean } {
  const parser = new HTTPParser();
  let complete = false;
  let keepAlive = false;
  parser.initialize(HTTPParser.RESPONSE, {}, 1 << 20, 0);
  parser[HTTPParser.kOnHeadersComplete] = (...head: unknown[]) => void (keepAlive = head[8] === true);
  parser[HTTPParser.kOnMessageComplete] = () => void (complete = true);
  const result = parser.execute(bytes);
  return { complete, keepAlive, refused: result instanceof Error };
}

/**
 * A connection goes on behind a response only where Node reads its end right there, too: what one of two readers takes for a body and the other for a response is how requests are smuggled.
 */
export function attackFraming(input: Uint8Array): string {
  const bytes = Buffer.from(input);
  const whole = attempt(() => headOf(bytes, bytes.length));
  const pieces = attempt(() => headOf(bytes, 1));
  expectSame('the head depends on how the bytes are cut', saidOf(pieces), saidOf(whole));
  if ('error' in whole) return summary(whole.error);
  if (whole.value === undefined) return 'no end of head';
  const length = whole.value;
  const read = attempt(() => {
    const head = parseResponseHead(bytes.subarray(0, length));
    return { head, body: responseBodyLength(head, 'GET') };
  });
  if ('error' in read) return summary(read.error);
  const { head, body } = read.value;
  if (head.status < 200) return 'interim';
  if (!head.persistent || body === 'until-close') return 'the last on its connection';

  const rest = bytes.subarray(length);
  const end = attempt(() => endOf(rest, body, rest.length));
  expectSame('the end depends on how the bytes are cut', saidOf(end), saidOf(attempt(() => endOf(rest, body, 1))));
  if ('error' in end) return summary(end.error);
  if (end.value === undefined) return `incomplete, ${typeof body}`;

  const at = length + end.value;
  const node = nodeReads(bytes.subarray(0, at));
  if (node.refused) throw new Finding(`goes on at ${at}, what Node refuses`);
  if (!node.complete || !node.keepAlive) throw new Finding(`goes on at ${at}, where Node says ${JSON.stringify(node)}`);
  if (at > length && nodeReads(bytes.subarray(0, at - 1)).complete) throw new Finding(`goes on at ${at}, Node before`);
  return `goes on, ${typeof body}`;
}

const saidOf = (result: ReturnType<typeof attempt<unknown>>): unknown =>
  'error' in result ? summary(result.error) : result.value;

/** The length of a head that comes in pieces of `size` bytes; `undefined`: it is not whole. */
function headOf(bytes: Buffer, size: number): number | undefined {
  const reader = new HeadReader('peer');
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    const whole = reader.read(piece);
    if (whole !== undefined) return whole.raw.length;
  }
  return undefined;
}

/** Where a body ends that comes in pieces of `size` bytes; `undefined`: not yet. */
function endOf(rest: Buffer, length: number | 'chunked' | 'until-close', size: number): number | undefined {
  const reader = new BodyReader(length, 'peer');
  let taken = 0;
  for (let at = 0; at < rest.length && !reader.done; at += size) taken += reader.take(rest.subarray(at, at + size));
  return reader.done ? taken : undefined;
}

/** Challenges written back are read as what they were. */
export function attackChallenges(input: Uint8Array): string {
  const values = Buffer.from(input).toString('latin1').split('\n');
  const read = parseChallenges(values);
  const again = parseChallenges(read.map(render));
  const plain = (challenges: readonly Challenge[]): unknown =>
    challenges.map(({ scheme, token68, parameters }) => [scheme, token68, [...parameters]]);
  expectSame('challenges change on their way back', plain(again), plain(read));
  const kinds = new Set(read.map(({ token68, parameters }) => `${token68 === undefined ? '' : 'token68 '}${Math.min(parameters.size, 2)}`));
  return [...kinds].sort().join(', ');
}

function render({ scheme, token68, parameters }: Challenge): string {
  if (token68 !== undefined && parameters.size === 0) return `${scheme} ${token68}`;
  const list = [...parameters].map(([name, value]) => `${name}="${value.replace(/["\\]/g, '\\$&')}"`).join(', ');
  return token68 === undefined ? `${scheme} ${list}` : `${scheme} ${token68}, ${list}`;
}
