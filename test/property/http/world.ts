/** A server out of all that servers do to a HEAD, to a request that is not authenticated yet, and to connections. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { ALICE } from '../../http/support/origin.ts';
import type { Draw } from './draw.ts';

export interface WorldRules {
  /** What a HEAD is met with: as any other method, by a status, or by less than an answer. */
  readonly head: 'as others' | 'never' | 'reset' | 'closed' | 200 | 204 | 400 | 403 | 404 | 405 | 411 | 413 | 415 | 417 | 500 | 501;
  /** Milliseconds before it. */
  readonly headDelay: number;
  /** Bytes that follow the answer to a HEAD, and after how many milliseconds. */
  readonly headBody: 'none' | 'at once' | 'later';
  /** Paths under /open, and requests with a cookie, need no authentication. */
  readonly opens: 'nothing' | 'paths' | 'cookies' | 'everything';
  /** Requests after which a connection is asked again; 0: never. */
  readonly asksAgain: number;
  /** How Expect is met: by a 100 once the body is wanted; so, but twice, or after a while; by a 401 that closes; not at all; by 417. */
  readonly expect: 'granted' | 'twice' | 'late' | 'closes' | 'ignored' | '417';
  /** Whether a 401 comes before the body was read. */
  readonly early: boolean;
  /** Status for bodies in chunks, for bodies above 1,000 bytes, for bodies without a type. */
  readonly refuses: 'nothing' | 'chunks' | 'large' | 'untyped';
  /** Whether a 401 without a challenge says that it closes the connection. */
  readonly closesUnasked: boolean;
  /** Bytes of the pages behind 401s. */
  readonly page: number;
  /** Accidents: what closes a connection without a word, and how often. */
  readonly accidents: 'none' | 'behind challenges' | 'behind answers' | 'anywhere';
}

export function drawRules(draw: Draw): WorldRules {
  const odd = draw.chance(0.65);
  return {
    head: odd ? draw.of<WorldRules['head']>('as others', 'never', 'reset', 'closed', 200, 204, 400, 403, 404, 405, 411, 413, 415, 417, 500, 501) : 'as others',
    headDelay: draw.chance(0.15) ? 40 : 0,
    headBody: draw.chance(0.75) ? 'none' : draw.of('at once', 'later'),
    opens: draw.of('nothing', 'nothing', 'paths', 'cookies', 'everything'),
    asksAgain: draw.chance(0.7) ? 0 : draw.of(1, 2, 3),
    expect: draw.of('granted', 'granted', 'twice', 'late', 'closes', 'ignored', '417'),
    early: draw.chance(0.5),
    refuses: draw.chance(0.7) ? 'nothing' : draw.of('chunks', 'large', 'untyped'),
    closesUnasked: draw.chance(0.15),
    page: draw.of(0, 20, 20, 3000, 300_000),
    accidents: draw.chance(0.7) ? 'none' : draw.of('behind challenges', 'behind answers', 'anywhere'),
  };
}

interface Head {
  readonly method: string;
  readonly path: string;
  readonly fields: ReadonlyMap<string, string>;
}

export const LARGE = 1000;

/** What the handler of a call's own method was given. */
export interface Run {
  readonly call: string;
  readonly method: string;
  readonly body: string;
}

