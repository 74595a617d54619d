/**
 * The canary of the handshake in the machine of a connection: nothing that an inspector, a logger or a crash report could
 * show of whole runs sings, and nothing of a handshake is left behind.
 */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { SimulatedClock, createActor, waitFor, type Actor, type InspectionEvent } from 'xstate';
import { ntowfV1, ntowfV2 } from '../../../src/crypto/index.ts';
import { connectionMachine, type ConnectionEvent, type HttpScheme } from '../../../src/http/index.ts';
import { Credentials, SessionKey } from '../../../src/index.ts';
import type { NtlmSession } from '../../../src/session/index.ts';
import { SpnegoAcceptor } from '../../../src/spnego/index.ts';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { needle, reachable, shownIn, textNeedles, type Needle } from '../../support/deep-walk.ts';
import { overwrittenBy } from '../../support/overwritten.ts';

const PASSWORD = 'Kanari3n:"vög\\el"';
const SESSION_KEY = 'c0ffee5a11dec0de5eed1e55ba5eba11';
const USER = { username: 'alice', domain: 'CORP' };
const ntHash = ntowfV1(PASSWORD);
const secrets: readonly Needle[] = [
  ...textNeedles('password', PASSWORD),
  needle('NT hash', ntHash),
  needle('NTOWFv2', ntowfV2(ntHash, USER.username, USER.domain)),
  needle('session key', Uint8Array.from(Buffer.from(SESSION_KEY, 'hex'))),
];
const fresh = (): Credentials => Credentials.fromPassword({ ...USER, password: PASSWORD });
const randomBytes = (length: number): Uint8Array =>
  length === 16 ? Uint8Array.from(Buffer.from(SESSION_KEY, 'hex')) : new Uint8Array(length).fill(0xaa);
const plainly = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

function sung(value: unknown): string[] {
  const printed = inspect(value, { depth: 8, showHidden: true, maxArrayLength: Infinity, maxStringLength: Infinity });
  return [...shownIn(printed, secrets), ...shownIn(JSON.stringify(value, plainly) ?? '', secrets), ...reachable(value, secrets)];
}

/** A connection whose handshake stands where the type 3 is out, with the server's word on it yet to come. */
async function responding(scheme: HttpScheme) {
  const clock = new SimulatedClock();
  const found: string[] = [];
  const watch = (event: InspectionEvent): void => {
    const seen = { event: 'event' in event && event.event, context: 'snapshot' in event && 'context' in event.snapshot && event.snapshot.context };
    found.push(...reachable(seen, secrets).map((where) => `${event.type}${where}`));
    found.push(...shownIn(JSON.stringify(event, plainly), secrets));
  };
  const actor = createActor(connectionMachine, {
    clock,
    inspect: watch,
    input: {
      side: 'server',
      origin: 'http://intranet.corp',
      handshake: { sessionSecurity: 'seal', randomBytes },
      ask: async () => fresh(),
      legTimeout: 1000,
      answerTimeout: 5000,
      maxAttempts: 1,
    },
  });
  const tokens: Uint8Array[] = [];
  const emitted: unknown[] = [];
  actor.on('*', (event) => {
    emitted.push(event);
    if (event.type === 'authorize') tokens.push(event.token);
  });
  actor.start();
  actor.send({ type: 'authenticate', scheme });
  await waitFor(actor, (snapshot) => snapshot.matches({ handshaking: 'negotiating' }), { timeout: 500 });
  const bare = new NtlmAcceptor({ credentials: fresh() });
  const wrapped = new SpnegoAcceptor({ credentials: fresh() });
  const challenge = scheme === 'NTLM' ? bare.challenge(tokens[0]!) : (await wrapped.accept(tokens[0]!)).token!;
  actor.send({ type: 'unauthorized', scheme, token: challenge });
  const finalToken = scheme === 'NTLM' ? undefined : (await wrapped.accept(tokens[1]!)).token;
  actor.send({ type: 'sent' });
  expect(tokens).toHaveLength(2);
  const child = actor.getSnapshot().children.handshake!;
  return { actor, clock, found, emitted, child, finalToken };
}

const keyOf = (child: { getSnapshot(): unknown }): SessionKey => {
  const { context, children } = child.getSnapshot() as { context: { sessionKey?: SessionKey }; children: { ntlm?: typeof child } };
  return context.sessionKey ?? keyOf(children.ntlm!);
};

const ends: Record<string, { event: ConnectionEvent | 'timeout'; state: string }> = {
  'the server takes it': { event: { type: 'passed' }, state: 'authenticated' },
  'the server refuses it': { event: { type: 'unauthorized', scheme: 'NTLM' }, state: 'refused' },
  'the request is over before': { event: { type: 'abandon' }, state: 'anonymous' },
  'the connection is gone': { event: { type: 'close' }, state: 'closed' },
  'nothing comes': { event: 'timeout', state: 'refused' },
  'its last word cannot be read': { event: { type: 'passed', scheme: 'Negotiate', token: Uint8Array.of(1, 2, 3) }, state: 'refused' },
};

const runs = (['NTLM', 'Negotiate'] as const).flatMap((scheme) =>
  Object.entries(ends)
    .filter(([what]) => scheme === 'Negotiate' || !what.startsWith('its last word'))
    .map(([what, end]) => [scheme, what, end] as const),
);

describe('a connection', () => {
  test.each(runs)('%s, and %s: silent, its keys overwritten', async (scheme, _what, { event, state }) => {
    const { actor, clock, found, emitted, child, finalToken } = await responding(scheme);
    const key = keyOf(child);
    expect(Buffer.from(key.bytes()).toString('hex')).toBe(SESSION_KEY); // the canary is alive
    expect([...sung(actor.getSnapshot().context), ...reachable(actor as Actor<typeof connectionMachine>, secrets)]).toEqual([]);
    const zeroed = overwrittenBy(() => {
      if (event === 'timeout') clock.increment(6000);
      else if (event.type === 'passed' && event.token === undefined && finalToken) actor.send({ type: 'passed', scheme, token: finalToken });
      else actor.send(event);
    });
    expect(actor.getSnapshot().value).toBe(state);
    expect(key.wiped).toBe(true);
    expect(zeroed.filter(({ before }) => before === SESSION_KEY).every(({ now }) => /^0+$/.test(now()))).toBe(true);
    expect(zeroed.some(({ before }) => before === SESSION_KEY)).toBe(true);
    expect(actor.getSnapshot().children.handshake).toBeUndefined();
    expect(actor.getSnapshot().context.token).toBeUndefined();
    const begun = (child.getSnapshot().context as { session?: NtlmSession }).session;
    const { session: kept } = actor.getSnapshot().context;
    expect(kept !== undefined).toBe(state === 'authenticated'); // asked for, until the connection ends
    kept?.sign(Uint8Array.of(1));
    if (state === 'authenticated') actor.send({ type: 'close' });
    for (const session of [begun, kept]) if (session !== undefined) expect(() => session.sign(Uint8Array.of(1))).toThrow();
    expect(found).toEqual([]);
    expect(sung([actor.getSnapshot().context, actor.getPersistedSnapshot(), emitted])).toEqual([]);
    actor.stop();
    expect(reachable(actor as Actor<typeof connectionMachine>, secrets)).toEqual([]);
  });
});
