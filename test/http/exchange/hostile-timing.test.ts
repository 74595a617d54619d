/** Peers that stall or close, at any byte of any leg. */
import { describe, test } from 'vitest';
import { everyCarrier } from '../support/carriers.ts';
import { stall, type Leg } from '../support/hostile.ts';
import { SHORT, honest, meet, type Scenario } from '../support/meet.ts';

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
      init: { signal: AbortSignal.timeout(200) },
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
