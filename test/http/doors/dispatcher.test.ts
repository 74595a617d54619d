/** What of undici's own options a dispatcher hands on. */
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buildConnector } from 'undici';
import { expect, test } from 'vitest';
import { NtlmDispatcher } from '../../../src/http/fetch.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';

const ask = async (dispatcher: NtlmDispatcher, origin: string): Promise<string> => {
  const { body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
  return body.text();
};

test('a connector of the caller opens every connection, and is told where to', async () => {
  await using origin = await Origin.listen();
  const own = buildConnector({});
  const opened: string[] = [];
  const connect: buildConnector.connector = (target, callback) => {
    opened.push(`${target.protocol}//${target.hostname}:${target.port}`);
    own(target, callback);
  };
  const dispatcher = new NtlmDispatcher({ credentials: ALICE, connect });
  expect(await ask(dispatcher, origin.url)).toBe('alice');
  expect(opened).toEqual([origin.url]);
  await dispatcher.close();
});

test('what a connector of the caller fails with is the error', async () => {
  const failure = new Error('no way');
  const dispatcher = new NtlmDispatcher({ credentials: ALICE, connect: (_target, callback) => callback(failure, null) });
  await expect(ask(dispatcher, 'http://server.invalid')).rejects.toBe(failure);
  await dispatcher.close();
});

test('options of connections are theirs, and HTTP/2 is spoken with nobody', async () => {
  const tls = await makeCertificate();
  const server = createSecureServer({ ...tls, allowHTTP1: true }, (request, response) => void response.end(request.httpVersion));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dispatcher = new NtlmDispatcher({ credentials: ALICE, connect: { ca: tls.ca } });
  expect(await ask(dispatcher, url)).toBe('1.1');
  await dispatcher.close();
  const stranger = new NtlmDispatcher({ credentials: ALICE });
  await expect(ask(stranger, url)).rejects.toMatchObject({ code: expect.stringMatching(/CERT|SELF_SIGNED|VERIFY/) });
  await stranger.close();
  server.close();
});
