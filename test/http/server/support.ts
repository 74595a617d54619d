/** Servers under test, and clients whose every leg is seen. */
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, expect } from 'vitest';
import type { NtlmServerOptions } from '../../../src/http/server/options.ts';
import type { NtlmRequestListener } from '../../../src/http/server/respond.ts';
import { Credentials, NtlmClient, type PasswordCredentials } from '../../../src/index.ts';

export const alice = (password = 'Drawbridge1') => Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });
export const bob = (password = 'Portcullis2') => Credentials.fromPassword({ username: 'bob', domain: 'CASTLE', password });
export const users = new Map([
  ['alice', alice()],
  ['bob', bob()],
]);
export const options: NtlmServerOptions = { credentials: ({ username }) => users.get(username) };

const closers: (() => void)[] = [];
export const closeLater = (close: () => void): void => void closers.push(close);
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

export async function listen(server: Server): Promise<number> {
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export const whoAmI: NtlmRequestListener = (request, response) => response.end(`${request.method} ${request.ntlm.username}`);

export interface Answer {
  readonly status: number;
  readonly offers: string;
  readonly body: string;
  readonly socket: Socket;
  readonly response: IncomingMessage;
}

export interface Ask {
  readonly authorization?: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** One keep-alive connection, as long as the server keeps it. */
export function openConnection(port: number, path = '/') {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  closers.push(() => agent.destroy());
  return async ({ authorization, method = 'GET', headers = {}, body = '' }: Ask = {}): Promise<Answer> => {
    const sent = httpRequest({
      host: '127.0.0.1',
      port,
      path,
      agent,
      method,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
    });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const { statusCode: status = 0, headers: answered, socket } = response;
    return { status, offers: answered['www-authenticate'] ?? '', body: await text(response), socket, response };
  };
}

export const header = (token: Uint8Array, scheme = 'NTLM') => `${scheme} ${Buffer.from(token).toString('base64')}`;
export const tokenOf = (answer: Answer) => new Uint8Array(Buffer.from(answer.offers.split(' ')[1] ?? '', 'base64'));

export type Call = ReturnType<typeof openConnection>;

/** Type 1 and type 3 on `call`; `last` goes out with the type 3. */
export async function authenticate(call: Call, who: Credentials | PasswordCredentials, last: Ask = {}, scheme = 'NTLM'): Promise<Answer> {
  const credentials = who instanceof Credentials ? who : Credentials.fromPassword(who);
  const client = new NtlmClient({ credentials });
  const challenged = await call({ authorization: header(client.negotiate(), scheme) });
  expect(challenged.status).toBe(401);
  return call({ ...last, authorization: header(client.respond(tokenOf(challenged)), scheme) });
}

