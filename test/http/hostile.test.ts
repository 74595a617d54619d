/** Peers that mean harm, or do it: how each meeting ends, after how many requests, and that nothing is left of it. */
import { inspect } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { ntowfV1, ntowfV2 } from '../../src/crypto/index.ts';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { NtlmError } from '../../src/index.ts';
import { explainRefusal, type HttpOptions } from '../../src/http/index.ts';
import {
  AvFlags,
  AvId,
  NegotiateFlags as F,
  avFlags,
  avText,
  avTimestamp,
  decodeAuthenticate,
  decodeNtlmV2Response,
  describeTargetInfo,
} from '../../src/messages/index.ts';
import { needle, reachable, shownIn, textNeedles } from '../support/deep-walk.ts';
import { GENEROUS, NAMES, TIMESTAMP, challengeToken } from '../support/handshake.ts';
import { everyCarrier, type Carrier, type Init } from './support/carriers.ts';
import { makeCertificate } from './support/certificate.ts';
import { HostilePeer, leftBehind, ntlm, reply, resources, stall, stateWatcher, until, type Leg } from './support/hostile.ts';
import { ALICE, BOB, Origin } from './support/origin.ts';

const ntHash = ntowfV1('wonderland');
const SECRETS = [
  ...textNeedles('password', 'wonderland'),
  needle('NT hash', ntHash),
  needle('NTOWFv2', ntowfV2(ntHash, 'alice', 'CORP')),
];

const TYPE2 = ntlm(challengeToken());
/** What an honest server answers to each leg. */
const honest = ({ message, head }: Leg): string =>
  message === 3
    ? reply({ status: 200, body: 'done' })
    : reply({ challenge: message === 1 ? TYPE2 : 'NTLM', body: head.startsWith('HEAD') ? '' : 'no' });

interface Scenario {
  readonly peer: (leg: Leg) => void;
  readonly options?: Partial<HttpOptions>;
  readonly init?: Init;
  /** The status and, where it is handed back, its reason; or the code of the error. */
  readonly end: string | RegExp;
  /** Where the machine of the last connection was when it ended. */
  readonly state: string | RegExp;
  /** The messages that reached the peer, in order. */
  readonly legs: string;
}

interface Ending {
  readonly end: string;
  readonly error: unknown;
}

async function endOf(request: Promise<Parameters<typeof explainRefusal>[0] & { status: number; text: string }>): Promise<Ending> {
  try {
    const answer = await request;
    const why = explainRefusal(answer)?.code;
    return { end: `${answer.status}${why === undefined ? '' : ` ${why}`}${answer.status < 300 ? ` ${answer.text}` : ''}`, error: undefined };
  } catch (error) {
    const { code, cause, name } = error as { code?: string; cause?: { code?: string }; name: string };
    return { end: error instanceof NtlmError ? error.code : `not ours: ${code ?? cause?.code ?? name}`, error };
  }
}

function expectNoSecret(error: unknown): void {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    expect(shownIn(`${inspect(cause, { depth: 8, showHidden: true })} ${JSON.stringify(cause)} ${cause.stack}`, SECRETS)).toEqual([]);
    if (cause instanceof NtlmError) expect(reachable(cause, SECRETS)).toEqual([]);
  }
}

async function meet(carrier: Carrier, { peer: answer, options, init, end, state, legs }: Scenario): Promise<void> {
  const before = resources();
  const watcher = stateWatcher();
  const peer = await HostilePeer.listen(answer);
  const client = carrier.open({ credentials: ALICE, connections: 1, inspect: watcher.inspect, ...options });
  const started = performance.now();
  const ending = await endOf(client.request(`${peer.url}/`, init));
  const elapsed = performance.now() - started;
  const lasting = watcher.states.filter((name) => name !== 'closed').at(-1);
  await client[Symbol.asyncDispose]();
  await until(() => peer.open.size === 0);
  const left = peer.open.size;
  await peer[Symbol.asyncDispose]();

  expect({ ...ending, legs: peer.seen.join(' '), state: lasting }).toEqual({
    end: typeof end === 'string' ? end : expect.stringMatching(end),
    error: ending.error,
    legs,
    state: typeof state === 'string' ? state : expect.stringMatching(state),
  });
  expect(elapsed).toBeLessThan(1500);
  expectNoSecret(ending.error);
  expect(left).toBe(0);
  expect(await leftBehind(before)).toEqual([]);
}

