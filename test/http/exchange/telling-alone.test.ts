/** What is told of a connection that is none: heads in bytes, steps of a handshake, an end. Nothing here waits for a socket. */
import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { assign, createActor, createMachine } from 'xstate';
import { HTTP_CHANNEL, Teller, tellerOf, tellsBy, type ConnectionTelling, type HttpEvent } from '../../../src/http/exchange/telling.ts';
import { observeSteps, type ToldStep } from '../../../src/http/exchange/telling-steps.ts';
import { NtlmError } from '../../../src/index.ts';
import { MemoryCarrier } from '../support/memory-carrier.ts';

const TOKEN = 'TlRMTVNTUAABAAAAB4IIogAAAAAoAAAAAAAAACgAAAAKAAAAAAAADw==';
const TYPE3 = `TlRMTVNTUAADAAAAGAAYAEgAAAAYABgAYAAAAAgACAB4AAAACgAKAIAAAAAAAAAAigAAAAAAAACKAAAABYKIogoAAAAAAAAPAAAAAAAAAAAAAAAAAAAAAAAA${'Q'.repeat(60)}`;
const REQUEST = `GET /a?secret HTTP/1.1\r\nHost: h\r\nAuthorization: NTLM ${TYPE3}\r\n\r\n`;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

const ending: (() => void)[] = [];
afterEach(() => {
  for (const end of ending.splice(0)) end();
});

function told(teller: Teller, whole = false): HttpEvent[] {
  const events: HttpEvent[] = [];
  ending.push(teller.listen({ whole, tell: (event) => void events.push(event) }));
  return events;
}
function broadcast(): HttpEvent[] {
  const events: HttpEvent[] = [];
  const listener = (event: unknown): void => void events.push(event as HttpEvent);
  diagnostics.subscribe(HTTP_CHANNEL, listener);
  ending.push(() => void diagnostics.unsubscribe(HTTP_CHANNEL, listener));
  return events;
}
function openOn(telling: ConnectionTelling, socket: object = {}): MemoryCarrier {
  const carrier = new MemoryCarrier();
  ending.push(() => carrier.close());
  telling.opened(socket as Socket, carrier.layers);
  return carrier;
}
const kinds = (events: readonly HttpEvent[]): string[] => events.map((event) => ('head' in event ? `${event.type} ${event.head.startLine}` : event.type));

describe('who hears', () => {
  test('nobody, until somebody listens, and not any more behind the end of it', () => {
    const teller = new Teller();
    expect(teller.heard).toBe(false);
    const end = teller.listen({ whole: false, tell: () => {} });
    expect(teller.heard).toBe(true);
    end();
    expect(teller.heard).toBe(false);
    broadcast();
    expect(teller.heard).toBe(true);
  });

  test('each carrier has a teller and a number of its own, each connection as well', () => {
    const [teller, other] = [new Teller(), new Teller()];
    expect(other.id).toBe(teller.id + 1);
    const carrier = {};
    expect(tellerOf(carrier)).toBeUndefined();
    tellsBy(carrier, teller);
    expect(tellerOf(carrier)).toBe(teller);
    const events = told(teller);
    const telling = teller.connection();
    openOn(telling);
    openOn(teller.connection());
    telling.closed();
    openOn(telling);
    const [first, second, end, third] = events;
    expect(kinds(events)).toEqual(['open', 'open', 'close', 'open']);
    expect([second!.connection, third!.connection, end!.connection]).toEqual([first!.connection + 1, first!.connection + 2, first!.connection]);
    expect(events.every((event) => event.carrier === teller.id && Math.abs(event.time - Date.now()) < 60_000)).toBe(true);
    expect([first, openedBy(teller, { encrypted: true })]).toMatchObject([{ origin: 'http://a', side: 'server', tls: false }, { tls: true }]);
  });

  function openedBy(teller: Teller, socket: object): HttpEvent | undefined {
    const events = told(teller);
    openOn(teller.connection(), socket);
    return events[0];
  }

  test('a listener that comes late hears of the connection first, and one that came for its end alone of nothing', () => {
    const teller = new Teller();
    const [telling, silent] = [teller.connection(), teller.connection()];
    telling.sent(REQUEST); // of none that is open
    openOn(telling);
    openOn(silent);
    telling.sent(REQUEST);
    const events = told(teller);
    silent.closed();
    telling.received(bytes('HTTP/1.1 200 OK\r\n\r\n')); // of a request that was not told
    telling.sent(REQUEST);
    telling.sent(REQUEST);
    telling.closed();
    telling.closed();
    expect(kinds(events)).toEqual(['open', 'request GET /a?… HTTP/1.1', 'request GET /a?… HTTP/1.1', 'close']);
  });

  test('the channel and who asks for no more hear masked tokens, who asks for them the whole', () => {
    const teller = new Teller();
    const [masked, whole, channel] = [told(teller), told(teller, true), broadcast()];
    const telling = teller.connection();
    openOn(telling);
    telling.sent(REQUEST);
    const tokenOf = (events: readonly HttpEvent[]): string | undefined => events.flatMap((event) => (event.type === 'request' ? event.head.fields : [])).find(({ name }) => name === 'authorization')?.value;
    expect(tokenOf(whole)).toBe(`NTLM ${TYPE3}`);
    for (const events of [masked, channel]) expect(tokenOf(events)).toMatch(/^NTLM TlRMTVNTUAADAAAA/);
    expect([tokenOf(masked), tokenOf(channel)]).not.toContain(`NTLM ${TYPE3}`);
    expect(kinds(channel)).toEqual(kinds(masked));
  });
});

