/** Process: clients of a proxy, each with one connection and one request at a time, that check every answer. */
import { connect, type Socket } from 'node:net';

/** What one turn is told. */
export interface Order {
  /** The proxy and the server behind it. */
  readonly proxy: string;
  readonly origin: string;
  readonly clients: number;
  readonly milliseconds: number;
}

export interface Outcome {
  readonly answers: number;
  readonly seconds: number;
  /** That were opened. */
  readonly connections: number;
  /** How many, by what was wrong. */
  readonly errors: Readonly<Record<string, number>>;
}

let count = 0;
let connections = 0;

class Client {
  readonly #proxy: URL;
  readonly #origin: URL;
  readonly #errors: Record<string, number>;
  #socket: Socket | undefined;
  /** The connection has brought an answer. */
  #used = false;
  #settle: (wrong: string | undefined) => void = () => {};
  #received = '';
  #wanted = '';

  constructor(proxy: URL, origin: URL, errors: Record<string, number>) {
    this.#proxy = proxy;
    this.#origin = origin;
    this.#errors = errors;
  }

  /** @returns whether the answer was its own. */
  async ask(): Promise<boolean> {
    this.#wanted = `/${(count += 1)}`;
    const kept = this.#used && this.#socket !== undefined;
    let wrong = await this.#exchange();
    if (kept && wrong !== undefined && this.#received === '') wrong = await this.#exchange(); // gone while it idled: any client asks again
    if (wrong !== undefined) this.#errors[wrong] = (this.#errors[wrong] ?? 0) + 1;
    return wrong === undefined;
  }

  #exchange(): Promise<string | undefined> {
    const { href, host } = this.#origin;
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#received = '';
      this.#socket ??= this.#open();
      this.#socket.write(`GET ${href.slice(0, -1)}${this.#wanted} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nProxy-Connection: Keep-Alive\r\n\r\n`);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    connections += 1;
    this.#used = false;
    const socket = connect({ host: this.#proxy.hostname, port: Number(this.#proxy.port), noDelay: true });
    const gone = (why: string): void => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#settle(why);
    };
    return socket
      .on('error', ({ message }) => gone(message))
      .on('close', () => gone('closed without an answer'))
      .on('data', (bytes) => this.#read(bytes));
  }

  #read(bytes: Buffer): void {
    this.#received += bytes.toString('latin1');
    const end = this.#received.indexOf('\r\n\r\n');
    if (end === -1) return;
    const head = this.#received.slice(0, end);
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
    if (this.#received.length < end + 4 + length) return;
    const body = this.#received.slice(end + 4);
    this.#used = true;
    if (/\r\n(?:proxy-)?connection: *close/i.test(head)) {
      const socket = this.#socket;
      this.#socket = undefined;
      socket?.destroy();
    }
    if (!head.startsWith('HTTP/1.1 200')) this.#settle(`status ${head.slice(9, 12)}`);
    else this.#settle(body === this.#wanted ? undefined : 'an answer that is not its own');
  }
}

/** Clients live as long as the process: one set for each proxy and number. */
const sets = new Map<string, { readonly clients: readonly Client[]; errors: Record<string, number> }>();

async function turn({ proxy, origin, clients: number, milliseconds }: Order): Promise<Outcome> {
  const key = `${number} ${proxy}`;
  let set = sets.get(key);
  if (set === undefined) {
    const errors: Record<string, number> = {};
    set = { errors, clients: Array.from({ length: number }, () => new Client(new URL(proxy), new URL(origin), errors)) };
    sets.set(key, set);
  }
  for (const each of Object.keys(set.errors)) delete set.errors[each];
  const start = performance.now();
  const opened = connections;
  let answers = 0;
  await Promise.all(
    set.clients.map(async (client) => {
      do if (await client.ask()) answers += 1;
      while (performance.now() - start < milliseconds);
    }),
  );
  return { answers, seconds: (performance.now() - start) / 1000, connections: connections - opened, errors: { ...set.errors } };
}

process.on('message', async (order: Order) => process.send?.(await turn(order)));
process.on('disconnect', () => process.exit());
