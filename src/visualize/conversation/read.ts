/** Whatever a person has at hand, as a conversation: the kind is told by its first bytes, never by the name of the file. */
import { NtlmError } from '../../errors.ts';
import { toLatin1 } from '../bytes.ts';
import { findTokens, type FoundToken } from '../decode/find.ts';
import { dumpsOf } from '../decode/hex-dump.ts';
import { traceOf } from '../trace/parse.ts';
import { TRACE_FORMAT } from '../trace/trace.ts';
import { isApacheClient, readApacheClient } from './apache-client.ts';
import { ConversationBuilder } from './builder.ts';
import { CONVERSATION_FORMAT, type Conversation } from './conversation.ts';
import { isCurlTrace, isCurlVerbose, isGitTrace, readCurlTrace, readCurlVerbose, readGitTrace } from './curl.ts';
import { archive, elsewhere, notRead } from './elsewhere.ts';
import { isHar, readHar } from './har.ts';
import { addHeads, linesOf, startLine } from './heads.ts';
import { isJava, readJava } from './java.ts';
import { recordOf } from './json.ts';
import { isLiteral, readLiterals } from './literals.ts';
import { cutNetExport, isNetExport, readNetExport } from './net-export.ts';
import { readPackets } from './packets.ts';
import { cleaned, decoded, unwrapped } from './pasted.ts';
import { isCapture, packetsOf } from './pcap.ts';
import { isPrinted, readPrinted } from './printed.ts';
import { parseConversation } from './saved.ts';
import { conversationOfTrace } from './steps.ts';
import { conversationOfFound } from './tokens.ts';
import type { TokenVisibility } from './token.ts';

/** Bytes, or characters. */
export const LARGEST_CONVERSATION = 64 * 1024 * 1024;

export interface ReadOptions {
  /** Whether responses, MICs and keys stay in it, which can be cracked offline; default `masked`. */
  readonly tokens?: TokenVisibility | undefined;
}

/**
 * A conversation from a saved trace or conversation, a HAR, a net-export of Chromium, curl's `-v`, `--trace` and
 * `--trace-ascii`, the logs of git and of Java's, Python's and Ruby's clients, raw heads, a capture (pcap, pcapng), a hex
 * dump of packets, or tokens alone.
 *
 * @throws NtlmError `malformed-token` where none of these is in the input, `too-long` for more than 64 MiB, `unsupported`
 * for a file of another version.
 */
export function readConversation(input: string | Uint8Array, { tokens = 'masked' }: ReadOptions = {}): Conversation {
  if (input.length > LARGEST_CONVERSATION) {
    throw problem('too-long', 'the input has more than 64 MiB; cut it down to the connection in question, with a filter of the tool that made it');
  }
  if (typeof input !== 'string' && isCapture(input)) return readCapture(input, tokens);
  const kind = archive(input);
  if (kind !== undefined) throw problem('malformed-token', kind);
  const given = decoded(input);
  const text = cleaned(typeof given === 'string' ? given : textOf(given));
  const unread = notRead(text);
  if (unread !== undefined) throw problem('malformed-token', unread);
  const found = readJson(text, tokens) ?? readWithin(text, tokens) ?? readText(text, tokens);
  return found ?? conversationOfFound(tokensWithin(typeof given === 'string' ? text : given), tokens);
}

const SEVERAL = 'give each recording whole, in a file of its own';

function readText(text: string, tokens: TokenVisibility): Conversation | undefined {
  for (const reader of TEXT_READERS) {
    const read = reader(text, tokens);
    if (read !== undefined && read.connections.length > 0) return read;
  }
  return undefined;
}

