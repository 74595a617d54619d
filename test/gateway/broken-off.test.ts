/** Answers that break off where a client asked for another protocol. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect, test, vi } from 'vitest';
import { join } from '../../src/gateway/join.ts';
import { waiting } from '../../src/gateway/leaving.ts';
import { openUpgrade } from '../../src/gateway/upgrade.ts';
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

test.each([404, 101])('a client that is gone at the very moment of a %d has left, and nothing is thrown', async (status) => {
  await using peer = await Peer.listen((socket) => void socket.write(`HTTP/1.1 ${status} x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`));
  await using clients = await Peer.listen();
  const [client] = (await once(connect(Number(new URL(clients.url).port), '127.0.0.1'), 'connect').then(() => vi.waitFor(() => {
    expect(clients.sockets).toHaveLength(1);
    return clients.sockets;
  }))) as [Socket];
  const gone = (): void => void client.destroy(); // its "close" is still to come
  const connections = { send: () => httpRequest(peer.url).once('response', gone).once('upgrade', gone), close: () => {} };
  const candidate = { connections, options: {}, path: '/', fields: [] };
  const request = { rawHeaders: ['Upgrade', 'x'], method: 'GET' } as unknown as IncomingMessage;
  const none = Buffer.alloc(0);
  expect(await openUpgrade(request, client, none, waiting(client, none), [candidate], () => [], 1000)).toMatchObject({ status: 0, reason: 'the client left' });
});

test.each([0, 1])('ends that are gone before they are joined end each other (%d)', async (which) => {
  await using peer = await Peer.listen();
  const ends = [0, 1].map(() => connect(Number(new URL(peer.url).port), '127.0.0.1'));
  await Promise.all(ends.map((end) => once(end, 'connect')));
  ends[which]!.destroy();
  await join(ends[0]!, ends[1]!, Buffer.from('early'), 1000);
  expect(ends.map(({ destroyed }) => destroyed)).toEqual([true, true]);
});
