/**
 * WinRM's message encryption over HTTP (MS-WSMV 2.2.9.1), both ends: SOAP sealed with the session of the connection that
 * carries it. A connection is authenticated by a request without a body; what follows on it is sealed.
 */
import { request as httpRequest, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { Credentials } from 'ntlmachine';
import { createNtlmServer, NtlmAgent, sessionOf, type HttpScheme, type NtlmServerOptions } from 'ntlmachine/http';
import type { NtlmSession } from 'ntlmachine/session';

const PROTOCOL = 'application/HTTP-SPNEGO-session-encrypted';
const CONTENT_TYPE = `multipart/encrypted;protocol="${PROTOCOL}";boundary="Encrypted Boundary"`;
const BOUNDARY = '--Encrypted Boundary';

export function encryptMessage(session: NtlmSession, envelope: string): Buffer {
  const { sealed, signature } = session.seal(new TextEncoder().encode(envelope));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(signature.length);
  const head =
    `${BOUNDARY}\r\n\tContent-Type: ${PROTOCOL}\r\n` +
    `\tOriginalContent: type=application/soap+xml;charset=UTF-8;Length=${sealed.length}\r\n` +
    `${BOUNDARY}\r\n\tContent-Type: application/octet-stream\r\n`;
  return Buffer.concat([Buffer.from(head), length, signature, sealed, Buffer.from(`${BOUNDARY}--\r\n`)]);
}

export function decryptMessage(session: NtlmSession, body: Buffer): string {
  const marker = 'application/octet-stream\r\n';
  const at = body.indexOf(marker) + marker.length;
  const announced = Number(/;Length=(\d+)\r\n/.exec(body.toString('latin1', 0, at))?.[1]);
  if (at < marker.length || Number.isNaN(announced) || at + 4 > body.length) throw new Error('not an encrypted message');
  const start = at + 4 + body.readUInt32LE(at);
  const [signature, sealed] = [body.subarray(at + 4, start), body.subarray(start, start + announced)];
  return new TextDecoder().decode(session.unseal({ sealed, signature }));
}

/** One conversation over one connection. */
export class WinrmClient {
  readonly #url: string;
  readonly #agent: NtlmAgent;

  constructor(url: string, credentials: Credentials, prefer: HttpScheme = 'Negotiate') {
    this.#url = url;
    this.#agent = new NtlmAgent({ credentials, prefer, sessionSecurity: 'seal', maxSockets: 1 });
  }

  async post(envelope: string): Promise<string> {
    let { status, body, session } = await this.#send(envelope);
    if (status === 200 && session === undefined) ({ status, body, session } = await this.#send(envelope)); // now authenticated
    if (status !== 200 || session === undefined) throw new Error(`the server answers ${status}`);
    return decryptMessage(session, body);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Sealed, where the connection has a session by now; without a body where it has none. */
  #send(envelope: string): Promise<{ status: number | undefined; body: Buffer; session: NtlmSession | undefined }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(this.#url, { agent: this.#agent, method: 'POST' });
      let session: NtlmSession | undefined;
      request.once('socket', (socket) => {
        session = sessionOf(socket);
        const body = session === undefined ? '' : encryptMessage(session, envelope);
        if (session !== undefined) request.setHeader('Content-Type', CONTENT_TYPE);
        request.setHeader('Content-Length', body.length);
        request.end(body);
      });
      request.once('error', reject);
      request.once('response', (response) => {
        const { statusCode: status } = response;
        buffer(response).then((body) => resolve({ status, body, session }), reject);
      });
    });
  }
}

/** A server that answers envelopes; it reads none that is not sealed. */
export function createWinrmServer(options: NtlmServerOptions, answer: (envelope: string) => string): Server {
  return createNtlmServer({ schemes: ['Negotiate', 'NTLM'], ...options, sessions: true }, async (request, response) => {
    const body = await buffer(request);
    const session = sessionOf(request);
    if (body.length === 0) return void response.writeHead(200, { 'Content-Length': 0 }).end();
    if (session === undefined || !request.headers['content-type']?.includes(PROTOCOL)) {
      return void response.writeHead(403, { 'Content-Length': 0 }).end();
    }
    try {
      const sealed = encryptMessage(session, answer(decryptMessage(session, body)));
      response.writeHead(200, { 'Content-Type': CONTENT_TYPE, 'Content-Length': sealed.length }).end(sealed);
    } catch {
      request.socket.destroy(); // what was altered on its way ends the session, and with it the connection
    }
  });
}
