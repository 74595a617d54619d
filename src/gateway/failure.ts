/** Why there was no answer, as a client is told (RFC 9209). */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { NtlmError } from '../errors.ts';
import { endGently } from '../http/server/last-words.ts';

export interface Failure {
  readonly status: number;
  /** A proxy error type of RFC 9209 2.3. */
  readonly error: string;
  /** For a person. */
  readonly reason: string;
  /** Of this library, where it is ours. */
  readonly code?: string | undefined;
}

const BY_SYSTEM_CODE: Readonly<Record<string, Pick<Failure, 'status' | 'error'>>> = {
  ECONNREFUSED: { status: 502, error: 'connection_refused' },
  ECONNRESET: { status: 502, error: 'connection_terminated' },
  EPIPE: { status: 502, error: 'connection_terminated' },
  EHOSTUNREACH: { status: 502, error: 'destination_ip_unroutable' },
  ENETUNREACH: { status: 502, error: 'destination_ip_unroutable' },
  ENOTFOUND: { status: 502, error: 'dns_error' },
  EAI_AGAIN: { status: 502, error: 'dns_error' },
  ETIMEDOUT: { status: 504, error: 'connection_timeout' },
};

/** Nothing came for as long as an exchange may be idle. */
export function tooSlow(): NtlmError {
  return new NtlmError('the other end took too long', { code: 'timed-out', phase: 'transport', side: 'peer' });
}

/** A 101 to a request that asked for no upgrade, or one that names no protocol. */
export function switchedUnasked(): NtlmError {
  return new NtlmError('the other end switched to a protocol that nobody asked for', { code: 'malformed-token', phase: 'transport', side: 'peer' });
}

/** Nothing of the request came for as long. */
export function clientTooSlow(): Failure {
  return { status: 408, error: 'http_request_error', reason: 'the rest of the request took too long' };
}

/** Whether a connection ended before there was an answer on it. */
export function isGone({ error }: Failure): boolean {
  return error === 'connection_terminated';
}

/** The client sent more than this gateway takes. */
export function bodyTooLong(limit: number): Failure {
  return { status: 413, error: 'http_request_error', reason: `the body takes more than ${limit} bytes` };
}

export function failureOf(error: unknown): Failure {
  if (error instanceof NtlmError) {
    const reason = error.message;
    if (error.code === 'timed-out') return { status: 504, error: 'http_response_timeout', reason, code: error.code };
    if (error.code === 'origin-refused') return { status: 403, error: 'destination_ip_prohibited', reason, code: error.code };
    return { status: 502, error: error.code === 'connection-closed' ? 'connection_terminated' : 'http_protocol_error', reason, code: error.code };
  }
  const { code = '', message = 'no way to the other end' } = (error ?? {}) as { readonly code?: string; readonly message?: string };
  const known = BY_SYSTEM_CODE[code];
  if (known !== undefined) return { ...known, reason: message };
  const error_ = /^(?:ERR_TLS|CERT_|UNABLE_|SELF_SIGNED|DEPTH_ZERO)/.test(code) ? 'tls_certificate_error' : 'http_protocol_error';
  return { status: 502, error: error_, reason: message };
}

/** Answers in the place of the other end, where nothing was answered yet. */
export function refuse(response: ServerResponse, failure: Failure): void {
  if (response.headersSent || response.destroyed) return;
  const { body, fields } = render(failure);
  const close = mayGoOn(response.req, failure) ? {} : { Connection: 'close' };
  response.writeHead(failure.status, { ...fields, ...close });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** Whether the next request can be found: what is left of the body is read away, which loses the client no answer to a reset. */
function mayGoOn({ complete, headers }: IncomingMessage, { status }: Failure): boolean {
  if (status === 400 || status === 408) return false; // read in another way, or not to come
  return complete || headers.expect === undefined; // it may keep its body
}

/** The same for a request whose socket is no longer HTTP's. */
export function refuseSocket(socket: Duplex, failure: Failure, more: Readonly<Record<string, string>> = {}): void {
  if (socket.destroyed) return;
  const { body, fields } = render(failure);
  const lines = Object.entries({ ...fields, ...more, Connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
  endGently(socket);
}

function render({ status, error, reason, code }: Failure): { body: string; fields: Record<string, string> } {
  const visible = reason.replace(/[^\x20-\x7e]/g, '?');
  const body = `${status} ${STATUS_CODES[status] ?? ''}\n${visible}\n`;
  const details = `${code === undefined ? '' : `${code}: `}${visible}`.replace(/["\\]/g, '\\$&');
  return {
    body,
    fields: {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
      'Proxy-Status': `ntlmachine; error=${error}; details="${details}"`,
    },
  };
}
