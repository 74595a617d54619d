/** One bare connection: heads are written as they are given, answers are read one by one. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Duplex } from 'node:stream';
import { NtlmClient, type Credentials, type NtlmOptions } from '../../../src/index.ts';
import { closeLater, header } from './support.ts';

export interface WireAnswer {
  readonly status: number;
  /** By name in lower case. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface Wire {
  readonly socket: Duplex;
  write(text: string): void;
  /** The next answer; a 101 or a 2xx to CONNECT has no body. */
  answer(bodiless?: boolean): Promise<WireAnswer>;
  /** Bytes that are no answer. */
  bytes(length: number): Promise<string>;
  /** All that comes until the end. */
  rest(): Promise<string>;
  ask(head: string, bodiless?: boolean): Promise<WireAnswer>;
}

export async function openWire(port: number, ca?: string): Promise<Wire> {
  const socket =
    ca === undefined ? connect(port, '127.0.0.1') : connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols: ['http/1.1'] });
  closeLater(() => socket.destroy());
  await once(socket, ca === undefined ? 'connect' : 'secureConnect');
  return wireOver(socket);
}

export function wireOver(socket: Duplex): Wire {
  let received = '';
  let ended = false;
  let wake = (): void => {};
  socket.on('data', (chunk: Buffer) => ((received += chunk.toString('latin1')), wake()));
  for (const event of ['end', 'close', 'error']) socket.on(event, () => ((ended = true), wake()));
  const until = async (ready: () => boolean): Promise<void> => {
    while (!ready()) {
      if (ended) throw new Error(`the connection ended after: ${received}`);
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  const take = (length: number): string => {
    const taken = received.slice(0, length);
    received = received.slice(length);
    return taken;
  };
  const wire: Wire = {
    socket,
    write: (text) => void socket.write(text, 'latin1'),
    async answer(bodiless = false) {
      await until(() => received.includes('\r\n\r\n'));
      const [first = '', ...lines] = take(received.indexOf('\r\n\r\n') + 4).trimEnd().split('\r\n');
      const fields = new Map<string, string>();
      for (const line of lines) {
        const [, name = '', value = ''] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
        const before = fields.get(name.toLowerCase());
        fields.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
      }
      const status = Number(first.split(' ')[1]);
      const length = bodiless || status < 200 ? 0 : Number(fields.get('content-length') ?? 0);
      await until(() => received.length >= length);
      return { status, fields, body: take(length) };
    },
    async bytes(length) {
      await until(() => received.length >= length);
      return take(length);
    },
    async rest() {
      if (!ended) await until(() => ended).catch(() => {});
      return take(received.length);
    },
    ask(head, bodiless) {
      wire.write(head);
      return wire.answer(bodiless);
    },
  };
  return wire;
}

export const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
export const UPGRADE = 'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
export const CONNECT = 'CONNECT keep.example:443 HTTP/1.1\r\nHost: keep.example:443\r\n\r\n';

/** `head` with a field of `value` more. */
export const withField = (head: string, name: string, value: string): string =>
  head.replace(/\r\n\r\n$/, `\r\n${name}: ${value}\r\n\r\n`);

export interface HandshakeOptions extends Partial<NtlmOptions> {
  readonly credentials: Credentials;
  readonly side?: 'server' | 'proxy';
  readonly scheme?: string;
}

const names = {
  server: ['Authorization', 'www-authenticate'],
  proxy: ['Proxy-Authorization', 'proxy-authenticate'],
} as const;

/** Both legs, each as a field of `head`. */
export async function handshake(wire: Wire, head: string, options: HandshakeOptions): Promise<WireAnswer> {
  const { side = 'server', scheme = 'NTLM', ...rest } = options;
  const [asking, asked] = names[side];
  const client = new NtlmClient(rest);
  const challenged = await wire.ask(withField(head, asking, header(client.negotiate(), scheme)));
  const challenge = (challenged.fields.get(asked) ?? '').split(' ')[1] ?? '';
  if (challenge === '') throw new Error(`no challenge: ${challenged.status} ${challenged.fields.get(asked)}`);
  const answer = header(client.respond(new Uint8Array(Buffer.from(challenge, 'base64'))), scheme);
  return wire.ask(withField(head, asking, answer));
}