const SHORT = { legTimeout: 60, answerTimeout: 60 };

/** Stalls after `bytes` of the answer to each leg that `at` names, and is honest otherwise. */
const stallsAt =
  (at: Leg['message'], bytes: (text: string) => number): Scenario['peer'] =>
  (leg) => {
    const text = honest(leg);
    if (leg.message === at) stall(leg.socket, text, bytes(text));
    else leg.socket.write(text);
  };

/** Offsets in an answer: names and how to find them. */
const offsets: readonly [string, (text: string) => number][] = [
  ['before its first byte', () => 0],
  ['in the version', () => 5],
  ['in the status', () => 11],
  ['behind the status', () => 12],
  ['in a field', (text) => text.indexOf('Authenticate') + 20],
  ['before the last byte of its head', (text) => text.indexOf('\r\n\r\n') + 3],
  ['behind its head', (text) => text.indexOf('\r\n\r\n') + 4],
  ['before the last byte of its body', (text) => text.length - 1],
];

/** Closes after `bytes` of the answer to each leg that `at` names. */
const closesAt =
  (at: Leg['message'], bytes: (text: string) => number, how: 'end' | 'reset'): Scenario['peer'] =>
  (leg) => {
    const text = honest(leg);
    if (leg.message !== at) return void leg.socket.write(text);
    stall(leg.socket, text, bytes(text));
    if (how === 'end') leg.socket.end();
    else setImmediate(() => leg.socket.resetAndDestroy());
  };

describe.each(everyCarrier)('%s: a peer that stalls', (_name, carrier) => {
  test.each(offsets.slice(0, -2))('in its answer to type 1, %s', (_where, bytes) =>
    meet(carrier, { peer: stallsAt(1, bytes), options: SHORT, end: 'timed-out', state: /refused|negotiating/, legs: 'none 1' }),
  );

  test.each(offsets.slice(-2))('in its answer to type 1, %s', (_where, bytes) =>
    meet(carrier, { peer: stallsAt(1, bytes), options: SHORT, end: 'timed-out', state: /responding/, legs: 'none 1' }),
  );

  test.each(offsets.slice(0, -2))('in its answer to type 3, %s', (_where, bytes) =>
    meet(carrier, { peer: stallsAt(3, bytes), options: SHORT, end: 'timed-out', state: /refused|responding/, legs: 'none 1 3' }),
  );

  test.each(offsets.slice(3, -2))('in its first 401, %s', (_where, bytes) =>
    meet(carrier, { peer: stallsAt('none', bytes), options: SHORT, end: 'timed-out', state: 'anonymous', legs: 'none' }),
  );

  test.each(offsets.slice(-2))('in its first 401, %s', (_where, bytes) =>
    meet(carrier, { peer: stallsAt('none', bytes), options: SHORT, end: 'timed-out', state: /refused|negotiating/, legs: 'none' }),
  );

  test('before anything asks for NTLM: the time is the caller\'s', () =>
    meet(carrier, {
      peer: stallsAt('none', () => 11),
      options: SHORT,
      init: { signal: AbortSignal.timeout(100) },
      end: /not ours: (?:ABORT_ERR|TimeoutError|AbortError|23)/,
      state: 'anonymous',
      legs: 'none',
    }));
});

describe.each(everyCarrier)('%s: a peer that closes', (_name, carrier) => {
  describe.each(['end', 'reset'] as const)('by %s', (how) => {
    test.each([offsets[0]!, offsets[2]!, offsets[4]!])('in every answer to type 1, %s', (_where, bytes) =>
      meet(carrier, {
        peer: closesAt(1, bytes, how),
        end: 'connection-closed',
        state: /negotiating/,
        legs: 'none 1 1 1',
      }),
    );

    test.each([offsets[0]!, offsets[4]!])('in every answer to type 3, %s', (_where, bytes) =>
      meet(carrier, {
        peer: closesAt(3, bytes, how),
        end: 'connection-closed',
        state: /responding/,
        legs: 'none 1 3 1 3 1 3',
      }),
    );

    test.each([offsets[0]!, offsets[4]!])('in the answer to type 3 of a POST, %s: never sent twice', (_where, bytes) =>
      meet(carrier, {
        peer: closesAt(3, bytes, how),
        init: { method: 'POST', body: 'once' },
        end: 'connection-closed',
        state: /responding/,
        legs: 'none 1 3',
      }),
    );
  });
});