/** What other text stands around, before it misleads: a mail, a log, a word of its sender. */
function readWithin(text: string, tokens: TokenVisibility): Conversation | undefined {
  const start = /\{\s*"log"\s*:\s*\{/.exec(text)?.index;
  const har = start === undefined ? undefined : readJson(text.slice(start, text.lastIndexOf('}') + 1), tokens);
  if (har !== undefined && isCurlVerbose(text.slice(0, start))) throw problem('malformed-token', SEVERAL);
  const inner = har === undefined ? unwrapped(text) : undefined;
  return har ?? (inner === undefined ? undefined : readJson(inner, tokens) ?? readText(inner, tokens));
}

/** Of what holds none it is said what to give instead. */
function tokensWithin(input: string | Uint8Array): readonly FoundToken[] {
  try {
    return findTokens(input);
  } catch (error) {
    const text = typeof input === 'string' ? input : textOf(input);
    if (!(error instanceof NtlmError) || error.code !== 'malformed-token' || !/\S/.test(text)) throw error;
    throw problem('malformed-token', elsewhere(text));
  }
}

type TextReader = (text: string, tokens: TokenVisibility) => Conversation | undefined;

const TEXT_READERS: readonly TextReader[] = [
  (text, tokens) => (isGitTrace(text) ? readGitTrace(text, tokens) : undefined),
  (text, tokens) => (isCurlTrace(text) ? readCurlTrace(text, tokens) : undefined),
  (text, tokens) => (isCurlVerbose(text) ? readCurlVerbose(text, tokens) : undefined),
  (text, tokens) => (isLiteral(text) ? readLiterals(text, tokens) : undefined),
  (text, tokens) => (isApacheClient(text) ? readApacheClient(text, tokens) : undefined),
  (text, tokens) => (isJava(text) ? readJava(text, tokens) : undefined),
  readHeads,
  readDump,
  readPrinted,
];

function readHeads(text: string, tokens: TokenVisibility): Conversation | undefined {
  const builder = new ConversationBuilder('heads', tokens);
  return addHeads(builder, linesOf(text)) > 0 ? builder.build() : undefined;
}

/** Packets where each dump is one, else the bytes of a stream. */
function readDump(text: string, tokens: TokenVisibility): Conversation | undefined {
  const dumps = dumpsOf(text);
  if (dumps.length === 0) return undefined;
  const packets = readPackets(dumps.map((bytes) => ({ linkType: linkTypeOf(bytes), time: undefined, bytes })), tokens);
  if (packets.connections.length > 0) return packets;
  const builder = new ConversationBuilder('heads', tokens);
  return addHeads(builder, linesOf(joined(dumps.map(toLatin1)))) > 0 ? builder.build() : undefined;
}

/** A body need not end with its line: what begins as a head stands on a line of its own. */
function joined(texts: readonly string[]): string {
  return texts.map((text) => (startLine(text.slice(0, 9000).split(/\r?\n/, 1)[0] ?? '') === undefined ? text : `\n${text}`)).join('');
}

/** A dump does not say of which link it is. */
function linkTypeOf(bytes: Uint8Array): number {
  const type = (at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if ([0x0800, 0x86dd, 0x8100].includes(type(12))) return 1;
  if ([0x0800, 0x86dd].includes(type(14))) return 113;
  if ([0x0800, 0x86dd].includes(type(0)) && [0x40, 0x60].includes((bytes[20] ?? 0) & 0xf0)) return 276;
  return [0x40, 0x60].includes((bytes[0] ?? 0) & 0xf0) ? 101 : 0;
}

function readCapture(bytes: Uint8Array, tokens: TokenVisibility): Conversation {
  const conversation = readPackets(packetsOf(bytes), tokens);
  if (conversation.connections.length > 0) return conversation;
  try {
    return conversationOfFound(findTokens(bytes), tokens);
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    throw problem('malformed-token', 'no HTTP and no token is readable in this capture; where it went over TLS, record with `curl -v`, `ntlmachine request --trace FILE` or a proxy instead');
  }
}

function readJson(text: string, tokens: TokenVisibility): Conversation | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const cut = cutNetExport(text);
    if (cut !== undefined) return readNetExport(cut, tokens);
    if (/^\s*\{\s*"(?:log"\s*:\s*\{|format")/.test(text)) throw problem('malformed-token', `the file begins as JSON and breaks off, or more follows it: ${SEVERAL}`);
    return undefined;
  }
  const { format } = recordOf(value);
  if (format === CONVERSATION_FORMAT) return parseConversation(value, tokens);
  if (format === TRACE_FORMAT) return conversationOfTrace(traceOf(value), tokens);
  if (isNetExport(value)) return readNetExport(value, tokens);
  if (!isHar(value) && isPrinted(text)) return undefined; // a log of JSON
  if (!isHar(value)) throw problem('malformed-token', 'this JSON is no HAR and neither a trace nor a conversation of ntlmachine');
  return readHar(value, tokens);
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return toLatin1(bytes);
  }
}

function problem(code: 'malformed-token' | 'too-long', message: string): NtlmError {
  return new NtlmError(message, { code, phase: 'message', side: 'peer' });
}
