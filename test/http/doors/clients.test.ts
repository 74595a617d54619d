/** Clients that take an agent, and what a request leaves behind when it is given up. */
import { getEventListeners, once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import axios from 'axios';
import { createClientAsync } from 'soap';
import superagent from 'superagent';
import { describe, expect, test } from 'vitest';
import { NtlmAgent } from '../../../src/http/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';
import { Proxy } from '../support/proxy.ts';

test('superagent, through its agent()', async () => {
  await using origin = await Origin.listen();
  const agent = new NtlmAgent({ credentials: ALICE });
  const got = await superagent.get(origin.url).agent(agent).buffer(true);
  const posted = await superagent.post(origin.url).agent(agent).send({ item: 'lamp' }).buffer(true);
  expect([got.text, posted.text]).toEqual(['alice', 'alice']);
  expect(origin.seen.map(({ message, body }) => [message, body])).toEqual([
    ['none', 0],
    [1, 0],
    [3, 0],
    ['none', 15],
  ]);
  agent.destroy();
});

const WSDL = (url: string): string => `<?xml version="1.0"?>
<definitions name="Clock" targetNamespace="urn:clock" xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:clock"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xsd="http://www.w3.org/2001/XMLSchema">
  <message name="AskRequest"><part name="zone" type="xsd:string"/></message>
  <message name="AskResponse"><part name="time" type="xsd:string"/></message>
  <portType name="Port"><operation name="Ask">
    <input message="tns:AskRequest"/><output message="tns:AskResponse"/>
  </operation></portType>
  <binding name="Binding" type="tns:Port"><soap:binding style="rpc" transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="Ask"><soap:operation soapAction="urn:clock#Ask"/>
      <input><soap:body use="literal" namespace="urn:clock"/></input>
      <output><soap:body use="literal" namespace="urn:clock"/></output>
    </operation>
  </binding>
  <service name="Clock"><port name="Port" binding="tns:Binding"><soap:address location="${url}/clock"/></port></service>
</definitions>`;

test('soap, its description and its calls on one authenticated connection', async () => {
  await using origin = await Origin.listen({
    handler: (request, response, user) => {
      request.resume().on('end', () => {
        response.setHeader('Content-Type', 'text/xml');
        if (request.method === 'GET') return response.end(WSDL(origin.url));
        return response.end(
          '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>' +
            `<r:AskResponse xmlns:r="urn:clock"><time>noon for ${user}</time></r:AskResponse></e:Body></e:Envelope>`,
        );
      });
    },
  });
  const agent = new NtlmAgent({ credentials: ALICE, maxSockets: 1 });
  const client = await createClientAsync(`${origin.url}/clock?wsdl`, {
    // soap has the types of axios for CommonJS, which the compiler takes for others
    request: axios.create({ httpAgent: agent, httpsAgent: agent, proxy: false }) as never,
  });
  const [answer] = (await client['AskAsync']({ zone: 'UTC' })) as [{ time: unknown }];
  expect(JSON.stringify(answer)).toContain('noon for alice');
  expect(origin.connections).toBe(1);
  expect(origin.handled.map(({ method }) => method)).toEqual(['GET', 'POST']);
  expect(origin.seen).toHaveLength(4);
  agent.destroy();
});

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each(['http', 'https'] as const)('a proxy that speaks TLS, to %s', async (scheme) => {
    const { ca, cert, key } = await makeCertificate();
    await using plain = await Proxy.listen();
    await using origin = await Origin.listen(scheme === 'https' ? { tls: { cert, key } } : {});
    const front = createTlsServer({ cert, key }, (socket) => {
      const behind = connect(Number(new URL(plain.url).port), '127.0.0.1');
      socket.on('error', () => behind.destroy()).pipe(behind);
      behind.on('error', () => socket.destroy()).pipe(socket);
    });
    front.listen(0, '127.0.0.1');
    await once(front, 'listening');
    const url = `https://127.0.0.1:${(front.address() as AddressInfo).port}`;
    try {
      await using client = carrier.open({ credentials: ALICE, proxy: { url, ca }, ca });
      const reply = await client.request(origin.url, { method: 'POST', body: 'order' });
      expect([reply.status, reply.text]).toEqual([200, 'alice']);
      expect(origin.handled.map(({ body }) => body)).toEqual([5]);
      await using distrustful = carrier.open({ credentials: ALICE, proxy: url });
      await expect(distrustful.request(origin.url)).rejects.toThrow();
    } finally {
      front.close();
    }
  });

  const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCPSocket')).length;
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

  test.each(['the first answer', 'type 2', 'the answer to type 3', 'credentials'])(
    'given up while it waits for %s: no socket, timer or listener stays',
    async (stage) => {
      let reached = (): void => {};
      const waiting = new Promise<void>((resolve) => (reached = resolve));
      const hang = (here: string): boolean => {
        if (here === stage) reached();
        return here === stage;
      };
      await using origin = await Origin.listen({
        protects: ({ headers }) => !(headers.authorization === undefined && stage === 'the first answer'),
        onNegotiate: () => hang('type 2'),
        handler: (_request, response, user) => {
          if (!hang('the first answer') && !hang('the answer to type 3')) response.end(user);
        },
      });
      const client = carrier.open({
        credentials: () => (hang('credentials') ? new Promise<undefined>(() => {}) : ALICE),
      });
      // What the tests before left ends first.
      for (const end = Date.now() + 5000; sockets() > 0 && Date.now() < end; ) await new Promise(setImmediate);
      const before = { sockets: sockets(), timers: timers() };
      const controller = new AbortController();
      const request = client.request(origin.url, { signal: controller.signal });
      const outcome = expect(request).rejects.toMatchObject({ name: 'AbortError' });
      await waiting;
      expect(sockets()).toBeGreaterThan(before.sockets);
      controller.abort();
      await outcome;
      const isClean = (): boolean =>
        origin.sockets.size === 0 && sockets() <= before.sockets && timers() <= before.timers;
      // Turn by turn of the event loop: a wait by timers would count its own.
      for (const end = Date.now() + 5000; !isClean() && Date.now() < end; ) await new Promise(setImmediate);
      expect(origin.sockets.size).toBe(0);
      expect(sockets()).toBeLessThanOrEqual(before.sockets);
      expect(timers()).toBeLessThanOrEqual(before.timers);
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
      await client[Symbol.asyncDispose]();
    },
  );
});
