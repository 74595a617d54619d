/** The canary of the handshake over every way into the library that keeps, prints, sends or stores something. */
import { execFile } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { inspect, promisify } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createActor, waitFor, type InspectionEvent } from 'xstate';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { ntowfV1, ntowfV2 } from '../../../src/crypto/index.ts';
import { Credentials, NtlmClient, NtlmError, createNtlmActor, type NtlmActor } from '../../../src/index.ts';
import { NtlmDispatcher, createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent, createNtlmServer } from '../../../src/http/index.ts';
import { NtlmSession } from '../../../src/session/index.ts';
import { openSnapshot, sealSnapshot } from '../../../src/snapshot/index.ts';
import {
  SpnegoAcceptor,
  createSpnegoActor,
  spnegoAcceptorMachine,
  spnegoMachine,
  type SpnegoEvent,
} from '../../../src/spnego/index.ts';
import { decodeToken, renderToken, toSequenceDiagram, toText, trace } from '../../../src/visualize/index.ts';
import { visualize } from '../../../src/visualize/node.ts';
import { run } from '../../cli/command.ts';
import { needle, reachable, shownIn, textNeedles, type Needle } from '../../support/deep-walk.ts';
import { challengeToken } from '../../support/handshake.ts';
import { overwrittenBy } from '../../support/overwritten.ts';
import { everyCarrier } from '../support/carriers.ts';
import { HostilePeer, ntlm, reply } from '../support/hostile.ts';
import { Origin } from '../support/origin.ts';

const PASSWORD = 'Kanari3n:"vög\\el"';
const SESSION_KEY = 'c0ffee5a11dec0de5eed1e55ba5eba11';
const USER = { username: 'alice', domain: 'CORP' };
const ntHash = ntowfV1(PASSWORD);
const responseKey = ntowfV2(ntHash, USER.username, USER.domain);
const secrets: readonly Needle[] = [
  ...textNeedles('password', PASSWORD),
  needle('NT hash', ntHash),
  needle('NTOWFv2', responseKey),
  needle('session key', Uint8Array.from(Buffer.from(SESSION_KEY, 'hex'))),
];

const fresh = (): Credentials => Credentials.fromPassword({ ...USER, password: PASSWORD });
/** Each draw in a variable of its own, so that nothing but the library can hold the session key. */
const randomBytes = (length: number): Uint8Array =>
  length === 16 ? Uint8Array.from(Buffer.from(SESSION_KEY, 'hex')) : new Uint8Array(length).fill(0xaa);

/** What printing and walking show of a value. */
function sung(value: unknown, needles = secrets): string[] {
  const printed = inspect(value, { depth: 8, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity });
  return [...shownIn(printed, needles), ...reachable(value, needles)];
}

function sungBy(error: unknown, needles = secrets): string[] {
  const found: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    found.push(...sung(cause, needles), ...shownIn(`${cause.message} ${cause.stack} ${JSON.stringify(cause)}`, needles));
  }
  return found;
}

const consoles = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name));
afterEach(() => {
  for (const spy of consoles) for (const call of spy.mock.calls) expect(sung(call)).toEqual([]);
});

/** A finished handshake of both ends, sealed. */
async function finished(): Promise<{ actor: NtlmActor; acceptor: NtlmAcceptor }> {
  const actor = createNtlmActor({ credentials: fresh(), sessionSecurity: 'seal', randomBytes });
  const acceptor = new NtlmAcceptor({ credentials: fresh() });
  actor.send({ type: 'negotiate' });
  actor.send({ type: 'challenge', token: acceptor.challenge(actor.getSnapshot().context.token!) });
  expect(await acceptor.authenticate(actor.getSnapshot().context.token!)).toMatchObject({ ok: true });
  actor.send({ type: 'accepted' });
  return { actor, acceptor };
}

