import { NtlmError } from '../../errors.ts';
import { fromBase64 } from '../bytes.ts';
import type { FieldSpan } from '../../messages/reader.ts';
import type { MessageName } from '../decode/decode.ts';
import { KERBEROS_MESSAGES } from '../../spnego/kerberos/shapes.ts';
import type { TracedToken } from './mask.ts';
import type { TracedContext, TracedError } from './projection.ts';
import { TRACE_FORMAT, TRACE_VERSION, type Trace, type TraceEntry } from './trace.ts';

/** Bytes, or characters. */
export const LARGEST_TRACE = 64 * 1024 * 1024;
const LATEST_TIME = 8.64e15; // of a Date
const MOST_MASKS = 1000; // more than a message has fields
const MESSAGES: readonly unknown[] = ['NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE', ...KERBEROS_MESSAGES, 'NEGOEX'];

/**
 * A saved trace. Only what a trace is made of is taken over; the rest of the file is ignored.
 *
 * @throws NtlmError `unsupported` for a trace of another version, `invalid-argument` for anything else.
 */
export function parseTrace(json: string): Trace {
  if (typeof json !== 'string' || json.length > LARGEST_TRACE) throw refused('is not a text of at most 64 MiB');
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw refused('is not JSON');
  }
  return traceOf(value);
}

/** The same, of JSON that is parsed. */
export function traceOf(value: unknown): Trace {
  const { format, version, machine, dropped, entries } = record(value, 'is not a trace of ntlmachine');
  if (format !== TRACE_FORMAT) throw refused('is not a trace of ntlmachine');
  if (version !== TRACE_VERSION) {
    const theirs = typeof version === 'number' ? version : 'of another kind';
    throw new NtlmError(`the trace has version ${theirs}; this release reads version ${TRACE_VERSION}`, {
      code: 'unsupported',
      phase: 'configure',
      side: 'local',
    });
  }
  if (!Array.isArray(entries)) throw refused('has no entries');
  return {
    format: TRACE_FORMAT,
    version: TRACE_VERSION,
    machine: string(machine, 'machine'),
    dropped: dropped === undefined ? 0 : number(dropped, 'dropped'),
    entries: entries.map(entryOf),
  };
}

export function entryOf(value: unknown, index: number): TraceEntry {
  const at = `entries[${index}]`;
  const { time, machine, event, from, to, transitions, tags, context, side, direction, token } = record(value, `has no object at ${at}`);
  return {
    time: timeOf(time, `${at}.time`),
    machine: string(machine, `${at}.machine`),
    event: string(event, `${at}.event`),
    from: string(from, `${at}.from`),
    to: string(to, `${at}.to`),
    transitions: list(transitions, `${at}.transitions`).map((way) => {
      const { source, target } = record(way, `has no object in ${at}.transitions`);
      return { source: string(source, `${at}.source`), ...(target === undefined ? {} : { target: string(target, `${at}.target`) }) };
    }),
    tags: list(tags, `${at}.tags`).map((tag) => string(tag, `${at}.tags`)),
    context: contextOf(record(context, `has no object at ${at}.context`), at),
    ...(side === 'server' || side === 'proxy' ? { side } : {}),
    ...(direction === 'sent' || direction === 'received' ? { direction } : {}),
    ...(token === undefined ? {} : { token: tokenOf(token, at) }),
  };
}

function contextOf({ attempt, response, negotiateFlags, error, sessionKey }: Record<string, unknown>, at: string): TracedContext {
  return {
    ...(attempt === undefined ? {} : { attempt: number(attempt, `${at}.attempt`) }),
    ...(response === undefined ? {} : { response: string(response, `${at}.response`) }),
    ...(negotiateFlags === undefined ? {} : { negotiateFlags: number(negotiateFlags, `${at}.negotiateFlags`) }),
    ...(error === undefined ? {} : { error: errorOf(error, at) }),
    ...(sessionKey === true ? { sessionKey } : {}),
  };
}

export function errorOf(value: unknown, at: string): TracedError {
  const { name, message, code, phase, side, offset } = record(value, `has no object at ${at}.error`);
  return {
    name: string(name, `${at}.error.name`),
    message: string(message, `${at}.error.message`),
    code: string(code, `${at}.error.code`) as TracedError['code'],
    phase: string(phase, `${at}.error.phase`) as TracedError['phase'],
    side: string(side, `${at}.error.side`) as TracedError['side'],
    ...(offset === undefined ? {} : { offset: number(offset, `${at}.error.offset`) }),
  };
}

export function tokenOf(value: unknown, at: string): TracedToken {
  const { message, base64, masked } = record(value, `has no object at ${at}.token`);
  const text = string(base64, `${at}.token.base64`);
  if (text !== '' && fromBase64(text) === undefined) throw refused(`has no base64 at ${at}.token`);
  const spans = list(masked, `${at}.token.masked`);
  if (spans.length > MOST_MASKS) throw refused(`has more than ${MOST_MASKS} elements at ${at}.token.masked`);
  return {
    message: MESSAGES.includes(message) ? (message as MessageName) : undefined,
    base64: text,
    masked: spans.map((span): FieldSpan => {
      const { name, offset, length } = record(span, `has no object in ${at}.token.masked`);
      return { name: string(name, `${at}.name`), offset: number(offset, `${at}.offset`), length: number(length, `${at}.length`) };
    }),
  };
}

export function record(value: unknown, problem: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(problem);
  return value as Record<string, unknown>;
}

export function list(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) throw refused(`has no list at ${at}`);
  return value;
}

export function string(value: unknown, at: string): string {
  if (typeof value !== 'string') throw refused(`has no text at ${at}`);
  return value;
}

export function number(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw refused(`has no number at ${at}`);
  return value;
}

function timeOf(value: unknown, at: string): number {
  const time = number(value, at);
  if (Math.abs(time) > LATEST_TIME) throw refused(`has no time at ${at}`);
  return time;
}

function refused(problem: string): NtlmError {
  return new NtlmError(`the trace ${problem}`, { code: 'invalid-argument', phase: 'configure', side: 'local' });
}
