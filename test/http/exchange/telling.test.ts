/** What a carrier tells of its connections, event by event. */
import diagnostics from 'node:diagnostics_channel';
import { afterEach, describe, expect, test } from 'vitest';
import { Teller, tellerOf, tellsBy, type HttpEvent } from '../../../src/http/exchange/telling.ts';
import { NtlmAgent } from '../../../src/http/index.ts';
import { get } from '../support/get.ts';
import { makeCertificate } from '../support/certificate.ts';
import { HostilePeer, ntlm, until, type Leg, type PeerOptions } from '../support/hostile.ts';
import { honest, TYPE2 } from '../support/meet.ts';
import { ALICE, Origin, WRONG } from '../support/origin.ts';
import { challengeToken } from '../../support/handshake.ts';

type Event<Type extends HttpEvent['type']> = Extract<HttpEvent, { type: Type }>;
const of = <Type extends HttpEvent['type']>(type: Type, events: readonly HttpEvent[]): Event<Type>[] =>
  events.filter((event): event is Event<Type> => event.type === type);
/** All but steps, in a word or two each. */
const brief = (events: readonly HttpEvent[]): string[] =>
  events.flatMap((event) => {
    if (event.type === 'step') return [];
    if (event.type === 'request' || event.type === 'response') return [`${event.type}: ${event.head.startLine}`];
    return [event.type === 'close' && event.code !== undefined ? `close: ${event.code}` : event.type];
  });

const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0)) end();
});

function agentOf(options: Partial<ConstructorParameters<typeof NtlmAgent>[0]> = {}): NtlmAgent {
  const agent = new NtlmAgent({ credentials: ALICE, ...options });
  ending.push(() => agent.destroy());
  return agent;
}

function heardOf(carrier: object, whole = false): HttpEvent[] {
  const events: HttpEvent[] = [];
  ending.push(tellerOf(carrier)!.listen({ whole, tell: (event) => void events.push(event) }));
  return events;
}

function heardOnChannel(): HttpEvent[] {
  const events: HttpEvent[] = [];
  const listener = (message: unknown): void => void events.push(message as HttpEvent);
  diagnostics.subscribe('ntlmachine:http', listener);
  ending.push(() => void diagnostics.unsubscribe('ntlmachine:http', listener));
  return events;
}