describe.each(everyCarrier)('%s', (_name, carrier) => {
  /** Of the session key, which an HTTP handshake derives and does not exchange (MS-NLMP 3.3.2). */
  const derivedKey = (token: Uint8Array): Needle => {
    const proof = Buffer.from(token).indexOf('0101000000000000', 'hex') - 16;
    return needle('derived session key', createHmac('md5', responseKey).update(token.subarray(proof, proof + 16)).digest());
  };

  test.each(['accepted', 'refused', 'downgraded', 'stalled', 'closed', 'garbage'] as const)(
    'a handshake that is %s: answer, reason, error, and every event that an inspector sees',
    async (fate) => {
      const events: InspectionEvent[] = [];
      const needles = [...secrets];
      await using peer = await HostilePeer.listen(({ socket, message, token }) => {
        if (message === 3) needles.push(derivedKey(token));
        if (message === 'none') socket.write(reply({ challenge: 'NTLM' }));
        else if (message === 1 && fate === 'downgraded') socket.write(reply({ challenge: ntlm(challengeToken({ flags: 0x201 })) }));
        else if (message === 1 && fate === 'garbage') socket.write(reply({ challenge: 'NTLM TlRMTVNTUAACAAAA' }));
        else if (message === 1) socket.write(reply({ challenge: ntlm(challengeToken()) }));
        else if (fate === 'closed') socket.destroy();
        else if (fate !== 'stalled') socket.write(fate === 'accepted' ? reply({ status: 200 }) : reply({ challenge: 'NTLM' }));
      });
      await using client = carrier.open({
        credentials: fresh(),
        ...(fate === 'stalled' ? { answerTimeout: 60 } : {}),
        inspect: (event) => void events.push(event),
      });
      const outcome = await client.request(peer.url).catch((error: unknown) => error);
      const failed = fate === 'stalled' || fate === 'closed';
      expect(outcome instanceof NtlmError).toBe(failed);
      if (failed) expect(sungBy(outcome, needles)).toEqual([]);
      else expect(sung(outcome, needles)).toEqual([]);
      expect(events.length).toBeGreaterThan(10);
      expect(reachable(events, needles)).toEqual([]);
    },
  );
});

describe.each([true, false])('both ends of a negotiation, its password right: %s', (right) => {
  test('every event that an inspector sees of SPNEGO and of the handshakes inside, every state that it leaves', async () => {
    const events: InspectionEvent[] = [];
    const found: string[] = [];
    const inspect = (event: InspectionEvent): void => {
      events.push(event);
      if ('snapshot' in event) found.push(...shownIn(JSON.stringify(event.snapshot, plainly) ?? '', secrets));
    };
    const initiator = createActor(spnegoMachine, { input: { credentials: fresh(), sessionSecurity: 'seal', randomBytes }, inspect }).start();
    const known = right ? fresh() : Credentials.fromPassword({ ...USER, password: 'another' });
    const acceptor = createActor(spnegoAcceptorMachine, { input: { credentials: known }, inspect }).start();
    const states = new Set<string>();
    const exchange = async (event: SpnegoEvent): Promise<void> => {
      initiator.send(event);
      acceptor.send({ type: 'token', token: initiator.getSnapshot().context.token! });
      await waitFor(acceptor, (snapshot) => !snapshot.hasTag('busy'));
      for (const actor of [initiator, acceptor]) {
        states.add(JSON.stringify(actor.getSnapshot().value));
        expect(sung(actor.getPersistedSnapshot())).toEqual([]);
      }
    };
    const reply = (): Uint8Array => acceptor.getSnapshot().context.token!;
    await exchange({ type: 'negotiate' });
    await exchange({ type: 'challenge', token: reply() });
    initiator.send({ type: 'finish', token: reply() });
    expect(initiator.getSnapshot().value).toEqual(right ? 'authenticated' : { failed: 'rejected' });
    expect(acceptor.getSnapshot().value).toBe(right ? 'accepted' : 'refused');
    expect([states.size >= 4, events.length > 50]).toEqual([true, true]);
    expect([...found, ...reachable(events, secrets)]).toEqual([]);
  });
});