describe('an answer', () => {
  const answers = (...pieces: readonly (string | Buffer)[]): string[] => {
    const teller = new Teller();
    const events = told(teller);
    const telling = teller.connection();
    openOn(telling);
    telling.sent(REQUEST);
    for (const piece of pieces) telling.received(Buffer.from(piece as string, 'latin1'));
    telling.received(bytes('HTTP/1.1 404 More\r\n\r\n'));
    return kinds(events.filter(({ type }) => type === 'response'));
  };

  test('is told once, however it is cut', () => {
    const text = `HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM ${TOKEN}\r\n\r\nbody`;
    for (let at = 0; at < text.length; at++) expect(answers(text.slice(0, at), text.slice(at)), String(at)).toEqual(['response HTTP/1.1 401 No']);
  });

  test.each([
    ['an interim one is not', ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Soon\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'], ['response HTTP/1.1 200 OK']],
    ['nor one before it in one piece', ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'], ['response HTTP/1.1 200 OK']],
    ['the switch of protocols is', ['HTTP/1.1 101 Switch\r\n\r\n'], ['response HTTP/1.1 101 Switch']],
    ['what is no head is not, nor what follows', ['HTTP/1.1 200 OK\n\n', 'HTTP/1.1 200 OK\r\n\r\n'], []],
  ])('%s', (_what, pieces, expected) => {
    expect(answers(...pieces)).toEqual(expected);
  });
});

describe('an end', () => {
  test.each([
    [undefined, {}],
    [null, {}],
    [new Error('no code'), {}],
    [Object.assign(new Error('reset'), { code: 'ECONNRESET' }), { code: 'ECONNRESET' }],
    [Object.assign(new Error('a number'), { code: 7 }), {}],
  ])('by %s', (error, more) => {
    const teller = new Teller();
    const events = told(teller);
    const telling = teller.connection();
    openOn(telling);
    telling.sent(REQUEST);
    telling.closed(error);
    telling.received(bytes('HTTP/1.1 200 OK\r\n\r\n'));
    const { carrier: _, connection: _own, time: _time, ...end } = events.at(-1)!;
    expect(end).toEqual({ type: 'close', ...more });
  });
});

describe('the steps of a machine', () => {
  const error = new NtlmError('no', { code: 'aborted', phase: 'transport', side: 'local' });
  const machine = createMachine({
    id: 'light',
    types: {} as { context: { attempt?: unknown; error?: unknown; reason?: unknown }; events: { type: 'on' | 'off' | 'count' | 'fail' | 'doubt' | 'odd' } },
    context: {},
    initial: 'dark',
    on: {
      count: { actions: assign({ attempt: 2 }) },
      odd: { actions: assign({ attempt: 'two', error: 'text' }) },
      fail: { target: '.dark', actions: assign({ error: () => error }) },
      doubt: { actions: assign({ reason: () => error }) },
    },
    states: { dark: { on: { on: 'bright' } }, bright: { tags: ['shining'], initial: 'low', on: { off: 'dark' }, states: { low: {} } } },
  });
  const steps = (...events: readonly ('on' | 'off' | 'count' | 'fail' | 'doubt' | 'odd')[]): ToldStep[] => {
    const heard: ToldStep[] = [];
    const actor = createActor(machine);
    observeSteps(actor, 'proxy', (step) => heard.push(step));
    actor.start();
    for (const type of events) actor.send({ type });
    actor.stop();
    return heard.filter(({ event }) => !event.startsWith('xstate.'));
  };

  test('say where it was, where it is by its whole name, and by which way', () => {
    expect(steps('on', 'off')).toEqual([
      { side: 'proxy', machine: 'light', event: 'on', from: 'dark', to: 'bright.low', ways: [{ source: 'light.dark', target: 'light.bright' }], tags: ['shining'] },
      { side: 'proxy', machine: 'light', event: 'off', from: 'bright.low', to: 'dark', ways: [{ source: 'light.bright', target: 'light.dark' }], tags: [] },
    ]);
  });

  test('are none where no state took the event', () => {
    expect(steps('off', 'on', 'on').map(({ event }) => event)).toEqual(['on']);
  });

  test('say a way without an aim by its source, and which attempt it is', () => {
    expect(steps('count')).toEqual([{ side: 'proxy', machine: 'light', event: 'count', from: 'dark', to: 'dark', ways: [{ source: 'light' }], tags: [], attempt: 2 }]);
  });

  test('tell of errors of this library as plain data, and of nothing else that a context may hold', () => {
    expect(steps('odd')[0]).not.toHaveProperty('attempt');
    expect(steps('odd')[0]).not.toHaveProperty('error');
    expect([steps('fail')[0]!.error, steps('doubt')[0]!.error]).toEqual([error.toJSON(), error.toJSON()]);
  });
});

test('the steps of a handshake are told with its connection', async () => {
  const teller = new Teller();
  const events = told(teller);
  const telling = teller.connection();
  const carrier = openOn(telling);
  await carrier.call({ method: 'GET' });
  const walked = events.flatMap((event) => (event.type === 'step' && event.machine === 'ntlm' ? [`${event.from} ${event.event.split('.').slice(0, 2).join('.')} ${event.to}`] : []));
  expect(walked).toEqual(expect.arrayContaining(['negotiated.waiting challenge challenged.decoding', 'responded accepted authenticated']));
  expect(events.filter(({ type }) => type === 'step').every((event) => event.connection === events[0]!.connection && 'side' in event && event.side === 'server')).toBe(true);
});
