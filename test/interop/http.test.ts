/** The carriers and the clients people use, against Apache (mod_auth_gssapi, gss-ntlmssp) and Squid (ntlm_auth). */
import http from 'node:http';
import https from 'node:https';
import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import axios from 'axios';
import got from 'got';
import nodeFetch from 'node-fetch';
import { request as undiciRequest } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NtlmDispatcher, createNtlmFetch } from '../../src/http/fetch.ts';
import { NtlmAgent, explainRefusal, type ConnectionContext, type HttpOptions } from '../../src/http/index.ts';
import { Credentials } from '../../src/index.ts';
import { decodeSpnegoToken } from '../../src/spnego/index.ts';
import { startApache, type Apache, type Whoami } from './support/apache.ts';
import { startSquid, type Squid } from './support/squid.ts';
import { alice, juergen, nihon, type TestUser } from './support/users.ts';

let apache: Apache;
let squid: Squid;
/** Its Negotiate takes no NTLM. */
let kerberosSquid: Squid;
beforeAll(async () => {
  [apache, squid, kerberosSquid] = await Promise.all([startApache(), startSquid(), startSquid({ negotiate: 'Kerberos' })]);
});
afterAll(async () => {
  await Promise.all([apache?.close(), squid?.close(), kerberosSquid?.close()]);
});

interface Sent {
  readonly method: 'GET' | 'POST';
  readonly body?: string | undefined;
}

interface Reply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
}

/** One of the clients, with connections of its own until the function it returns is done with. */
type Open = (options: HttpOptions & { readonly ca: string }) => {
  send(url: string, sent: Sent): Promise<Reply>;
  close(): unknown;
};

const overAgent =
  (send: (agent: NtlmAgent, url: string, sent: Sent) => Promise<Reply>): Open =>
  (options) => {
    const agent = new NtlmAgent({ ...options, maxSockets: 2 });
    return { send: (url, sent) => send(agent, url, sent), close: () => agent.destroy() };
  };

const clients: Record<string, Open> = {
  'node:http': overAgent(
    (agent, url, { method, body }) =>
      new Promise((resolve, reject) => {
        const { request } = url.startsWith('https:') ? https : http;
        const outgoing = request(url, { agent, method }, (response) => {
          let text = '';
          response
            .setEncoding('utf8')
            .on('data', (part: string) => (text += part))
            .on('error', reject);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        });
        outgoing.on('error', reject).end(body);
      }),
  ),
  axios: overAgent(async (agent, url, { method, body }) => {
    const { status, headers, data } = await axios<string>({
      url,
      method,
      data: body,
      httpAgent: agent,
      httpsAgent: agent,
      proxy: false,
      responseType: 'text',
      transformResponse: (text: string) => text,
      validateStatus: () => true,
    });
    return { status, headers: headers as Reply['headers'], text: data };
  }),
  got: overAgent(async (agent, url, { method, body }) => {
    const response = await got(url, {
      method,
      ...(body === undefined ? {} : { body }),
      agent: { http: agent, https: agent },
      throwHttpErrors: false,
      retry: { limit: 0 },
    });
    return { status: response.statusCode, headers: response.headers, text: response.body };
  }),
  'node-fetch': overAgent(async (agent, url, { method, body }) => {
    const response = await nodeFetch(url, {
      method,
      agent,
      ...(body === undefined ? {} : { body: Readable.from([Buffer.from(body)]) }),
    });
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
  }),
  undici: ({ ca, ...options }) => {
    const dispatcher = new NtlmDispatcher({ ...options, connect: { ca }, connections: 2 });
    return {
      send: async (url, { method, body }) => {
        const response = await undiciRequest(url, { dispatcher, method, body: body ?? null });
        return { status: response.statusCode, headers: response.headers, text: await response.body.text() };
      },
      close: () => dispatcher.close(),
    };
  },
  createNtlmFetch: ({ ca, ...options }) => {
    const ntlmFetch = createNtlmFetch({ ...options, connect: { ca }, connections: 2 });
    return {
      send: async (url, { method, body }) => {
        const response = await ntlmFetch(url, { method, ...(body === undefined ? {} : { body }) });
        return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
      },
      close: () => ntlmFetch.close(),
    };
  },
};

const BODY = 'text with ü and 日';
const credentialsOf = ({ username, domain, password }: TestUser): Credentials =>
  Credentials.fromPassword({ username, domain, password });
const wrong = credentialsOf({ ...alice, password: 'not it' });