export class World implements AsyncDisposable {
  readonly runs: Run[] = [];
  /** What went over the wire, for whoever has to find out. */
  readonly log: string[] = [];
  readonly rules: WorldRules;
  readonly #draw: Draw;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor(rules: WorldRules, draw: Draw) {
    this.rules = rules;
    this.#draw = draw;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
      void new Connection(this, socket, (this.#connections += 1)).serve();
    });
  }

  static async open(rules: WorldRules, draw: Draw): Promise<World> {
    const world = new World(rules, draw);
    await new Promise<void>((resolve) => world.#server.listen(0, '127.0.0.1', resolve));
    return world;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  accident(where: Exclude<WorldRules['accidents'], 'none'>): boolean {
    const { accidents } = this.rules;
    if (accidents === 'anywhere') return this.#draw.chance(0.08);
    return accidents === where && this.#draw.chance(0.35);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

class Gone extends Error {}

/** One connection: it reads with a parser of its own, so that nothing of the library's judges the library. */
class Connection {
  readonly #world: World;
  readonly #socket: Socket;
  readonly #id: number;
  #received = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;
  #acceptor = newAcceptor();
  #user: string | undefined;
  #served = 0;

  constructor(world: World, socket: Socket, id: number) {
    this.#world = world;
    this.#socket = socket;
    this.#id = id;
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#wake?.();
    });
    socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
    socket.on('end', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  async serve(): Promise<void> {
    try {
      while (!this.#ended) await this.#answer(await this.#readHead());
    } catch (error) {
      if (!(error instanceof Gone)) throw error;
    }
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Gone();
    await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  async #readHead(): Promise<Head> {
    for (;;) {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end !== -1) {
        const [line = '', ...rows] = this.#received.toString('latin1', 0, end).split('\r\n');
        this.#received = this.#received.subarray(end + 4);
        const [method = '', path = ''] = line.split(' ');
        if (!/^[A-Z]+ \/\S* HTTP\/1\.1$/.test(line)) this.#world.log.push(`#${this.#id} NOT A REQUEST: ${line.slice(0, 60)}`);
        const fields = new Map(rows.map((row) => [row.slice(0, row.indexOf(':')).toLowerCase(), row.slice(row.indexOf(':') + 1).trim()]));
        return { method, path, fields };
      }
      await this.#more();
    }
  }

  async #readBody({ fields }: Head): Promise<string> {
    if (/chunked/i.test(fields.get('transfer-encoding') ?? '')) {
      let body = '';
      for (;;) {
        const line = this.#received.indexOf('\r\n');
        const size = line === -1 ? -1 : Number.parseInt(this.#received.toString('latin1', 0, line), 16);
        if (size === -1 || this.#received.length < line + 2 + size + 2) {
          await this.#more();
          continue;
        }
        body += this.#received.toString('latin1', line + 2, line + 2 + size);
        this.#received = this.#received.subarray(line + 2 + size + 2);
        if (size === 0) return body;
      }
    }
    const length = Number(fields.get('content-length') ?? 0);
    while (this.#received.length < length) await this.#more();
    const body = this.#received.toString('latin1', 0, length);
    this.#received = this.#received.subarray(length);
    return body;
  }

  async #answer(head: Head): Promise<void> {
    const { rules } = this.#world;
    const { method, fields } = head;
    const token = /^NTLM (\S+)$/.exec(fields.get('authorization') ?? '')?.[1];
    const message = token === undefined ? undefined : new Uint8Array(Buffer.from(token, 'base64'));
    const framing = fields.has('transfer-encoding') ? ' chunked' : ` ${fields.get('content-length') ?? '-'}`;
    this.#world.log.push(`#${this.#id} ${fields.get('x-call')} ${method} t${message?.[8] ?? 0}${framing}${fields.has('expect') ? ' expect' : ''}`);
    if (this.#world.accident('anywhere')) return this.#destroy();
    if (method === 'HEAD' && (await this.#meetsHead(head))) return;

    const expects = fields.has('expect');
    if (expects && rules.expect === '417') return this.#refuse(head, 417);
    const large = Number(fields.get('content-length') ?? 0) > LARGE;
    if (rules.refuses === 'chunks' && fields.has('transfer-encoding')) return this.#refuse(head, 411);
    if (rules.refuses === 'large' && large) return this.#refuse(head, 413);
    const empty = !fields.has('transfer-encoding') && (fields.get('content-length') ?? '0') === '0';
    if (rules.refuses === 'untyped' && (empty ? method === 'POST' || method === 'PUT' : !fields.has('content-type'))) {
      return this.#refuse(head, 415);
    }
    if (message?.[8] === 1 && !this.#isOpen(head)) {
      this.#user = undefined;
      this.#acceptor = newAcceptor();
      return this.#ask(head, Buffer.from(this.#acceptor.challenge(message)).toString('base64'));
    }
    if (message?.[8] === 3) {
      const result = await this.#acceptor.authenticate(message).catch(() => ({ ok: false }) as const);
      if (!result.ok) return this.#ask(head);
      this.#user = result.identity.username;
      this.#served = 0;
    } else if (!this.#isOpen(head) && this.#user !== undefined && rules.asksAgain > 0 && this.#served >= rules.asksAgain) {
      this.#user = undefined;
    }
    if (!this.#isOpen(head) && this.#user === undefined) return this.#ask(head);
    this.#served += 1;
    await this.#handle(head, expects);
  }

  #isOpen({ path, fields }: Head): boolean {
    const { opens } = this.#world.rules;
    return opens === 'everything' || (opens === 'paths' && path.startsWith('/open')) || (opens === 'cookies' && fields.has('cookie'));
  }

  /** @returns whether that was all. */
  async #meetsHead({ fields }: Head): Promise<boolean> {
    const { head, headDelay, headBody } = this.#world.rules;
    if (headDelay > 0) await later(headDelay);
    if (head === 'never') {
      for (;;) await this.#more();
    }
    if (head === 'reset') this.#socket.resetAndDestroy();
    if (head === 'closed') this.#socket.destroy();
    if (typeof head !== 'number') return head !== 'as others';
    const body = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL';
    const length = headBody === 'none' && fields.has('x-call') ? 0 : body.length;
    this.#write(`HTTP/1.1 ${head} Head\r\n${head === 204 ? '' : `Content-Length: ${length}\r\n`}\r\n`);
    if (headBody === 'later') await later(3);
    if (headBody !== 'none' && head !== 204) this.#write(body);
    return true;
  }

  async #ask(head: Head, challenge?: string): Promise<void> {
    const { rules } = this.#world;
    const expects = head.fields.has('expect') && head.method !== 'HEAD';
    const granted = rules.expect === 'granted' || rules.expect === 'twice' || rules.expect === 'late';
    const early = rules.early || (expects && (granted || rules.expect === 'closes'));
    const closes = (expects && rules.expect === 'closes') || (rules.closesUnasked && challenge === undefined);
    if (!early) await this.#readBody(head);
    const page = head.method === 'HEAD' && rules.headBody === 'none' ? '' : 'p'.repeat(rules.page);
    this.#write(
      `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM${challenge === undefined ? '' : ` ${challenge}`}\r\n` +
        `Content-Length: ${page.length}\r\n${closes ? 'Connection: close\r\n' : ''}\r\n`,
    );
    if (head.method === 'HEAD' && rules.headBody === 'later') await later(3);
    this.#write(page);
    if (closes) return void this.#socket.end();
    if (challenge !== undefined && this.#world.accident('behind challenges')) return this.#destroy();
    if (early) await this.#readBody(head);
  }

  async #refuse(head: Head, status: number): Promise<void> {
    this.#write(`HTTP/1.1 ${status} Refused\r\nContent-Length: 2\r\n\r\n${head.method === 'HEAD' ? '' : 'no'}`);
    await this.#readBody(head);
  }

  async #handle(head: Head, expects: boolean): Promise<void> {
    const { expect } = this.#world.rules;
    const { method, fields } = head;
    if (expects && expect !== 'ignored') {
      if (expect === 'late') await later(30);
      this.#write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(expect === 'twice' ? 2 : 1));
    }
    const body = await this.#readBody(head);
    const call = fields.get('x-call') ?? '';
    this.#world.runs.push({ call, method, body });
    const text = `${call} ${method}`;
    this.#write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${method === 'HEAD' ? '' : text}`);
    if (this.#world.accident('behind answers')) this.#socket.end();
  }

  #write(text: string): void {
    this.#socket.write(text, 'latin1');
  }

  #destroy(): void {
    this.#socket.destroy();
    throw new Gone();
  }
}

const newAcceptor = (): NtlmAcceptor =>
  new NtlmAcceptor({ target: { nbDomainName: 'CORP', nbComputerName: 'WEB' }, credentials: ({ username }) => (username === 'alice' ? ALICE : undefined) });

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
