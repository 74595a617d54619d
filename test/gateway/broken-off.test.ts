/** Answers that break off where a client asked for another protocol. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { ALICE } from '../http/support/origin.ts';
import { RunningGateway } from './support/client.ts';

/** An other end that does with each connection's first bytes what it is told to. */
class Peer implements AsyncDisposable {
  readonly sockets: Socket[] = [];
  readonly #server: Server;

  private constructor(answer: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.sockets.push(socket);
      socket.on('error', () => {}).once('data', () => answer(socket));
    });
  }

  static async listen(answer: (socket: Socket) => void = () => {}): Promise<Peer> {
    const peer = new Peer(answer);
    await once(peer.#server.listen(0, '127.0.0.1'), 'listening');
    return peer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }
}

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

test('an answer in the place of an upgrade that breaks off ends the client’s connection', async () => {
  await using peer = await Peer.listen((socket) => {
    socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nnot wh', () => setTimeout(() => socket.destroy(), 20));
  });
  await using gateway = await RunningGateway.start({ to: peer.url, credentials: ALICE });
  const client = connect(gateway.port, '127.0.0.1');
  client.on('error', () => {}).resume().write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${gateway.port}\r\n${UPGRADE}`);
  await once(client, 'close');
  await vi.waitFor(() => expect(gateway.entries).toMatchObject([{ status: 404, reason: 'the answer broke off' }]));
});
