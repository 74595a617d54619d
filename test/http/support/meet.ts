/** How a meeting with a hostile peer ends, after how many requests, and that nothing is left of it. */
import { inspect } from 'node:util';
import { expect } from 'vitest';
import { ntowfV1, ntowfV2 } from '../../../src/crypto/index.ts';
import { NtlmError } from '../../../src/index.ts';
import { explainRefusal, type HttpOptions } from '../../../src/http/index.ts';
import { needle, reachable, shownIn, textNeedles } from '../../support/deep-walk.ts';
import { GENEROUS, challengeToken } from '../../support/handshake.ts';
import type { Carrier, Init } from './carriers.ts';
import { HostilePeer, leftBehind, ntlm, reply, resources, stateWatcher, until, type Leg } from './hostile.ts';
import { ALICE } from './origin.ts';

const ntHash = ntowfV1('wonderland');
const SECRETS = [
  ...textNeedles('password', 'wonderland'),
  needle('NT hash', ntHash),
  needle('NTOWFv2', ntowfV2(ntHash, 'alice', 'CORP')),
];

export const TYPE2 = ntlm(challengeToken());
/** What an honest server answers to each leg. */
export const honest = ({ message, head }: Leg): string =>
  message === 3
    ? reply({ status: 200, body: 'done' })
    : reply({ challenge: message === 1 ? TYPE2 : 'NTLM', body: head.startsWith('HEAD') ? '' : 'no' });

export interface Scenario {
  readonly peer: (leg: Leg) => void;
  readonly options?: Partial<HttpOptions>;
  readonly init?: Init;
  /** The status and, where it is handed back, its reason; or the code of the error. */
  readonly end: string | RegExp;
  /** Where the machine of the last connection was when it ended. */
  readonly state: string | RegExp;
  /** The messages that reached the peer, in order. */
  readonly legs: string | RegExp;
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
    if (cause instanceof NtlmError) {
      expect(reachable(cause, SECRETS)).toEqual([]);
      expect(cause.message).toMatch(/^[\x20-\x7e]+$/); // it goes to a log or a terminal, whatever the peer wrote
    }
  }
}

/** Runs a scenario, and looks whether anything is left of it; `target`: what is asked for where the peer is a proxy. */
export async function meet(
  carrier: Carrier,
  { peer: answer, options, init, end, state, legs }: Scenario,
  target?: string,
): Promise<void> {
  const before = resources();
  const watcher = stateWatcher();
  const peer = await HostilePeer.listen(answer);
  const client = carrier.open({
    credentials: ALICE,
    connections: 1,
    inspect: watcher.inspect,
    ...(target === undefined ? {} : { proxy: peer.url }),
    ...options,
  });
  const started = performance.now();
  const ending = await endOf(client.request(target ?? `${peer.url}/`, init));
  const elapsed = performance.now() - started;
  const lasting = watcher.states.filter((name) => name !== 'closed').at(-1);
  await client[Symbol.asyncDispose]();
  await until(() => peer.open.size === 0);
  const left = peer.open.size;
  await peer[Symbol.asyncDispose]();

  expect({ ...ending, legs: peer.seen.join(' '), state: lasting }).toEqual({
    end: typeof end === 'string' ? end : expect.stringMatching(end),
    error: ending.error,
    legs: typeof legs === 'string' ? legs : expect.stringMatching(legs),
    state: typeof state === 'string' ? state : expect.stringMatching(state),
  });
  expect(elapsed).toBeLessThan(20_000); // by its own limits, and not by the 30 s that are usual
  expectNoSecret(ending.error);
  expect(left).toBe(0);
  expect(await leftBehind(before)).toEqual([]);
}

/** Long enough that a busy machine keeps to it where the peer does. */
export const SHORT = { legTimeout: 400, answerTimeout: 400 };

/** A challenge that withholds flags. */
export const flag = (without: number): string => ntlm(challengeToken({ flags: (GENEROUS & ~without) >>> 0 }));

export const LONG = 'x'.repeat(10 * 1024 * 1024);
