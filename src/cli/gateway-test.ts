/** One request through a gateway, and what became of it in words. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Gateway, GatewayOptions } from '../gateway/index.ts';
import { record } from '../visualize/conversation/record.ts';
import { harmless } from '../visualize/decode/text.ts';
import { explain } from '../visualize/explain/explain.ts';
import type { Terminal } from './terminal.ts';
import { UsageError } from './verb.ts';

const USUAL_URL = 'http://example.com/';

/** @returns the exit code: 0 where there was an answer of the other end. */
export async function tryGateway(server: Gateway, options: GatewayOptions, operand: string | undefined, terminal: Terminal): Promise<number> {
  const forward = options.to === undefined;
  const url = urlOf(operand ?? (forward ? USUAL_URL : String(options.to)));
  if (!forward && url.origin !== new URL(options.to).origin) throw new UsageError(`URL must lie on ${new URL(options.to).origin}`);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const through = forward ? [options.upstream].flat().map(String).join(', ') : url.origin;
  const recording = record();
  try {
    const { status, reason } = await ask(url, port, options);
    const verdict = reason === undefined ? `${through} answered ${status} for ${url.origin}` : `${through}: ${reason}`;
    const conversation = recording.conversation();
    const told = conversation.connections.length > 0 ? `${explain(conversation).sentence}\n` : ''; // nobody was reached
    terminal.out(`${harmless(verdict)}\n${harmless(told.trimEnd())}${told === '' ? '' : '\n'}`);
    return reason === undefined ? 0 : 1;
  } finally {
    recording.stop();
    server.close();
    server.closeAllConnections();
  }
}

function urlOf(text: string): URL {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new UsageError('URL must be of http or https');
  return new URL(text);
}

interface Outcome {
  readonly status: number;
  /** Why there is no answer of the other end. */
  readonly reason?: string | undefined;
}

async function ask(url: URL, port: number, { to, tls, clientTokens }: GatewayOptions): Promise<Outcome> {
  const tunnelled = to === undefined && url.protocol === 'https:';
  const path = tunnelled ? `${url.hostname}:${url.port || 443}` : to === undefined ? url.href : `${url.pathname}${url.search}`;
  const token = clientTokens?.[0];
  const basic = token === undefined ? {} : { [to === undefined ? 'Proxy-Authorization' : 'Authorization']: `Basic ${Buffer.from(`test:${token}`).toString('base64')}` };
  const send = tls === undefined ? httpRequest : httpsRequest;
  const outgoing = send({
    host: '127.0.0.1',
    port,
    method: tunnelled ? 'CONNECT' : 'GET',
    path,
    headers: { Host: to === undefined ? url.host : `127.0.0.1:${port}`, ...basic },
    agent: false,
    rejectUnauthorized: false, // our own, a moment ago
  });
  outgoing.end();
  const [answer, socket] = (await Promise.race([once(outgoing, 'response'), once(outgoing, 'connect')])) as [IncomingMessage, { destroy(): void }?];
  const { statusCode: status = 0, headers } = answer;
  const written = /details="((?:[^"\\]|\\.)*)"/.exec(String(headers['proxy-status'] ?? ''))?.[1];
  socket?.destroy();
  answer.destroy();
  return { status, reason: written?.replace(/\\(.)/g, '$1') };
}
