/**
 * The live page: HTTP on the loopback interface, for one person. Its address holds a random token, and whoever
 * does not know it, or comes by another host name (DNS rebinding), gets 403. What goes out is the allow-list of
 * a trace, decoded; what comes in is the name of a demonstration or a saved trace.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AnyActorRef } from 'xstate';
import { NtlmError } from '../../errors.ts';
import type { ExplainOptions } from '../explain/explain.ts';
import { walk } from '../diagram/walk.ts';
import { LARGEST_TRACE, parseTrace } from '../trace/parse.ts';
import type { ResponseVisibility } from '../trace/projection.ts';
import { Tracer, machineOf } from '../trace/trace.ts';
import { demonstrations, perform, type DemonstrationName } from './demonstrations.ts';
import { drawingOf, pageEntry, runOf, type PageRun } from './view.ts';

export interface VisualizeOptions {
  /** TCP port on 127.0.0.1; default 0, a free one. */
  readonly port?: number | undefined;
  /** Whether responses, MICs and encrypted keys are shown; default `masked`. */
  readonly responses?: ResponseVisibility | undefined;
}

/** A page that is being served. */
export interface Visualization extends AsyncDisposable {
  /** With the token that opens it. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves a page that shows `actor` live, or demonstrations without one.
 *
 * @throws NtlmError `invalid-argument` for anything but an actor of a state machine; `unsupported` in a bundle, which
 * has not the files of the page.
 */
export async function visualize(actor?: AnyActorRef, options: VisualizeOptions = {}): Promise<Visualization> {
  const page = new LivePage(options);
  if (actor !== undefined) page.watch(actor, 'Live actor');
  return page.listen(options.port ?? 0);
}

const TYPES: Readonly<Record<string, string>> = { html: 'text/html', css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' };
const ASSETS: readonly string[] = ['index.html', 'style.css', 'icon.svg'].map((name) => `assets/${name}`);
const CODE: readonly string[] = ['main', 'chart', 'dom', 'message', 'player', 'sequence'].map((name) => `client/${name}.js`);

/** The files beside this one, by the path that a browser asks for. @throws NtlmError `unsupported` where a bundle left them behind. */
function pageFiles(): ReadonlyMap<string, URL> {
  const { url } = import.meta as { readonly url?: string }; // none in a bundle of CommonJS
  const files = [...ASSETS, ...CODE].map((path) => [path.replace('assets/', ''), url && new URL(path, url)] as const);
  if (files.slice(0, ASSETS.length).some(([, file]) => !file || !existsSync(file))) {
    throw new NtlmError('the page is made of files of the package, which are not in the bundle: mark ntlmachine as external', {
      code: 'unsupported',
      phase: 'configure',
      side: 'local',
    });
  }
  return new Map(files as (readonly [string, URL])[]);
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
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
  readonly #listeners = new Set<ServerResponse>();
  readonly #responses: ResponseVisibility;
  #tracer: Tracer | undefined;
  #run: PageRun = { title: '', machine: 'ntlm', svg: drawingOf('ntlm'), entries: [] };

  constructor({ responses = 'masked' }: VisualizeOptions) {
    this.#responses = responses;
  }

  async listen(port: number): Promise<Visualization> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    const close = async (): Promise<void> => {
      this.#tracer?.stop();
      for (const response of this.#listeners) response.end();
      this.#server.closeAllConnections();
      await new Promise((resolve) => this.#server.close(resolve));
    };
    return { url: `http://127.0.0.1:${this.#port}/${this.#token}/`, close, [Symbol.asyncDispose]: close };
  }

  /** Shows `actor` from now on. */
  watch(actor: AnyActorRef, title: string, known: () => ExplainOptions = () => ({})): void {
    const tracer = new Tracer(actor, { responses: this.#responses });
    this.#tracer?.stop();
    this.#tracer = tracer;
    const machine = machineOf(actor.getSnapshot())!; // the tracer took it
    const svg = drawingOf(machine.id, walk(machine));
    this.#run = { title, machine: machine.id, svg, entries: tracer.entries.map((entry) => pageEntry(entry, [entry])) };
    this.#tell('run', this.#run);
    tracer.subscribe((entry) => {
      const shown = pageEntry(entry, tracer.entries, known());
      this.#run = { ...this.#run, entries: [...this.#run.entries, shown] };
      this.#tell('entry', shown);
    });
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
        if (path === 'events') return this.#listen(response);
        if (path === 'trace') return json(response, 200, this.#tracer ?? null);
        break;
      case 'POST':
        if (path === 'trace') return readTrace(request, response);
        if (path.startsWith('demo/')) return this.#demonstrate(path.slice(5), response);
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

  #listen(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#listeners.add(response);
    response.once('close', () => this.#listeners.delete(response));
    response.write(sse('run', this.#run));
  }

  #tell(event: string, data: unknown): void {
    const text = sse(event, data);
    for (const response of this.#listeners) response.write(text);
  }

  async #demonstrate(name: string, response: ServerResponse): Promise<void> {
    if (!Object.hasOwn(demonstrations, name)) return end(response, 404, 'no such demonstration');
    const demonstration = name as DemonstrationName;
    const { actor, known, play } = perform(demonstration);
    this.watch(actor, demonstrations[demonstration].title, known);
    await play();
    this.#tell('end', null);
    end(response, 204, '');
  }
}

function sse(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

const read = new Map<URL, Promise<Buffer>>();

async function serveAsset(response: ServerResponse, asset: URL): Promise<void> {
  const reading = read.get(asset) ?? readFile(asset);
  read.set(asset, reading);
  const body = await reading;
  const type = TYPES[asset.pathname.slice(asset.pathname.lastIndexOf('.') + 1)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(body);
}

async function readTrace(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LARGEST_TRACE) return end(response, 413, 'the trace is larger than 64 MiB');
    chunks.push(chunk);
  }
  try {
    json(response, 200, runOf(parseTrace(Buffer.concat(chunks).toString('utf8')), 'Saved trace'));
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
    end(response, 422, error.message);
  }
}

function json(response: ServerResponse, status: number, data: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(data));
}

function end(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
