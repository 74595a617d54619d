import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import { request as undiciRequest } from 'undici';
import { NtlmDispatcher, createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent, type HttpOptions } from '../../../src/http/index.ts';

export interface Init {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | Readable;
  readonly signal?: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

export interface Client extends AsyncDisposable {
  request(url: string, init?: Init): Promise<Reply>;
  forgetRefusals(): void;
}

export interface CarrierOptions extends HttpOptions {
  /** Connections at a time, to each origin. */
  readonly connections?: number;
  readonly ca?: string;
  /** Take any certificate. */
  readonly insecure?: boolean;
}

export interface Carrier {
  readonly name: string;
  open(options: CarrierOptions): Client;
}

const tlsOf = ({ ca, insecure = false }: { ca: string | undefined; insecure: boolean | undefined }) => ({
  ...(ca === undefined ? {} : { ca }),
  ...(insecure ? { rejectUnauthorized: false } : {}),
});

const agent: Carrier = {
  name: 'NtlmAgent',
  open: ({ connections = Infinity, ca, insecure, ...options }) => {
    const agent = new NtlmAgent({ ...options, maxSockets: connections, ...tlsOf({ ca, insecure }) });
    return {
      request: (url, { method = 'GET', headers, body, signal } = {}) =>
        new Promise((resolve, reject) => {
          const { request } = url.startsWith('https:') ? https : http;
          const outgoing = request(url, { agent, method, headers, signal }, (response) => {
            response.setEncoding('utf8').on('error', reject);
            let text = '';
            response.on('data', (part: string) => (text += part));
            response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
          });
          outgoing.on('error', reject);
          if (body instanceof Readable) body.pipe(outgoing);
          else outgoing.end(body);
        }),
      forgetRefusals: () => agent.forgetRefusals(),
      [Symbol.asyncDispose]: async () => agent.destroy(),
    };
  },
};

const dispatcher: Carrier = {
  name: 'NtlmDispatcher',
  open: ({ connections, ca, insecure, ...options }) => {
    const dispatcher = new NtlmDispatcher({
      ...options,
      connections: connections ?? null,
      connect: tlsOf({ ca, insecure }),
    });
    return {
      request: async (url, { method = 'GET', headers, body, signal } = {}) => {
        const response = await undiciRequest(url, {
          dispatcher,
          method: method as 'GET',
          ...(headers === undefined ? {} : { headers }),
          ...(body === undefined ? {} : { body }),
          ...(signal === undefined ? {} : { signal }),
        });
        return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
      },
      forgetRefusals: () => dispatcher.forgetRefusals(),
      [Symbol.asyncDispose]: () => dispatcher.destroy(),
    };
  },
};

const ntlmFetch: Carrier = {
  name: 'createNtlmFetch',
  open: ({ connections, ca, insecure, ...options }) => {
    const fetch = createNtlmFetch({
      ...options,
      connections: connections ?? null,
      connect: tlsOf({ ca, insecure }),
    });
    return {
      request: async (url, { body, ...init } = {}) => {
        const stream = body instanceof Readable;
        const response = await fetch(url, {
          ...init,
          ...(body === undefined ? {} : { body: (stream ? Readable.toWeb(body) : body) as BodyInit }),
          ...(stream ? { duplex: 'half' } : {}),
        } as RequestInit);
        return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
      },
      forgetRefusals: () => fetch.forgetRefusals(),
      [Symbol.asyncDispose]: () => fetch.close(),
    };
  },
};

export const carriers: readonly Carrier[] = [agent, dispatcher, ntlmFetch];

/** The carriers as rows of `describe.each`. */
export const everyCarrier = carriers.map((carrier) => [carrier.name, carrier] as const);
