/** Values of the kind of another fetch: sent as what they are, or refused; never as the text of an object. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import NodeFormData from 'form-data';
import * as nodeFetch from 'node-fetch';
import * as undici from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NtlmDispatcher, createNtlmFetch, type NtlmFetch } from '../../../src/http/fetch.ts';
import { ALICE, Origin } from '../support/origin.ts';

interface Echo {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

let origin: Origin;
beforeAll(async () => {
  origin = await Origin.listen({
    handler: (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
        const { method, headers } = request;
        response.end(JSON.stringify({ method, headers, body: Buffer.concat(parts).toString('latin1') }));
      });
    },
  });
});
afterAll(() => origin[Symbol.asyncDispose]());

async function echo(response: Response): Promise<Echo> {
  expect(response.status).toBe(200);
  return (await response.json()) as Echo;
}

/** Name, file name, type and text of the parts of a multipart body. */
function partsOf({ headers, body }: Echo): (string | undefined)[][] {
  const [, boundary = ''] = /^multipart\/form-data; boundary=(.+)$/.exec(headers['content-type'] ?? '') ?? [];
  expect(boundary).not.toBe('');
  return body.split(`--${boundary}`).slice(1, -1).map((part) => {
    const [, head = '', text] = /^\r\n([^]*?)\r\n\r\n([^]*)\r\n$/.exec(part) ?? [];
    const field = (pattern: RegExp): string | undefined => pattern.exec(head)?.[1];
    return [field(/; name="([^"]*)"/), field(/; filename="([^"]*)"/), field(/^content-type: (.*)$/im), text];
  });
}

const kinds = { global: globalThis, undici, 'node-fetch': nodeFetch } as unknown as Record<string, typeof globalThis>;
const fetches: [string, () => NtlmFetch][] = [
  ['the global fetch', () => createNtlmFetch({ credentials: ALICE, fetch: globalThis.fetch })],
  ["undici's fetch", () => createNtlmFetch({ credentials: ALICE, fetch: undici.fetch as unknown as typeof fetch })],
];