async function using<T>(
  open: Open,
  options: HttpOptions,
  run: (send: (url: string, sent?: Sent) => Promise<Reply>) => Promise<T>,
): Promise<T> {
  const client = open({ ...options, ca: apache.ca });
  try {
    return await run((url, sent = { method: 'GET' }) => client.send(url, sent));
  } finally {
    await client.close();
  }
}

function expectWhoami(reply: Reply, user: TestUser | null, sent: Partial<Whoami> = {}): void {
  expect(reply.status).toBe(200);
  const who = JSON.parse(reply.text) as Whoami;
  expect(who).toMatchObject({ user: user === null ? null : `${user.domain}\\${user.username}`, ...sent });
}

/** Connections that end with each answer, so that each next one could resume the TLS session of the one before. */
describe.each(['directly', 'through Squid'] as const)('Apache over TLS, %s, a connection for each request', (way) => {
  test.each([
    ['no session is resumed while bindings are on', {}, false],
    ['sessions are resumed, and bound, where that is asked for', { maxCachedSessions: 10 }, true],
    ['sessions are resumed without bindings', { channelBindings: false }, true],
  ] as const)('%s', async (_what, options, resumes) => {
    const resumed: boolean[] = [];
    const agent = new NtlmAgent({
      credentials: credentialsOf(alice),
      ca: apache.ca,
      keepAlive: false,
      ...options,
      ...(way === 'directly' ? {} : { proxy: squid.proxy }),
    });
    for (let request = 1; request <= 3; request += 1) {
      const reply = await new Promise<Reply>((resolve, reject) => {
        const url = `${apache.https.replace('127.0.0.1', 'localhost')}/cgi/whoami`;
        const outgoing = https.get(url, { agent }, (response) => {
          resumed.push((outgoing.socket as TLSSocket).isSessionReused());
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
        });
        outgoing.on('error', reject);
      });
      expectWhoami(reply, alice, { secure: true });
    }
    agent.destroy();
    // Behind a tunnel TLS is this library's own, which keeps no sessions.
    expect(resumed).toEqual(resumes && way === 'directly' ? [false, true, true] : [false, false, false]);
  });
});