/** JSON as a tracer makes it. */
function plainly(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

describe('objects that live long', () => {
  test('agent, dispatcher, fetch and server, each with an authenticated connection', async () => {
    const server = createNtlmServer({ credentials: fresh() });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/`;
    const options = { credentials: fresh(), randomBytes };
    const agent = new NtlmAgent(options);
    const dispatcher = new NtlmDispatcher(options);
    const ntlmFetch = createNtlmFetch(options);
    const { get } = await import('node:http');
    await new Promise<void>((resolve) => get(url, { agent }, (response) => response.resume().on('end', resolve)));
    await (await dispatcher.request({ origin: url, path: '/', method: 'GET' })).body.dump();
    await (await ntlmFetch(url)).text();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1); // there is something to look at
    expect(sung([agent, dispatcher, ntlmFetch, server, options])).toEqual([]);
    agent.destroy();
    await Promise.all([dispatcher.close(), ntlmFetch.close()]);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('client, acceptor, sessions and both ends of SPNEGO', async () => {
    const { actor, acceptor } = await finished();
    const client = NtlmSession.fromHandshake({ ...sessionParts(actor), side: 'client' });
    const server = NtlmSession.fromHandshake({ ...sessionParts(actor), side: 'server' });
    const sealed = client.wrap(new TextEncoder().encode('hello'));
    expect(new TextDecoder().decode(server.unwrap(sealed))).toBe('hello');
    const spnego = createSpnegoActor({ credentials: fresh(), sessionSecurity: 'seal', randomBytes });
    const spnegoAcceptor = new SpnegoAcceptor({ credentials: fresh() });
    for (const type of ['negotiate', 'challenge', 'finish'] as const) {
      const { token } = type === 'negotiate' ? {} : await spnegoAcceptor.accept(spnego.getSnapshot().context.token!);
      if (type === 'negotiate') spnego.send({ type });
      else if (token !== undefined) spnego.send({ type, token });
    }
    expect(spnegoAcceptor.identity).toMatchObject({ username: 'alice' });
    const values = { client: new NtlmClient(actor), acceptor, 'acceptor.actor': acceptor.actor, session: client, server, spnego, spnegoAcceptor };
    expect(sung(values)).toEqual([]);
  });

  function sessionParts(actor: NtlmActor) {
    const { sessionKey, negotiateFlags } = actor.getSnapshot().context;
    return { sessionKey: sessionKey!, negotiateFlags: negotiateFlags! };
  }
});

describe('what is printed, sent and stored', () => {
  test('ntlmachine request -v, accepted and refused', async () => {
    await using origin = await Origin.listen({ acceptor: { credentials: ({ username }) => (username === 'alice' ? fresh() : undefined) } });
    for (const user of ['CORP\\alice', 'CORP\\nobody']) {
      const { stdout, stderr } = await run(['request', '-v', '-i', '-u', user, origin.url], { env: { NTLM_PASSWORD: PASSWORD } });
      expect(stderr).toMatch(/AUTHENTICATE[\s\S]*(?:200|401)/);
      expect(shownIn(stdout + stderr, secrets)).toEqual([]);
    }
  });

  test.each(['masked', 'shown'] as const)('traces with responses %s, as text, JSON and picture', async (responses) => {
    const actor = createNtlmActor({ credentials: fresh(), sessionSecurity: 'seal', randomBytes });
    const tracer = trace(actor, { responses });
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: challengeToken() });
    actor.send({ type: 'accepted' });
    const token = actor.getSnapshot().context.token!;
    expect(tracer.entries.length).toBeGreaterThan(5);
    const texts = [toText(tracer.toJSON()), toSequenceDiagram(tracer.toJSON()), JSON.stringify(tracer), renderToken(decodeToken(token), 'standard input')];
    expect(texts.flatMap((text) => shownIn(text, secrets))).toEqual([]);
    expect(sung(tracer)).toEqual([]);
  });

  test.each(['masked', 'whole'] as const)('the live page with tokens %s: its feed, its conversation, its files', async (tokens) => {
    const actor = createNtlmActor({ credentials: fresh(), sessionSecurity: 'seal', randomBytes });
    await using page = await visualize(actor, { tokens });
    const feed = await fetch(`${page.url}events`);
    const events = feed.body!.pipeThrough(new TextDecoderStream()).getReader();
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: challengeToken() });
    actor.send({ type: 'rejected' });
    actor.send({ type: 'reset', credentials: fresh() });
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: challengeToken().subarray(0, 20) });
    let shown = '';
    while (!shown.includes('truncated')) shown += (await events.read()).value;
    await events.cancel();
    for (const path of ['conversation', '', 'style.css']) shown += await (await fetch(page.url + path)).text();
    const saved = await (await fetch(`${page.url}conversation`)).text();
    shown += await (await fetch(`${page.url}read`, { method: 'POST', body: saved })).text();
    expect(shown).toContain('AUTHENTICATE'); // there is something to look at
    expect(shownIn(shown, secrets)).toEqual([]);
    expect(sung(page)).toEqual([]);
  });

  test('snapshots that reach a worker by postMessage', async () => {
    const { actor } = await finished();
    const { port1, port2 } = new MessageChannel();
    const { context, ...rest } = actor.getPersistedSnapshot() as unknown as { context: Record<string, unknown> };
    let arrived = 0;
    for (const value of [rest, ...Object.values(context)]) {
      try {
        port1.postMessage(value);
      } catch {
        continue; // functions cannot be sent: nothing leaves
      }
      const message: unknown = await new Promise((resolve) => port2.once('message', resolve));
      arrived += 1;
      expect(sung(message)).toEqual([]);
    }
    port1.close();
    expect(arrived).toBeGreaterThan(5);
  });

  test('a sealed snapshot, which holds them all', async () => {
    const { actor } = await finished();
    const key = new Uint8Array(32).fill(7);
    const sealed = sealSnapshot(actor, key);
    expect(sung({ sealed })).toEqual([]);
    const opened = openSnapshot(sealed, key);
    expect(Buffer.from(opened.getSnapshot().context.sessionKey!.bytes()).toString('hex')).toBe(SESSION_KEY); // they are in there
    expect(sung(opened)).toEqual([]);
  });
});

describe('what is overwritten', () => {
  const zeroed = (secret: string, act: () => void): boolean => {
    const found = overwrittenBy(act).filter(({ before }) => before === secret);
    return found.length > 0 && found.every(({ now }) => /^0+$/.test(now()));
  };

  test('the session key: its first copy once the handle has it, the handle at reset()', () => {
    const actor = createNtlmActor({ credentials: fresh(), sessionSecurity: 'seal', randomBytes });
    actor.send({ type: 'negotiate' });
    expect(zeroed(SESSION_KEY, () => actor.send({ type: 'challenge', token: challengeToken() }))).toBe(true);
    const { sessionKey } = actor.getSnapshot().context;
    expect(Buffer.from(sessionKey!.bytes()).toString('hex')).toBe(SESSION_KEY);
    expect(zeroed(SESSION_KEY, () => actor.send({ type: 'reset' }))).toBe(true);
    expect(sessionKey!.wiped).toBe(true);
  });

  test('the NT hash at wipe()', () => {
    const credentials = fresh();
    expect(zeroed(Buffer.from(ntHash).toString('hex'), () => credentials.wipe())).toBe(true);
  });

  test("the password's text is not on the heap of V8 once the caller lets go of it", async () => {
    // In a process of its own: this one has the text in its sources. The heap is read as V8 writes it.
    const script = `
      const { Credentials, NtlmClient } = await import(process.env.ENTRY);
      const { getHeapSnapshot } = await import('node:v8');
      const text = async (stream) => { let all = ''; for await (const part of stream.setEncoding('utf8')) all += part; return all; };
      const mark = () => [...'negovneirank'].reverse().join('') + '-' + 6 * 7;
      const holds = async () => { gc(); return (await text(getHeapSnapshot())).includes(mark()); };
      let kept = { password: mark() };
      const credentials = Credentials.fromPassword({ username: 'alice', password: kept.password });
      const client = new NtlmClient({ credentials });
      client.negotiate();
      client.respond(new Uint8Array(Buffer.from(process.env.CHALLENGE, 'hex')));
      const before = await holds();
      kept = undefined;
      const after = await holds();
      console.log(JSON.stringify({ before, after, state: client.state }));
    `;
    const ENTRY = new URL('../../../dist/index.js', import.meta.url).href;
    const CHALLENGE = Buffer.from(challengeToken()).toString('hex');
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--expose-gc', '--input-type=module', '-e', script],
      { env: { PATH: process.env['PATH'], ENTRY, CHALLENGE } },
    );
    expect(JSON.parse(stdout)).toEqual({ before: true, after: false, state: 'responded' });
  });
});
