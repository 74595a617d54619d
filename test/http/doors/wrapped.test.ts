/** Agents of callers: made of NtlmAgent, or that leave the making of connections to one. */
import { once } from 'node:events';
import http, { type ClientRequestArgs } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect, test } from 'vitest';
import { NtlmAgent } from '../../../src/http/index.ts';
import type { Credentials } from '../../../src/index.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';

type Created = (error: Error | null, socket: Duplex) => void;

type AnyAgent = new (options: http.AgentOptions & { readonly credentials: Credentials; readonly ca: string }) => http.Agent;

/** As agentkeepalive does it: it counts, sets limits of its own on sockets, and hands on by the callback. */
const counting = (Base: AnyAgent) =>
  class extends Base {
    readonly counts = { created: 0, reused: 0, freed: 0 };

    override createConnection(options: ClientRequestArgs, done?: Created): Duplex {
      const socket = super.createConnection(options, () => {}) as Socket;
      this.counts.created += 1;
      socket.setTimeout(5000).on('free', () => (this.counts.freed += 1));
      done?.(null, socket);
      return socket;
    }

    override keepSocketAlive(socket: Socket): boolean {
      socket.setTimeout(4000);
      return super.keepSocketAlive(socket) as unknown as boolean; // as node has it; its types say nothing comes
    }

    override reuseSocket(socket: Socket, request: http.ClientRequest): void {
      this.counts.reused += 1;
      socket.setTimeout(5000);
      super.reuseSocket(socket, request);
    }
  };

async function textOf(request: http.ClientRequest): Promise<string> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  return `${response.statusCode} ${text}`;
}

test.each(['http', 'https'] as const)('a class made of NtlmAgent counts what one of node\'s own counts: %s', async (protocol) => {
  const { ca, ...tls } = await makeCertificate();
  const module = protocol === 'https' ? https : http;
  const count = async (Base: AnyAgent, protects: boolean): Promise<unknown> => {
    await using origin = await Origin.listen({ protects: () => protects, ...(protocol === 'https' ? { tls } : {}) });
    const agent = new (counting(Base))({ credentials: ALICE, keepAlive: true, maxSockets: 2, ca });
    const get = (): Promise<string> => textOf(module.get(origin.url, { agent }));
    const texts = await Promise.all([get(), get(), get(), get()]);
    for (let turn = 0; turn < 3; turn++) texts.push(await get());
    await new Promise((resolve) => setImmediate(resolve));
    agent.destroy();
    return { texts: new Set(texts.map((text) => text.slice(0, 3))), ...agent.counts };
  };
  expect(await count(NtlmAgent as AnyAgent, true)).toEqual(await count(module.Agent as AnyAgent, false));
});

test('an agent of another make, whose connections are those of an NtlmAgent', async () => {
  await using origin = await Origin.listen();
  const connections = new NtlmAgent({ credentials: ALICE });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2, scheduling: 'fifo' });
  Object.assign(agent, { createConnection: (options: ClientRequestArgs) => connections.createConnection(options) });
  const get = (): Promise<string> => textOf(http.get(origin.url, { agent }));
  expect(new Set(await Promise.all(Array.from({ length: 8 }, get)))).toEqual(new Set(['200 alice']));
  expect(await get()).toBe('200 alice');
  expect(origin.connections).toBe(2);
  agent.destroy();
});
