/** Interim responses: which are the client's, and which only a leg's. */
import http from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { NtlmAgent } from '../../../src/http/index.ts';
import { HostilePeer, reply } from '../support/hostile.ts';
import { honest } from '../support/meet.ts';
import { ALICE } from '../support/origin.ts';

const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n';
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';

let agent: NtlmAgent | undefined;
afterEach(() => agent?.destroy());

interface Heard {
  readonly status: number;
  /** Statuses of interim responses, `100` among them. */
  readonly interim: number[];
}

function ask(url: string, { method = 'GET', body, headers = {}, ...options }: { method?: string; body?: string | Readable; headers?: http.OutgoingHttpHeaders; probe?: boolean } = {}): Promise<Heard> {
  agent = new NtlmAgent({ credentials: ALICE, ...options });
  return new Promise((resolve, reject) => {
    const interim: number[] = [];
    const request = http.request(url, { agent: agent!, method, headers }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode!, interim }));
    });
    request.on('information', ({ statusCode }) => void interim.push(statusCode)).on('error', reject);
    if (headers['expect'] === undefined) {
      if (body instanceof Readable) body.pipe(request);
      else request.end(body);
    } else {
      request.on('continue', () => request.end(body));
      request.flushHeaders();
    }
  });
}

describe('an interim response', () => {
  test('before the answer to a request is its, however many there are, and unlike 100 it need not be asked for', async () => {
    await using peer = await HostilePeer.listen(({ socket }) => void socket.write(HINTS + HINTS + CONTINUE + reply({ status: 200 })));
    expect(await ask(peer.url)).toEqual({ status: 200, interim: [103, 103] });
  });

  test('before the answer to a stand-in is not', async () => {
    await using peer = await HostilePeer.listen((leg) => void leg.socket.write((leg.head.startsWith('HEAD') ? HINTS : '') + honest(leg)));
    expect(await ask(peer.url, { method: 'POST', body: 'order' })).toEqual({ status: 200, interim: [] });
    expect(peer.seen).toEqual(['none', 1, 3]);
  });

  test('before the answer to the request as a whole is, though a stand-in went before', async () => {
    await using peer = await HostilePeer.listen((leg) => void leg.socket.write(HINTS + honest(leg)));
    expect(await ask(peer.url, { method: 'POST', body: 'order' })).toEqual({ status: 200, interim: [103] });
  });

  test('that comes while a body waits is not, and does not let it go', async () => {
    let behind = '';
    await using peer = await HostilePeer.listen((leg) => {
      const { socket, message, head } = leg;
      if (!head.startsWith('PUT')) return; // the end of a body in chunks that never came
      if (message !== 3) return void socket.write((message === 1 ? HINTS : '') + honest(leg));
      socket.on('data', (bytes: Buffer) => (behind += bytes.toString('latin1')));
      socket.write(HINTS);
      setTimeout(() => socket.write(reply({ status: 200 })), 30);
    });
    expect(await ask(peer.url, { method: 'PUT', body: 'order', headers: { expect: '100-continue' }, probe: false })).toEqual({ status: 200, interim: [103] });
    expect([peer.seen.at(-1), behind]).toEqual([3, '']);
  });
});

describe('100', () => {
  test('is told once to who asked for it, whoever else asked, and however often it comes', async () => {
    const server = http.createServer((_request, response) => response.end());
    server.on('checkContinue', (request, response) => {
      for (let i = 0; i < 3; i += 1) response.writeContinue();
      request.resume().on('end', () => response.end('done'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const heard = await ask(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'order', headers: { expect: '100-continue', 'content-length': 5 } });
    server.close();
    server.closeAllConnections();
    expect(heard).toEqual({ status: 200, interim: [100] });
  });
});
