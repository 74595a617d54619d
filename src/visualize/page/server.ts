/**
 * The live page: HTTP on the loopback interface, for one person. Its address holds a random token, and whoever does not
 * know it, or comes by another host name (DNS rebinding), gets 403. What goes out is a conversation, masked unless whole
 * tokens were asked for; what comes in is the name of a demonstration, or a file that `readConversation` reads.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NtlmError } from '../../errors.ts';
import { unpacked } from '../conversation/gzip.ts';
import { LARGEST_CONVERSATION, readConversation } from '../conversation/read.ts';
import type { TokenVisibility } from '../conversation/token.ts';
import { wholeChart } from '../flow/charts.ts';
import { demonstrations, perform, type DemonstrationName } from './demonstrations.ts';
import { Feed } from './feed.ts';
import { pageFiles, pageModule } from './files.ts';
import { subjectOf, type Subject } from './subject.ts';

export interface VisualizeOptions {
  /** TCP port on 127.0.0.1; default 0, a free one. */
  readonly port?: number | undefined;
  /** `whole` shows responses, MICs and keys, which can be cracked offline; default `masked`. */
  readonly tokens?: TokenVisibility | undefined;
}

/** A page that is being served. */
export interface Visualization extends AsyncDisposable {
  /** With the token that opens it. */
  readonly url: string;
  /** Lets the process end while the page is served. */
  unref(): void;
  close(): Promise<void>;
}

/**
 * Serves a page that shows `subject` live: an `NtlmAgent`, an `NtlmDispatcher`, what `createNtlmFetch` or `createGateway`
 * returned, or an actor of a state machine; without one, demonstrations and files.
 *
 * @throws NtlmError `invalid-argument` for anything else; `unsupported` in a bundle, which has not the files of the page.
 * Rejects with Node's error where the port is not to be had.
 */
export async function visualize(subject?: object, { port = 0, tokens = 'masked' }: VisualizeOptions = {}): Promise<Visualization> {
  return servePage(subject === undefined ? undefined : (onChange) => subjectOf(subject, { tokens, onChange }), port);
}

/** `begin` makes what is shown. */
export async function servePage(begin: ((onChange: () => void) => Subject) | undefined, port: number): Promise<Visualization> {
  const page = new LivePage(begin);
  try {
    return await page.listen(port);
  } catch (error) {
    page.stop();
    throw error;
  }
}

const TYPES: Readonly<Record<string, string>> = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
} as const;

class LivePage {
  readonly #files = pageFiles();
  readonly #token = randomBytes(24).toString('base64url');
  readonly #server = createServer((request, response) => void this.#serve(request, response).catch(() => response.destroy()));
  readonly #subject: Subject | undefined;
  readonly #feed: Feed | undefined;

  constructor(begin: ((onChange: () => void) => Subject) | undefined) {
    const subject = begin?.(() => this.#feed?.changed());
    this.#subject = subject;
    this.#feed = subject === undefined ? undefined : new Feed(() => subject.conversation());
  }

  async listen(port: number): Promise<Visualization> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const close = async (): Promise<void> => {
      this.stop();
      this.#server.closeAllConnections();
      await new Promise((resolve) => this.#server.close(resolve));
    };
    const unref = (): void => {
      this.#server.unref().on('connection', (socket) => socket.unref());
    };
    return { url: `http://127.0.0.1:${this.#port}/${this.#token}/`, unref, close, [Symbol.asyncDispose]: close };
  }

  stop(): void {
    this.#subject?.stop();
    this.#feed?.close();
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const [, token = '', ...rest] = (request.url ?? '').split('?')[0]!.split('/');
    if (!this.#isOurs(request) || !this.#opens(token)) return end(response, 403, 'forbidden');
    const path = rest.join('/');
    const asset = this.#files.get(path === '' ? 'index.html' : path);
    switch (request.method) {
      case 'GET':
        if (asset !== undefined) return serveAsset(response, asset);
        if (path === 'events') return this.#feed === undefined ? end(response, 204, '') : this.#feed.listen(response);
        if (path === 'conversation') return json(response, this.#subject?.conversation() ?? null);
        if (/^(?:code|packages)\//.test(path)) return serveModule(response, await pageModule(path, `/${token}/`));
        if (path.startsWith('chart/')) return serveChart(response, wholeChart(path.slice(6), this.#subject?.diagram));
        break;
      case 'POST':
        if (path === 'read') return readFileOf(request, response);
        if (path.startsWith('demo/') && Object.hasOwn(demonstrations, path.slice(5))) return json(response, await perform(path.slice(5) as DemonstrationName));
        break;
    }
    end(response, 404, 'not found');
  }

  /** The name in the address bar is this server's, and the request comes from its own page or from no page. */
  #isOurs({ headers }: IncomingMessage): boolean {
    const hosts = [`127.0.0.1:${this.#port}`, `localhost:${this.#port}`];
    const { host = '', origin } = headers;
    return hosts.includes(host) && (origin === undefined || origin === `http://${host}`);
  }

  #opens(token: string): boolean {
    const [given, own] = [Buffer.from(token), Buffer.from(this.#token)];
    return given.length === own.length && timingSafeEqual(given, own);
  }
}

const read = new Map<URL, Promise<Buffer>>();

async function serveAsset(response: ServerResponse, asset: URL): Promise<void> {
  const reading = read.get(asset) ?? readFile(asset);
  read.set(asset, reading);
  const body = await reading;
  const type = TYPES[asset.pathname.slice(asset.pathname.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
}

function serveModule(response: ServerResponse, code: string | undefined): void {
  if (code === undefined) return end(response, 404, 'not found');
  response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(code);
}

function serveChart(response: ServerResponse, svg: string | undefined): void {
  if (svg === undefined) return end(response, 204, '');
  response.writeHead(200, { 'content-type': 'image/svg+xml; charset=utf-8' }).end(svg);
}

/** Whatever `explain` reads; nothing of it is kept. */
async function readFileOf(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST_CONVERSATION) return end(response, 413, 'the file is larger than 64 MiB');
    chunks.push(chunk);
  }
  const bytes = unpacked(Buffer.concat(chunks), LARGEST_CONVERSATION);
  if (bytes === undefined) return end(response, 413, 'the file is larger than 64 MiB');
  try {
    json(response, readConversation(bytes));
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    json(response, { problem: error.message });
  }
}

function json(response: ServerResponse, data: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(data));
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
