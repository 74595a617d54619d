/** What a server, or a proxy, saw of its clients and said to them, request by request: what a page has to show. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { requireNtlm, type NtlmServerOptions } from 'ntlmachine/http';
import { decodeAuthenticate } from 'ntlmachine/messages';

export interface Message {
  readonly side: 'server' | 'proxy';
  readonly type: 'NEGOTIATE' | 'CHALLENGE' | 'AUTHENTICATE';
  readonly bytes: Buffer;
  /** As the page names it: `AUTHENTICATE alice 358`. */
  readonly label: string;
}

export interface Witnessed {
  /** The client's port: one for each connection. */
  readonly connection: number;
  readonly method: string;
  readonly path: string;
  readonly sent: Message | undefined;
  status?: number;
  answered?: Message | undefined;
  /** Schemes that were offered without a token. */
  offered?: readonly string[];
}

/** A server that asks for NTLM, and what it saw, in the order in which requests came. */
export function witnessed(options: NtlmServerOptions, listener: RequestListener): { readonly server: Server; readonly seen: readonly Witnessed[] } {
  const seen: Witnessed[] = [];
  const gate = requireNtlm(options);
  const server = createServer((request, response) => {
    seen.push(noted(request, response));
    void gate(request, response, () => listener(request, response));
  });
  return { server, seen };
}

function noted({ headers, method = '', url = '', socket }: IncomingMessage, response: ServerResponse): Witnessed {
  const one: Witnessed = {
    connection: socket.remotePort ?? 0,
    method,
    path: new URL(url, 'http://x').pathname + (url.includes('?') ? '?…' : ''), // a query is nobody's business
    sent: messageIn('proxy', headers['proxy-authorization']) ?? messageIn('server', headers.authorization),
  };
  response.once('finish', () => {
    const [proxys, servers] = ['proxy-authenticate', 'www-authenticate'].map((name) => [response.getHeader(name) ?? []].flat().map(String)) as [string[], string[]];
    one.status = response.statusCode;
    one.answered = messageIn('proxy', ...proxys) ?? messageIn('server', ...servers);
    one.offered = [...proxys, ...servers].filter((field) => !field.includes(' '));
  });
  return one;
}

const TYPES = [undefined, 'NEGOTIATE', 'CHALLENGE', 'AUTHENTICATE'] as const;

function messageIn(side: Message['side'], ...fields: readonly (string | undefined)[]): Message | undefined {
  const written = fields.map((field) => /^NTLM (\S+)$/.exec(field ?? '')?.[1]).find((token) => token !== undefined);
  if (written === undefined) return undefined;
  const bytes = Buffer.from(written, 'base64');
  const type = TYPES[bytes[8] ?? 0];
  if (type === undefined) throw new Error(`not a message of NTLM: ${written}`);
  const user = type === 'AUTHENTICATE' ? `${decodeAuthenticate(bytes).userName} ` : '';
  return { side, type, bytes, label: `${type} ${user}${bytes.length}` };
}

/** The steps that a page has to show of it: each message once, and the state that it leads to. */
export function stepsOf(seen: readonly Witnessed[]): string[] {
  return seen.flatMap(({ method, path, sent, status = 0, answered, offered = [] }) => {
    const end = status === 407 ? 'proxy' : status === 401 ? 'server' : (sent?.side ?? 'server');
    const out = [`${method} ${path}`, sent?.label].filter((part) => part !== undefined);
    const back = [[status, ...(offered.length === 0 ? [] : [offered.join(', ')])].join('  '), answered?.label].filter((part) => part !== undefined);
    const proven = sent?.type === 'AUTHENTICATE' ? [status === (sent.side === 'proxy' ? 407 : 401) ? 'state rejected' : 'state authenticated'] : [];
    return [
      `client to ${end}: ${out.join(', ')}`,
      ...(sent?.type === 'NEGOTIATE' ? ['state negotiated'] : sent?.type === 'AUTHENTICATE' ? ['state responded'] : []),
      `${end} to client: ${back.join(', ')}`,
      ...(answered === undefined ? proven : ['state challenged']),
    ];
  });
}
