import { credentialsWithLmHash, lmAndNtlmv1, ntlm2Session, ntlmv1 } from '../../src/legacy/index.ts';
import { inspect } from 'node:util';
import { createInspector, type StatelyActorEvent, type StatelyInspectionEvent } from '@statelyai/inspect';
import { describe, expect, test, vi } from 'vitest';
import { assign, createActor, createMachine } from 'xstate';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials, createNtlmActor, type NtlmOptions } from '../../src/index.ts';
import { decodeAuthenticate } from '../../src/messages/index.ts';
import {
  decodeToken,
  explain,
  parseTrace,
  renderExplanation,
  safeInspect,
  toSequenceDiagram,
  toText,
  trace,
  traceToken,
  type SafeInspectionEvent,
  type Tracer,
} from '../../src/visualize/index.ts';
import { conversationOfTrace } from '../../src/visualize/conversation/steps.ts';
import { storyOf } from '../../src/visualize/flow/story.ts';
import { toHex } from '../support/bytes.ts';

const PASSWORD = 'tr0ub4dor&3';
const credentials = Credentials.fromPassword({ username: 'User', domain: 'Domain', password: PASSWORD });

/** A whole handshake; what went over the wire and what was recorded. */
function run(options: Partial<NtlmOptions> = {}, traceOptions: Parameters<typeof trace>[1] = {}): { tracer: Tracer; authenticate: Uint8Array } {
  const actor = createNtlmActor({ credentials, sessionSecurity: 'seal', ...options });
  const tracer = trace(actor, traceOptions);
  actor.send({ type: 'negotiate' });
  const acceptor = new NtlmAcceptor({ credentials });
  actor.send({ type: 'challenge', token: acceptor.challenge(actor.getSnapshot().context.token!) });
  const authenticate = actor.getSnapshot().context.token!;
  actor.send({ type: 'accepted' });
  return { tracer, authenticate };
}

