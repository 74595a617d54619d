/** Requests that come before the answers of those in front of them. */
import { describe, expect, test, vi } from 'vitest';
import { connect } from 'node:net';
import { ALICE } from '../http/support/origin.ts';
import { HostilePeer, reply, until } from '../http/support/hostile.ts';
import { RunningGateway } from './support/client.ts';

/** Answers with the path, what is slow after a while. */
const pathPeer = (): Promise<HostilePeer & { heads?: string[] }> => {
  const heads: string[] = [];
  return HostilePeer.listen(({ socket, head }) => {
    heads.push(head.split(' HTTP')[0]!);
    if (head.startsWith('CONNECT')) return void socket.write('HTTP/1.1 200 OK\r\n\r\ntunnelled');
    const answer = (): unknown => socket.write(reply({ status: 200, body: /a\.example(\/\w+)/.exec(head)?.[1] ?? '' }));
    if (head.includes('/slow')) setTimeout(answer, 60);
    else answer();
  }).then((peer) => Object.assign(peer, { heads }));
};
const get = (path: string, method = 'GET'): string => `${method} http://a.example${path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n`;

describe('behind an answer that takes its time', () => {
  test('a tunnel’s bytes come behind it', async () => {
    await using peer = await pathPeer();
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
    const text = await gateway.raw(`${get('/slow')}CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n`);
    expect(text).toMatch(/\r\n\r\n\/slowHTTP\/1\.1 200 Connection established\r\n\r\ntunnelled$/);
  });

  test('what changes something is not overtaken by the next', async () => {
    await using peer = await pathPeer();
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
    const text = await gateway.raw(get('/slow', 'PUT') + get('/one', 'DELETE') + get('/two'));
    expect(text.match(/\/(?:slow|one|two)/g)).toEqual(['/slow', '/one', '/two']);
    expect(peer.heads!.filter((head) => !head.startsWith('HEAD'))).toEqual(['PUT http://a.example/slow', 'DELETE http://a.example/one', 'GET http://a.example/two']);
  });

  test('nothing goes out for a client that has left, and each entry says so', async () => {
    await using peer = await pathPeer();
    await using gateway = await RunningGateway.start({ upstream: peer.url, credentials: ALICE });
    const client = connect(gateway.port, '127.0.0.1');
    client.write(get('/slow') + get('/one') + get('/two'));
    await until(() => peer.heads!.length > 0);
    client.destroy();
    await vi.waitFor(() => expect(gateway.entries.map(({ status, reason }) => `${status} ${reason}`)).toEqual(Array(3).fill('0 the client left')));
    expect(peer.heads).toEqual(['GET http://a.example/slow']);
  });
});