describe.each(Object.entries(clients))('%s', (_name, open) => {
  describe.each(['http', 'https'] as const)('Apache over %s', (scheme) => {
    test.each([
      ['alice', alice],
      ['Jürgen', juergen],
      ['日本', nihon],
    ])('%s', async (_user, user) => {
      await using(open, { credentials: credentialsOf(user) }, async (send) => {
        const url = `${apache[scheme]}/cgi/whoami`;
        expectWhoami(await send(url), user, { secure: scheme === 'https' });
        expectWhoami(await send(url, { method: 'POST', body: BODY }), user, {
          method: 'POST',
          length: Buffer.byteLength(BODY),
        });
      });
    });
  });

  test.each(['http', 'https'] as const)('Apache over %s, SPNEGO, its last token verified', async (scheme) => {
    const passed: unknown[] = [];
    const inspect: HttpOptions['inspect'] = (event) => {
      if (event.type === '@xstate.event' && event.event.type === 'finish') passed.push(event.event);
    };
    await using(open, { credentials: credentialsOf(alice), prefer: 'Negotiate', inspect }, async (send) => {
      const url = `${apache[scheme]}/cgi/whoami`;
      const reply = await send(url, { method: 'POST', body: BODY });
      expectWhoami(reply, alice, { method: 'POST', secure: scheme === 'https', length: Buffer.byteLength(BODY) });
      const [, token = ''] = /^Negotiate (\S+)$/.exec(String(reply.headers['www-authenticate'])) ?? [];
      const final = decodeSpnegoToken(new Uint8Array(Buffer.from(token, 'base64')));
      expect(final).toMatchObject({ type: 'resp', negState: 'accept-completed', mechListMIC: { length: 16 } });
      expect(passed).toHaveLength(1);
      expectWhoami(await send(url), alice);
    });
  });

  test('SPNEGO: wrong credentials, then right ones', async () => {
    const credentials: HttpOptions['credentials'] = ({ attempt }) => (attempt === 1 ? wrong : credentialsOf(nihon));
    await using(open, { credentials, prefer: 'Negotiate' }, async (send) => {
      expectWhoami(await send(`${apache.http}/cgi/whoami`, { method: 'POST', body: BODY }), nihon, { method: 'POST' });
    });
    await using(open, { credentials: wrong, prefer: 'Negotiate' }, async (send) => {
      const reply = await send(`${apache.http}/cgi/whoami`);
      expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'credentials-refused']);
    });
  });

  test('wrong credentials, then right ones', async () => {
    const attempts: number[] = [];
    const credentials: HttpOptions['credentials'] = ({ attempt }) => {
      attempts.push(attempt);
      return attempt === 1 ? wrong : credentialsOf(alice);
    };
    await using(open, { credentials }, async (send) => {
      expectWhoami(await send(`${apache.http}/cgi/whoami`, { method: 'POST', body: BODY }), alice, { method: 'POST' });
    });
    expect(attempts).toEqual([1, 2]);
  });

  test('wrong credentials', async () => {
    await using(open, { credentials: wrong }, async (send) => {
      const reply = await send(`${apache.http}/cgi/whoami`);
      expect([reply.status, explainRefusal(reply)?.code]).toEqual([401, 'credentials-refused']);
    });
  });

  test('what is open to all', async () => {
    await using(open, { credentials: credentialsOf(alice) }, async (send) => {
      expectWhoami(await send(`${apache.http}/public/cgi/whoami`, { method: 'POST', body: BODY }), null, {
        method: 'POST',
      });
    });
  });

  test('8 calls at once on 2 connections', async () => {
    await using(open, { credentials: credentialsOf(alice) }, async (send) => {
      const replies = await Promise.all(
        Array.from({ length: 8 }, () => send(`${apache.http}/cgi/whoami`, { method: 'POST', body: BODY })),
      );
      for (const reply of replies) expectWhoami(reply, alice, { method: 'POST' });
      expect(new Set(replies.map(({ text }) => (JSON.parse(text) as Whoami).port)).size).toBeLessThanOrEqual(2);
    });
  });

  test.each(['http', 'https'] as const)('Squid and Apache both ask, over %s', async (scheme) => {
    await using(open, { credentials: credentialsOf(alice), proxy: squid.proxy }, async (send) => {
      const url = `${apache[scheme]}/cgi/whoami`;
      expectWhoami(await send(url, { method: 'POST', body: BODY }), alice, {
        method: 'POST',
        length: Buffer.byteLength(BODY),
      });
      expectWhoami(await send(url), alice);
    });
  });

  test.each([
    ['http', 'takes NTLM', () => squid, 'proxy Negotiate'],
    ['https', 'takes NTLM', () => squid, 'proxy Negotiate'],
    ['http', 'takes Kerberos alone', () => kerberosSquid, 'proxy NTLM'],
    ['https', 'takes Kerberos alone', () => kerberosSquid, 'proxy NTLM'],
  ] as const)('Squid and Apache both ask, over %s, Negotiate preferred: that of Squid %s', async (scheme, _what, proxy, passed) => {
    const authenticated = new Set<string>();
    const inspect: HttpOptions['inspect'] = (event) => {
      if (event.type !== '@xstate.snapshot' || !('value' in event.snapshot) || event.snapshot.value !== 'authenticated') return;
      const { context } = event.snapshot as unknown as { readonly context: Partial<ConnectionContext> };
      if (context.side !== undefined) authenticated.add(`${context.side} ${context.scheme}`);
    };
    const options = { credentials: credentialsOf(alice), prefer: 'Negotiate', inspect } as const;
    await using(open, { ...options, proxy: proxy().proxy }, async (send) => {
      const url = `${apache[scheme]}/cgi/whoami`;
      expectWhoami(await send(url, { method: 'POST', body: BODY }), alice, {
        method: 'POST',
        length: Buffer.byteLength(BODY),
      });
      expectWhoami(await send(url), alice);
    });
    expect([...authenticated].sort()).toEqual([passed, 'server Negotiate']);
  });

  test('Squid refuses under Negotiate, and after it', async () => {
    for (const { proxy } of [squid, kerberosSquid]) {
      const options = { credentials: credentialsOf(alice), prefer: 'Negotiate', proxy: { url: proxy, credentials: wrong } } as const;
      await using(open, options, async (send) => {
        await expect(send(`${apache.https}/public/cgi/whoami`)).rejects.toThrow(/407: the proxy refused the credentials/);
      });
    }
  });

  test('Squid alone asks, and refuses', async () => {
    await using(open, { credentials: credentialsOf(alice), proxy: squid.proxy }, async (send) => {
      expectWhoami(await send(`${apache.http}/public/cgi/whoami`), null);
    });
    await using(
      open,
      { credentials: credentialsOf(alice), proxy: { url: squid.proxy, credentials: wrong } },
      async (send) => {
        await expect(send(`${apache.https}/public/cgi/whoami`)).rejects.toThrow(/proxy/);
      },
    );
  });
});