describe('a trace', () => {
  test('has each step with its event, states, direction and token', () => {
    const { tracer } = run();
    expect(tracer.entries.map(({ event, from, to, direction, token }) => [event, from, to, direction, token?.message])).toEqual([
      ['start', '', 'idle', undefined, undefined],
      ['negotiate', 'idle', 'negotiated.encoding', undefined, undefined],
      ['encodeNegotiate done', 'negotiated.encoding', 'negotiated.waiting', 'sent', 'NEGOTIATE'],
      ['challenge', 'negotiated.waiting', 'challenged.decoding', 'received', 'CHALLENGE'],
      ['decodeChallenge done', 'challenged.decoding', 'challenged.deciding', undefined, undefined],
      ['always', 'challenged.deciding', 'challenged.responding', undefined, undefined],
      ['authenticate done', 'challenged.responding', 'responded', 'sent', 'AUTHENTICATE'],
      ['accepted', 'responded', 'authenticated', undefined, undefined],
    ]);
  });

  test('notes an event that changed nothing', () => {
    const actor = createNtlmActor({ credentials });
    const tracer = trace(actor);
    actor.send({ type: 'accepted' });
    expect(tracer.entries.at(-1)).toMatchObject({ event: 'accepted', from: 'idle', to: 'idle', transitions: [] });
  });

  test('keeps the latest entries only, and says how many are lost', () => {
    const { tracer } = run({}, { limit: 3 });
    expect(tracer.toJSON()).toMatchObject({ dropped: 5, entries: [{ event: 'always' }, {}, { event: 'accepted' }] });
  });

  test('ends when it is stopped', () => {
    const actor = createNtlmActor({ credentials });
    const tracer = trace(actor);
    tracer.stop();
    actor.send({ type: 'negotiate' });
    expect(tracer.entries).toHaveLength(1);
  });

  test('of anything but a machine is refused', () => {
    expect(() => trace({} as never)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });

  test('follows machines that a machine invokes', () => {
    const inner = createMachine({ id: 'inner', initial: 'a', states: { a: { on: { go: 'b' } }, b: {} } });
    const outer = createActor(createMachine({ id: 'outer', initial: 'x', states: { x: { on: { go: 'y' } }, y: { invoke: { src: inner, id: 'child' } } } })).start();
    const tracer = trace(outer);
    outer.send({ type: 'go' });
    (outer.getSnapshot() as { children: Record<string, { send(event: { type: string }): void }> }).children['child']!.send({ type: 'go' });
    expect(tracer.entries.map(({ machine, to }) => [machine, to])).toEqual([['outer', 'x'], ['inner', 'a'], ['outer', 'y'], ['inner', 'b']]);
  });
});

/** Everything secret of a handshake as hexadecimal, base64 and text. */
function secretsOfRun(authenticate: Uint8Array): string[] {
  const { ntChallengeResponse, encryptedRandomSessionKey, mic } = decodeAuthenticate(authenticate);
  const parts = [ntChallengeResponse.subarray(0, 16), encryptedRandomSessionKey, mic!];
  const ntHash = 'd5b7a4d8a4f0c2e5'; // of no use to a reader, whatever it is: the handle does not show one
  return [PASSWORD, ntHash, ...parts.map(toHex)];
}

/** Text and the hexadecimal of every base64 in it. */
function searchable(data: unknown): string {
  const json = JSON.stringify(data);
  const tokens = [...json.matchAll(/"base64":"([^"]*)"/g)].map(([, base64]) => Buffer.from(base64!, 'base64').toString('hex'));
  return [json, inspect(data, { depth: Infinity }), ...tokens].join('\n');
}

describe('secrets', () => {
  test('responses, MIC and session key are zeroed where they stand; the rest of the token is as it was', () => {
    const { tracer, authenticate } = run();
    const text = searchable(tracer.toJSON());
    for (const secret of secretsOfRun(authenticate)) expect(text).not.toContain(secret);
    const { base64, masked } = tracer.entries.find(({ token }) => token?.message === 'AUTHENTICATE')!.token!;
    const shown = Buffer.from(base64, 'base64');
    expect(masked.map(({ name }) => name)).toEqual(['MIC', 'NTLMv2Response.NTProofStr', 'EncryptedRandomSessionKey']);
    authenticate.forEach((byte, at) => {
      const isMasked = masked.some(({ offset, length }) => at >= offset && at < offset + length);
      expect(shown[at]).toBe(isMasked ? 0 : byte);
    });
  });

  test('they are there when asked for', () => {
    const { tracer, authenticate } = run({}, { responses: 'shown' });
    expect(searchable(tracer.toJSON())).toContain(toHex(authenticate));
  });

  test.each([ntlmv1, ntlm2Session, lmAndNtlmv1])('both responses of policy %s are masked', (policy) => {
    const own = credentialsWithLmHash({ username: 'User', password: 'Password' });
    const { authenticate } = run({ policy, credentials: own, sessionSecurity: 'none' });
    const { lmChallengeResponse, ntChallengeResponse } = decodeAuthenticate(authenticate);
    const text = searchable(traceToken(authenticate, 'masked'));
    expect(text).not.toContain(toHex(lmChallengeResponse.subarray(0, 8)));
    expect(text).not.toContain(toHex(ntChallengeResponse));
  });

  test('of bytes that are no NTLM message nothing is kept but their number', () => {
    const basic = new TextEncoder().encode('Basic dXNlcjpwYXNzd29yZA==');
    expect(traceToken(basic, 'masked')).toEqual({ message: undefined, base64: Buffer.alloc(basic.length).toString('base64'), masked: [{ name: 'unread', offset: 0, length: basic.length }] });
  });

  test('an answer too broken to decode shows no byte that might be a response', () => {
    const { authenticate } = run();
    authenticate.fill(0xff, 16, 20); // the LM response leaves the message
    const shown = Buffer.from(traceToken(authenticate, 'masked').base64, 'base64');
    expect(shown.subarray(72).every((byte) => byte === 0)).toBe(true);
  });

  test('of a foreign context only the allow-list is copied', () => {
    const machine = createMachine({
      id: 'leaky',
      initial: 'a',
      context: { password: PASSWORD, error: new Error(PASSWORD), sessionKey: PASSWORD, token: PASSWORD },
      states: { a: { on: { go: { target: 'b', actions: assign({ more: PASSWORD } as never) } } }, b: {} },
    });
    const seen: SafeInspectionEvent[] = [];
    const actor = createActor(machine, { inspect: safeInspect((event) => seen.push(event)) }).start();
    const tracer = trace(actor);
    actor.send({ type: 'go', password: PASSWORD } as never);
    expect(tracer.entries.at(-1)?.context).toEqual({ sessionKey: true });
    expect(searchable([tracer.toJSON(), seen])).not.toContain(PASSWORD);
    expect(seen.map(({ snapshot }) => snapshot?.state)).toContain('b');
  });

  test('the inspector of Stately runs behind safeInspect, and is sent no secret', async () => {
    const sent: StatelyInspectionEvent[] = [];
    const { inspect } = createInspector({ send: (event) => void sent.push(event) });
    const actor = createNtlmActor({ credentials }, { inspect: safeInspect(inspect) });
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: new NtlmAcceptor({ credentials }).challenge(actor.getSnapshot().context.token!) });
    const { token } = actor.getSnapshot().context;
    await vi.waitFor(() => expect(sent.some((event) => event.type === '@xstate.snapshot' && (event.snapshot as { value?: unknown }).value === 'responded')).toBe(true));
    const registered = sent.find((event) => event.type === '@xstate.actor' && event.name === 'ntlm');
    expect(registered).toMatchObject({ snapshot: { status: 'active' } });
    expect(JSON.parse((registered as StatelyActorEvent).definition!)).toMatchObject({ id: 'ntlm', states: { challenged: { states: { deciding: {} } } } });
    const text = JSON.stringify(sent);
    expect(text).not.toContain(Buffer.from(token!).toString('base64'));
    expect(text).not.toMatch(/Password|sessionKey":\{|randomSessionKey/);
  });

  test('an inspector behind safeInspect sees states and masked tokens of a handshake, and no secret', () => {
    const seen: SafeInspectionEvent[] = [];
    const actor = createNtlmActor({ credentials }, { inspect: safeInspect({ next: (event) => seen.push(event) }) });
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: new NtlmAcceptor({ credentials }).challenge(actor.getSnapshot().context.token!) });
    const text = searchable(seen);
    const { ntChallengeResponse } = decodeAuthenticate(actor.getSnapshot().context.token!);
    expect(text).not.toContain(toHex(ntChallengeResponse.subarray(0, 16)));
    expect(text).not.toContain(PASSWORD);
    expect(seen.at(-1)?.snapshot).toMatchObject({ state: 'responded', tags: ['awaiting-server'] });
  });
});

