/**
 * Node's fetch and undici's know the Request, Headers and FormData of their own kind alone, and send what else they are
 * given as its text: `[object FormData]`. Here such values are made anew in the kind of the fetch that is called.
 */
import { Readable } from 'node:stream';
import { isArrayBuffer } from 'node:util/types';
import { unsupported } from './dialects.ts';

/** The classes of one kind. */
export interface Kind {
  readonly Request: typeof Request;
  readonly Headers: typeof Headers;
  readonly FormData: typeof FormData;
}

/** The input and the init of a call of fetch, of whatever kind. */
export type FetchArguments = readonly [input: string | URL | Request, init: RequestInit];

/**
 * What a fetch of `kind` is called with for these arguments. The body of a Request of another kind is read, up to `limit`
 * bytes, so that it has a length and can be sent twice; beyond, it is a stream.
 *
 * @throws NtlmError `unsupported` where a body would be sent as the text of an object.
 */
export async function inKind(kind: Kind, [input, given]: FetchArguments, limit: number): Promise<FetchArguments> {
  const init = tagOf(given) === 'Request' ? await fieldsOf(given as Request, {}, limit) : { ...given };
  if (isForeign(init.headers, 'Headers', kind.Headers)) init.headers = [...init.headers];
  if (isPresent(init.body)) init.body = await bodyIn(kind, init.body);
  if (!isForeign(input, 'Request', kind.Request)) return [input, init];
  return [new kind.Request(input.url, await fieldsOf(input, init, limit)), init];
}

function isPresent<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function tagOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] : undefined;
}

function isForeign<T>(value: unknown, tag: string, own: new (...args: never[]) => T): value is T {
  return tagOf(value) === tag && !(value instanceof own);
}

async function bodyIn(kind: Kind, body: BodyInit): Promise<BodyInit> {
  const ours = await translated(kind, body);
  if (typeof ours !== 'object' || isSendable(kind, ours)) return ours;
  if (String(ours) !== Object.prototype.toString.call(ours)) return ours; // a text of its own: a URL, say
  throw unsupported(
    `a body of this kind would be sent as the text "${String(ours)}"; give a string, bytes, a Blob, URLSearchParams, ` +
      'the global FormData, or a stream (of the package form-data: its getBuffer() and its getHeaders())',
  );
}

function isSendable(kind: Kind, body: object): boolean {
  return (
    body instanceof Blob ||
    body instanceof kind.FormData ||
    body instanceof ReadableStream ||
    isArrayBuffer(body) ||
    ArrayBuffer.isView(body) ||
    Symbol.asyncIterator in body
  );
}

async function translated(kind: Kind, body: BodyInit): Promise<BodyInit> {
  if (isForeign(body, 'URLSearchParams', URLSearchParams)) return new URLSearchParams(String(body));
  if (isBlob(body)) return blobOf(body);
  if (!isForeign(body, 'FormData', kind.FormData) || typeof body.entries !== 'function') return body;
  const form = new kind.FormData();
  for (const [name, value] of body.entries()) {
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, await blobOf(value), value.name);
  }
  return form;
}

function isBlob(value: unknown): value is Blob {
  const tag = tagOf(value);
  return tag === 'Blob' || tag === 'File';
}

/** A Blob of Node is one for every undici; what a package calls so is not. */
async function blobOf(blob: Blob): Promise<Blob> {
  return blob instanceof Blob ? blob : new Blob([await (blob as Blob).arrayBuffer()], { type: (blob as Blob).type });
}

/** A Request as the init of another, as far as `init` does not say otherwise. */
async function fieldsOf(request: Request, init: RequestInit, limit: number): Promise<RequestInit> {
  const { redirect, integrity, keepalive, cache, credentials, mode, referrer, referrerPolicy, signal } = request;
  const fields = { redirect, integrity, keepalive, cache, credentials, mode, referrer, referrerPolicy, signal };
  const known = Object.entries(fields).filter(([, value]) => isPresent(value) && value !== '');
  const body = isPresent(init.body) ? null : await bodyOf(request, init.signal ?? signal, limit);
  return {
    ...(Object.fromEntries(known) as RequestInit),
    method: request.method,
    headers: [...request.headers],
    ...(isPresent(body) ? { body, duplex: 'half' } : {}),
  };
}

/** The bytes, or from `limit` on a stream of them. */
async function bodyOf(
  { body, bodyUsed }: Request,
  signal: AbortSignal | null | undefined,
  limit: number,
): Promise<BodyInit | null> {
  if (!isPresent(body) || bodyUsed) return body; // a body that was read is refused as fetch refuses it
  const reader = ('getReader' in body ? body : webStreamOf(body)).getReader();
  const cancel = (): void => void reader.cancel(signal?.reason).catch(() => {});
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const chunks: Uint8Array[] = [];
    for (let length = 0; length <= limit; ) {
      const { value, done } = await reader.read();
      if (done) return Buffer.concat(chunks);
      chunks.push(value);
      length += value.byteLength;
    }
    return continued(Buffer.concat(chunks), reader);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

function continued(first: Uint8Array, reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(first),
    async pull(controller) {
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** The Request of node-fetch has a stream of Node's. */
function webStreamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(body)) as ReadableStream<Uint8Array>;
}