describe('a handshake', () => {
  test('is told from its opening to its end, with what it belongs to', async () => {
    await using origin = await Origin.listen();
    const [agent, other] = [agentOf(), agentOf()];
    const events = heardOf(agent);
    const before = Date.now();
    await get(`${origin.url}/a?b`, agent);
    agent.destroy();
    await until(() => events.at(-1)?.type === 'step' && of('close', events).length > 0);
    expect(brief(events)).toEqual([
      'open',
      'request: GET /a?… HTTP/1.1', 'response: HTTP/1.1 401 Unauthorized',
      'request: GET /a?… HTTP/1.1', 'response: HTTP/1.1 401 Unauthorized',
      'request: GET /a?… HTTP/1.1', 'response: HTTP/1.1 200 OK',
      'close',
    ]);
    expect(events[0]).toMatchObject({ origin: origin.url, side: 'server', tls: false });
    const { id } = tellerOf(agent)!;
    expect([id > 0, events[0]!.connection > 0]).toEqual([true, true]);
    expect(tellerOf(other)!.id).not.toBe(id);
    for (const { carrier, connection, time } of events) {
      expect([carrier, connection]).toEqual([id, events[0]!.connection]);
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(Date.now());
    }
    expect(of('close', events)[0]).not.toHaveProperty('code');
  });

  test.each([['accepted', ALICE], ['refused', WRONG]] as const)('that is %s: each machine goes on from where it was', async (verdict, credentials) => {
    await using origin = await Origin.listen();
    const agent = agentOf({ credentials });
    const events = heardOf(agent);
    await get(origin.url, agent);
    const steps = of('step', events);
    const connection = steps.filter(({ machine }) => machine === 'connection');
    expect(connection[0]).toMatchObject({ from: 'anonymous', event: 'unauthorized', side: 'server', attempt: 1 });
    expect(connection.slice(1).map(({ from }) => from)).toEqual(connection.slice(0, -1).map(({ to }) => to));
    const handshake = steps.filter(({ machine }) => machine === 'ntlm');
    expect(handshake[0]).toMatchObject({ event: 'negotiate', from: '', to: 'negotiated.encoding', ways: [{ source: 'ntlm.idle', target: 'ntlm.negotiated' }], tags: ['busy'] });
    expect(handshake.map(({ to }) => to)).toEqual([
      'negotiated.encoding', 'negotiated.waiting', 'challenged.decoding', 'challenged.deciding', 'challenged.responding', 'responded',
      verdict === 'accepted' ? 'authenticated' : 'failed.rejected',
    ]);
    const errors = steps.flatMap(({ error }) => error ?? []);
    if (verdict === 'accepted') expect(errors).toEqual([]);
    else expect(errors.map(({ code }) => code)).toContain('credentials-refused');
    for (const { ways, tags } of steps) {
      expect(ways.length).toBeGreaterThan(0);
      expect(tags.every((tag) => typeof tag === 'string')).toBe(true);
      for (const way of ways) expect(way.source).toMatch(/^(connection|ntlm)\b/);
    }
  });

  test('by SPNEGO: steps that leave a state as it is have their way, and no target', async () => {
    await using origin = await Origin.listen({ offers: ['Negotiate'], scheme: 'Negotiate' });
    const agent = agentOf();
    const events = heardOf(agent);
    await get(origin.url, agent);
    const steps = of('step', events).filter(({ machine }) => machine === 'spnego');
    for (const step of steps) expect(step).not.toHaveProperty('attempt');
    const staying = steps.filter(({ from, to }) => from === to);
    expect(staying.length).toBeGreaterThan(0);
    for (const { ways } of staying) expect(ways.every(({ source, target }) => source.startsWith('spnego') && target === undefined)).toBe(true);
  });

  test('of a proxy is told as its own', async () => {
    await using proxy = await Origin.listen({ proxy: true });
    const agent = agentOf({ proxy: proxy.url });
    const events = heardOf(agent);
    await get('http://intranet.example/', agent);
    expect(of('open', events)).toMatchObject([{ origin: proxy.url, side: 'proxy', tls: false }]);
    expect(of('step', events).some(({ side }) => side === 'proxy')).toBe(true);
  });

  test('over TLS', async () => {
    const tls = await makeCertificate();
    await using peer = await HostilePeer.listen(({ socket }) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'), { tls });
    const agent = agentOf({ ca: tls.ca } as object);
    const events = heardOf(agent);
    await get(peer.url, agent);
    expect(of('open', events)).toMatchObject([{ origin: peer.url, side: 'server', tls: true }]);
  });
});

describe('tokens', () => {
  const lastToken = (events: readonly HttpEvent[]): string[] =>
    of('request', events).flatMap(({ head }) => head.fields.filter(({ name }) => name === 'authorization').map(({ value }) => value)).slice(-1);

  test('are whole for who asks for them whole, and masked for all others, from the same moment', async () => {
    await using peer = await HostilePeer.listen((leg) => void leg.socket.write(honest(leg)));
    const agent = agentOf();
    const [whole, masked, maskedToo, channel] = [heardOf(agent, true), heardOf(agent), heardOf(agent), heardOnChannel()];
    await get(peer.url, agent);
    const [response] = lastToken(whole);
    expect(response).toMatch(/^NTLM TlRMTVNTUAAD/);
    for (const events of [masked, maskedToo, channel]) {
      expect(lastToken(events)[0]).toMatch(/^NTLM TlRMTVNTUAAD/);
      expect(lastToken(events)).not.toEqual([response]);
      expect(brief(events)).toEqual(brief(whole));
    }
  });

  test('are masked where nobody listens but who holds the carrier', async () => {
    await using peer = await HostilePeer.listen((leg) => void leg.socket.write(honest(leg)));
    const agent = agentOf();
    const [whole, masked] = [heardOf(agent, true), heardOf(agent)];
    await get(peer.url, agent);
    expect(lastToken(masked)[0]).toMatch(/^NTLM TlRMTVNTUAAD/);
    expect(lastToken(masked)).not.toEqual(lastToken(whole));
  });

  test('one masked head is made, and none for nobody', () => {
    const teller = new Teller();
    const [first, second, whole]: HttpEvent[][] = [[], [], []];
    const bytes = Buffer.from(`HTTP/1.1 401 No\r\nWWW-Authenticate: ${ntlm(challengeToken())}\r\n\r\n`);
    teller.tellHead('response', 1, bytes);
    teller.listen({ whole: false, tell: (event) => void first!.push(event) });
    teller.listen({ whole: true, tell: (event) => void whole!.push(event) });
    teller.listen({ whole: false, tell: (event) => void second!.push(event) });
    const channel = heardOnChannel();
    teller.tellHead('response', 1, bytes);
    expect(first).toHaveLength(1);
    expect(second![0]).toBe(first![0]);
    expect(channel[0]).toBe(first![0]);
    expect(whole).toMatchObject([{ head: { fields: [{ name: 'www-authenticate', value: TYPE2 }] } }]);
  });
});

describe('who listens', () => {
  test('is heard until it ends, alone or beside others', () => {
    const teller = new Teller();
    expect(teller.heard).toBe(false);
    const [one, two] = [teller.listen({ whole: false, tell: () => {} }), teller.listen({ whole: false, tell: () => {} })];
    one();
    expect(teller.heard).toBe(true);
    two();
    expect(teller.heard).toBe(false);
    heardOnChannel();
    expect(teller.heard).toBe(true);
  });

  test('hears over the channel what a sink hears, and of every carrier', async () => {
    await using origin = await Origin.listen();
    const agent = agentOf();
    const [sink, channel] = [heardOf(agent), heardOnChannel()];
    await get(origin.url, agent);
    expect(channel).toEqual(sink);
    await get(origin.url, agentOf());
    expect(new Set(channel.map(({ carrier }) => carrier)).size).toBe(2);
    expect(of('open', sink)).toHaveLength(1);
  });

  test('hears of a connection that is open already with its next request', async () => {
    await using origin = await Origin.listen();
    const agent = agentOf();
    await get(origin.url, agent);
    const events = heardOf(agent);
    await get(origin.url, agent);
    expect(brief(events)).toEqual(['open', 'request: GET / HTTP/1.1', 'response: HTTP/1.1 200 OK']);
  });

  test('hears of no step of a connection that was opened before', async () => {
    await using origin = await Origin.listen({ singleRequest: true });
    const agent = agentOf();
    await get(origin.url, agent);
    const events = heardOf(agent);
    await get(origin.url, agent);
    expect(of('step', events)).toEqual([]);
    expect(of('request', events).length).toBeGreaterThan(1);
  });

  test('hears of no connection that ended before it was told of', async () => {
    await using origin = await Origin.listen();
    const agent = agentOf();
    await get(origin.url, agent);
    const events = heardOf(agent);
    agent.destroy();
    await until(() => [...origin.sockets].length === 0);
    expect(brief(events)).toEqual([]);
  });

  test('hears every byte of a field as the character it was written as', async () => {
    await using origin = await Origin.listen();
    const agent = agentOf();
    const events = heardOf(agent);
    await get(origin.url, agent, { authorization: 'B\u00e4sic x' });
    expect(of('request', events)[0]!.head.fields).toContainEqual({ name: 'authorization', value: 'B\u00e4sic' });
  });

  test('finds the teller of a carrier, and of nothing else', () => {
    const [carrier, teller] = [{}, new Teller()];
    tellsBy(carrier, teller);
    expect([tellerOf(carrier), tellerOf({})]).toEqual([teller, undefined]);
  });
});

describe('what is no answer', () => {
  const told = async (answer: (leg: Leg) => void, options: PeerOptions = {}): Promise<HttpEvent[]> => {
    await using peer = await HostilePeer.listen(answer, options);
    const agent = agentOf();
    const events = heardOf(agent);
    await Promise.race([get(peer.url, agent).catch(() => {}), until(() => brief(events).some((word) => word.includes(' 101 ')))]);
    await until(() => of('close', events).length > 0, 100);
    return events;
  };

  test('interim responses are left out, in one piece with the answer or byte by byte', async () => {
    const answer = 'HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 199 Hm\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
    const expected = ['open', 'request: GET / HTTP/1.1', 'response: HTTP/1.1 200 OK'];
    expect(brief(await told(({ socket }) => void socket.write(answer)))).toEqual(expected);
    const dripping = await told(async ({ socket }) => {
      socket.setNoDelay(true);
      for (const byte of answer) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
    });
    expect(brief(dripping)).toEqual(expected);
  });

  test('a switch of protocols is one', async () => {
    const events = await told(({ socket }) => void socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'));
    expect(brief(events)).toContain('response: HTTP/1.1 101 Switching Protocols');
  });

  test('bytes that are no head are not told', async () => {
    expect(brief(await told(({ socket }) => void socket.end('HTTP/1.1 200 OK\nServer: x\n\n')))).toEqual(['open', 'request: GET / HTTP/1.1', 'close']);
  });

  test('a body is none, though it looks like a head', async () => {
    const body = 'HTTP/1.1 418 No\r\n\r\n';
    const events = await told(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      setTimeout(() => socket.write(body), 20);
    });
    expect(brief(events)).toEqual(['open', 'request: GET / HTTP/1.1', 'response: HTTP/1.1 200 OK']);
  });

  test('an end has its reason where it is an error', async () => {
    expect(brief(await told(({ socket }) => void socket.resetAndDestroy())).at(-1)).toBe('close: ECONNRESET');
    expect(brief(await told(({ socket }) => void socket.end())).at(-1)).toBe('close');
  });

  test('each connection in the place of another is one of its own', async () => {
    const events = await told((leg) => {
      if (leg.message === 'none') leg.socket.end(honest(leg).replace('\r\n', '\r\nConnection: close\r\n'));
      else leg.socket.write(honest(leg));
    });
    expect(brief(events).filter((word) => !word.startsWith('re'))).toEqual(['open', 'close', 'open']);
    expect(new Set(events.map(({ connection }) => connection)).size).toBe(2);
  });
});