describe.each(fetches)('over %s', (name, make) => {
  const theOther = (name === 'the global fetch' ? kinds['undici'] : kinds['global'])!;
  let ntlmFetch: NtlmFetch;
  beforeAll(() => void (ntlmFetch = make()));
  afterAll(() => ntlmFetch.close());

  describe.each(Object.entries(kinds))('what is of %s', (_kind, { Request, Headers, FormData, Blob = globalThis.Blob, File = globalThis.File }) => {
    test('FormData, with texts and files', async () => {
      const form = new FormData();
      form.append('item', 'lamp');
      form.append('item', 'oil');
      form.append('picture', new File(['pixels'], 'lamp.png', { type: 'image/png' }));
      form.append('note', new Blob(['bright'], { type: 'text/x-note' }), 'note.txt');
      const seen = await echo(await ntlmFetch(origin.url, { method: 'POST', body: form }));
      expect(partsOf(seen)).toEqual([
        ['item', undefined, undefined, 'lamp'],
        ['item', undefined, undefined, 'oil'],
        ['picture', 'lamp.png', 'image/png', 'pixels'],
        ['note', 'note.txt', 'text/x-note', 'bright'],
      ]);
    });

    test('Headers', async () => {
      const headers = new Headers({ 'X-Order': '7' });
      headers.append('X-Order', '8');
      expect((await echo(await ntlmFetch(origin.url, { headers }))).headers['x-order']).toBe('7, 8');
    });

    test.each(['Blob', 'File'])('%s', async (which) => {
      const type = 'text/x-note';
      const body = which === 'Blob' ? new Blob(['light'], { type }) : new File(['light'], 'light.txt', { type });
      const seen = await echo(await ntlmFetch(origin.url, { method: 'PUT', body }));
      expect([seen.body, seen.headers['content-type'], seen.headers['content-length']]).toEqual(['light', 'text/x-note', '5']);
    });

    test('Request, its method, its fields and its body', async () => {
      const request = new Request(`${origin.url}/x`, { method: 'PUT', headers: { 'X-Order': '7' }, body: 'light' });
      const seen = await echo(await ntlmFetch(request));
      expect([seen.method, seen.body, seen.headers['x-order']]).toEqual(['PUT', 'light', '7']);
      expect(seen.headers['content-length']).toBe('5');
    });

    test('Request, as the init of another address', async () => {
      const request = new Request('http://elsewhere.test/', { method: 'PUT', headers: { 'X-Order': '7' }, body: 'light' });
      const seen = await echo(await ntlmFetch(origin.url, request));
      expect([seen.method, seen.body, seen.headers['x-order']]).toEqual(['PUT', 'light', '7']);
    });

    test('Request, and what the init says otherwise', async () => {
      const request = new Request(origin.url, { method: 'POST', headers: { 'X-Order': '7' }, body: 'light' });
      const seen = await echo(await ntlmFetch(request, { headers: { 'X-Item': 'lamp' }, body: 'dark' }));
      expect([seen.method, seen.body, seen.headers['x-order'], seen.headers['x-item']]).toEqual(['POST', 'dark', undefined, 'lamp']);
    });

    test('Request that was given up', async () => {
      const request = new Request(origin.url, { signal: AbortSignal.abort() });
      await expect(ntlmFetch(request)).rejects.toMatchObject({ name: 'AbortError' });
    });
  });

  test.each([
    ['shorter than what is kept', 1, '65536'],
    ['longer than what is kept', 20, undefined],
  ])('a Request of the other kind whose body is a stream, %s', async (_length, times, length) => {
    const { Request } = theOther;
    const chunks = Array.from({ length: times }, () => Buffer.from('oil '.repeat(16_384)));
    const body = Readable.toWeb(Readable.from(chunks)) as ReadableStream<Uint8Array>;
    const request = new Request(origin.url, { method: 'POST', body, duplex: 'half' } as RequestInit);
    const seen = await echo(await ntlmFetch(request));
    expect(seen.body).toBe('oil '.repeat(times * 16_384));
    expect(seen.headers['content-length']).toBe(length);
  });

  test('a Request of the other kind is given up while its body is awaited', async () => {
    const { Request } = theOther;
    const controller = new AbortController();
    let cancelled: unknown;
    const body = new ReadableStream<Uint8Array>({ cancel: (reason) => void (cancelled = reason) });
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as RequestInit;
    const outcome = expect(ntlmFetch(new Request(origin.url, init))).rejects.toThrow('never mind');
    setImmediate(() => controller.abort(new Error('never mind')));
    await outcome;
    expect(cancelled).toMatchObject({ message: 'never mind' });
  });

  test('a Request whose body was read', async () => {
    for (const { Request } of Object.values(kinds).slice(0, 2)) {
      const request = new Request(origin.url, { method: 'POST', body: 'light' });
      await request.text();
      await expect(ntlmFetch(request)).rejects.toThrow(TypeError);
    }
  });

  test('bytes, parameters, iterables and texts stay what they are', async () => {
    const post = async (body: unknown): Promise<[string, string | undefined]> => {
      const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
      const seen = await echo(await ntlmFetch(origin.url, init));
      return [seen.body, seen.headers['content-type']];
    };
    expect(await post(Uint8Array.of(104, 105))).toEqual(['hi', undefined]);
    expect(await post(Uint8Array.of(104, 105).buffer)).toEqual(['hi', undefined]);
    expect(await post(new DataView(Uint8Array.of(104, 105).buffer))).toEqual(['hi', undefined]);
    expect(await post(new URLSearchParams({ a: 'b c' }))).toEqual(['a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8']);
    expect(await post(Readable.from([Buffer.from('hi')]))).toEqual(['hi', undefined]);
    expect(await post(new URL('http://lamp.test/'))).toEqual(['http://lamp.test/', 'text/plain;charset=UTF-8']);
  });

  test.each([
    ['an object', { item: 'lamp' }],
    ['the FormData of the package form-data', new NodeFormData()],
    ['a Map', new Map()],
    ['a shared buffer', new SharedArrayBuffer(2)],
  ])('%s is refused before anything is sent', async (_what, body) => {
    const before = origin.seen.length;
    const init = { method: 'POST', body, duplex: 'half' } as unknown as RequestInit;
    await expect(ntlmFetch(origin.url, init)).rejects.toMatchObject({ code: 'unsupported', side: 'local' });
    expect(origin.seen.length).toBe(before);
  });
});

describe('a fetch that ignores dispatchers', () => {
  test('is told by its 401, and by its 407', async () => {
    for (const status of [401, 407]) {
      const server = createServer((_request, response) => response.writeHead(status).end()).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const ntlmFetch = createNtlmFetch({ credentials: ALICE, fetch: nodeFetch.default as unknown as typeof fetch });
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      await expect(ntlmFetch(url)).rejects.toMatchObject({ code: 'unsupported', message: /ignores dispatchers/ });
      server.close();
    }
  });

  test('is not used as the global one', async () => {
    const native = globalThis.fetch;
    const calls: unknown[] = [];
    globalThis.fetch = (async (input) => (calls.push(input), new Response('', { status: 401 }))) as typeof fetch;
    const ntlmFetch = createNtlmFetch({ credentials: ALICE });
    try {
      await expect(ntlmFetch(origin.url).then(({ status }) => status)).resolves.toBe(200);
      expect(calls).toEqual(['http://ntlmachine.invalid/']);
    } finally {
      globalThis.fetch = native;
      await ntlmFetch.close();
    }
  });
});

test('createNtlmFetch may take the place of the global fetch', async () => {
  const native = globalThis.fetch;
  const ntlmFetch = createNtlmFetch({ credentials: ALICE });
  globalThis.fetch = ntlmFetch as typeof fetch;
  try {
    expect((await fetch(origin.url)).status).toBe(200);
  } finally {
    globalThis.fetch = native;
    await ntlmFetch.close();
  }
});

test('a dispatcher is an agent of undici', () => {
  const dispatcher = new NtlmDispatcher({ credentials: ALICE });
  expect(dispatcher).toBeInstanceOf(undici.Dispatcher);
  expect(dispatcher.on('connect', () => {})).toBe(dispatcher);
});