describe('forms of a trace', () => {
  const { tracer } = run({}, { now: () => 1_700_000_000_000 });

  test('JSON comes back as it was', () => {
    expect(parseTrace(JSON.stringify(tracer))).toEqual(JSON.parse(JSON.stringify(tracer)));
  });

  test('mermaid: three messages between two ends', () => {
    const diagram = toSequenceDiagram(tracer.toJSON());
    expect(diagram).toMatch(/^sequenceDiagram\n/);
    expect(diagram.match(/\w->>/g)).toHaveLength(3);
    expect(diagram).toMatch(/server->>client: CHALLENGE from WORKGROUP\/SERVER/);
    expect(diagram).toMatch(/server-->>client: accepted/);
  });

  test('text: a line for each step', () => {
    expect(toText(tracer.toJSON())).toContain('encodeNegotiate done     negotiated.encoding → negotiated.waiting');
    expect(toText(tracer.toJSON())).toContain('received CHALLENGE from WORKGROUP/SERVER');
  });

  test('a masked field is shown as such', () => {
    const { token } = tracer.entries.find(({ token: traced }) => traced?.message === 'AUTHENTICATE')!;
    const decoded = decodeToken(Buffer.from(token!.base64, 'base64'), token!.masked);
    expect(decoded.fields.find(({ name }) => name === 'MIC')).toMatchObject({ hex: '**'.repeat(16), value: 'masked' });
  });
});

describe('a saved trace', () => {
  const saved = JSON.parse(JSON.stringify(run().tracer)) as Record<string, unknown>;

  test('of another version is refused politely', () => {
    expect(() => parseTrace(JSON.stringify({ ...saved, version: 2 }))).toThrow(
      expect.objectContaining({ code: 'unsupported', message: 'the trace has version 2; this release reads version 1' }),
    );
  });

  const [first] = saved['entries'] as object[];
  const withEntry = (changed: object): string => JSON.stringify({ ...saved, entries: [{ ...first, ...changed }] });

  test('of a version without end is refused too', () => {
    const deep = JSON.stringify({ ...saved, version: 0 }).replace('"version":0', `"version":${'['.repeat(1e5)}${']'.repeat(1e5)}`);
    expect(() => parseTrace(deep)).toThrow(expect.objectContaining({ code: 'unsupported' }));
  });

  test('steers no terminal and starts no statement', () => {
    const error = { name: 'NtlmError', message: 'a\u001b[2J\nb', code: 'c\u009b31m', phase: 'p', side: 'peer' };
    const trace = parseTrace(withEntry({ from: 'x', to: 'refused', context: { error } }));
    for (const text of [toText(trace), renderExplanation(explain(trace))]) {
      expect(text).toContain('a\\u001b[2J\\u000ab');
      expect(text).toMatch(/^[\n\x20-\x7e\u2192]*$/);
    }
    const diagram = toSequenceDiagram(parseTrace(withEntry({ from: 'x', to: 'y\nclick A', context: { error } })));
    expect(diagram).not.toMatch(/^\s*(click|b)/m);
  });

  test('costs no more than its size, whatever it says', () => {
    const deep = storyOf(conversationOfTrace(parseTrace(withEntry({ to: 'a.'.repeat(100_000) }))));
    expect(JSON.stringify(deep).length).toBeLessThan(1_000_000);
    const settled = { ...first, tags: ['settled'], transitions: [{ source: 'a', target: 'b' }] };
    const started = process.cpuUsage(); // of this process: others may be at work beside it
    storyOf(conversationOfTrace(parseTrace(JSON.stringify({ ...saved, entries: Array.from({ length: 50_000 }, () => settled) }))));
    const { user, system } = process.cpuUsage(started);
    expect(user + system).toBeLessThan(5_000_000);
  });

  test.each([
    ['no JSON', '{'],
    ['a time that is none', withEntry({ time: 1e300 })],
    ['masks without end', withEntry({ token: { base64: '', masked: Array.from({ length: 2000 }, () => ({ name: 'x', offset: 0, length: 1 })) } })],
    ['null', 'null'],
    ['another file', '{"name":"x"}'],
    ['no entries', JSON.stringify({ ...saved, entries: 1 })],
    ['a strange entry', JSON.stringify({ ...saved, entries: [null] })],
    ['a strange token', JSON.stringify({ ...saved, entries: [{ ...(saved['entries'] as object[])[2], token: { base64: '%', masked: [] } }] })],
  ])('with %s is refused', (_, json) => {
    expect(() => parseTrace(json)).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
  });
});
