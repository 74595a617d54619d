/**
 * A stub of SQL Server (MS-TDS): it negotiates no encryption, logs a user in, and answers every batch with nothing. The
 * NTLM is not ours: `accept` makes the answer to each message, and says when that was all.
 */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface TdsStub extends AsyncDisposable {
  readonly port: number;
}

export interface Acceptor {
  step(token: Uint8Array): Promise<{ readonly token: Uint8Array | undefined; readonly complete: boolean }>;
}

const [BATCH, REPLY, LOGIN7, SSPI, PRELOGIN] = [0x01, 0x04, 0x10, 0x11, 0x12];
const DONE = Buffer.from([0xfd, ...new Uint8Array(12)]);

export async function startTdsStub(accept: () => Promise<Acceptor>): Promise<TdsStub> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    void serve(socket, accept).catch(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(socket: Socket, accept: () => Promise<Acceptor>): Promise<void> {
  let acceptor: Acceptor | undefined;
  for await (const { type, body } of messagesOf(socket)) {
    if (type === PRELOGIN) reply(socket, prelogin());
    else if (type === BATCH) reply(socket, DONE);
    else if (type === LOGIN7 || type === SSPI) {
      acceptor ??= await accept();
      const token = type === SSPI ? body : body.subarray(body.readUInt16LE(78), body.readUInt16LE(78) + body.readUInt16LE(80));
      try {
        const step = await acceptor.step(new Uint8Array(token));
        reply(socket, step.complete ? Buffer.concat([loginAck(), DONE]) : sspi(step.token!));
      } catch {
        reply(socket, Buffer.concat([loginFailed(), DONE]));
      }
    }
  }
}

/** Messages, which packets make up (2.2.3.1). */
async function* messagesOf(socket: Socket): AsyncGenerator<{ type: number; body: Buffer }> {
  let received = Buffer.alloc(0);
  let parts: Buffer[] = [];
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    while (received.length >= 8 && received.length >= received.readUInt16BE(2)) {
      const packet = received.subarray(0, received.readUInt16BE(2));
      received = received.subarray(packet.length);
      parts.push(packet.subarray(8));
      if ((packet[1]! & 1) === 0) continue;
      yield { type: packet[0]!, body: Buffer.concat(parts) };
      parts = [];
    }
  }
}

function reply(socket: Socket, body: Buffer): void {
  const header = Buffer.from([REPLY!, 1, 0, 0, 0, 0, 1, 0]);
  header.writeUInt16BE(8 + body.length, 2);
  socket.write(Buffer.concat([header, body]));
}

/** Version, and ENCRYPT_NOT_SUP. */
function prelogin(): Buffer {
  return Buffer.from([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 15, 0, 7, 0xd0, 0, 0, 2]);
}

function sspi(token: Uint8Array): Buffer {
  const head = Buffer.from([0xed, 0, 0]);
  head.writeUInt16LE(token.length, 1);
  return Buffer.concat([head, token]);
}

function loginAck(): Buffer {
  const body = Buffer.concat([Buffer.from([1, 0x74, 0, 0, 4, 4]), Buffer.from('Stub', 'utf16le'), Buffer.from([15, 0, 0, 0])]);
  const head = Buffer.from([0xad, 0, 0]);
  head.writeUInt16LE(body.length, 1);
  return Buffer.concat([head, body]);
}

/** 18456, as SQL Server has it. */
function loginFailed(): Buffer {
  const number = Buffer.alloc(6, 14);
  number.writeUInt32LE(18456);
  const text = 'Login failed.';
  const body = Buffer.concat([number, Buffer.from([text.length, 0]), Buffer.from(text, 'utf16le'), Buffer.alloc(6)]);
  const head = Buffer.from([0xaa, 0, 0]);
  head.writeUInt16LE(body.length, 1);
  return Buffer.concat([head, body]);
}
