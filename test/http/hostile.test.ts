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
    if (cause instanceof NtlmError) expect(reachable(cause, SECRETS)).toEqual([]);
  }
}

/** Runs a scenario; `target`: what is asked for where the peer is a proxy. */
async function meet(
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
  expect(elapsed).toBeLessThan(3000);
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

const flag = (without: number): string => ntlm(challengeToken({ flags: (GENEROUS & ~without) >>> 0 }));
/** Answers type 1 with `challenge`, and the rest as an honest server. */
const challenges = (challenge: string | ((leg: Leg) => string)): Scenario['peer'] => (leg) => {
  const text = typeof challenge === 'string' ? challenge : challenge(leg);
  leg.socket.write(leg.message === 1 ? reply({ challenge: text }) : honest(leg));
};
const ANSWERED = { end: '200 done', state: 'authenticated', legs: 'none 1 3' };
const refused = (reason: string): Pick<Scenario, 'end' | 'state' | 'legs'> => ({
  end: `401 ${reason}`,
  state: 'refused',
  legs: 'none 1',
});
/** Read here, and handed back to a client that takes no such head. */
const TOO_LONG_FOR_THE_CLIENT = /not ours: .*HEADERS?_OVERFLOW/;
const LONG = 'x'.repeat(10 * 1024 * 1024);

const scenarios: Record<string, Scenario> = {
  // Out of order, and more than was asked for
  'type 2 before type 1': {
    peer: ({ socket, message }) => socket.write(message === 3 ? reply({ status: 200, body: 'done' }) : reply({ challenge: TYPE2 })),
    ...ANSWERED,
  },
  '200 to type 1: nobody is authenticated': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? reply({ status: 200, body: 'open' }) : honest(leg)),
    end: '200 open',
    state: 'anonymous',
    legs: 'none 1',
  },
  'the answer to type 3 along with type 2': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? honest(leg) + reply({ status: 200, body: 'early' }) : honest(leg)),
    end: 'connection-closed',
    state: /responding/,
    legs: 'none 1 1 1',
  },
  'a hundred answers to the first request': {
    peer: (leg) => leg.socket.write(leg.message === 'none' ? reply({ challenge: 'NTLM' }).repeat(100) : honest(leg)),
    ...ANSWERED,
  },
  'a second type 2 after type 3': {
    peer: ({ socket, message }) => socket.write(reply({ challenge: message === 'none' ? 'NTLM' : TYPE2 })),
    end: '401 credentials-refused',
    state: 'refused',
    legs: 'none 1 3',
  },
  'type 2 under another scheme than type 1': {
    peer: challenges(`Negotiate ${TYPE2.slice(5)}`),
    ...refused('malformed-token'),
  },
  '407 where no proxy is': {
    peer: ({ socket }) => socket.write(reply({ status: 407, challenge: 'NTLM' })),
    end: /^407|not ours: TypeError/, // fetch hands out no 407
    state: 'anonymous',
    legs: 'none',
  },
  'interim responses for ever': {
    peer: (leg) => {
      if (leg.message !== 1) return void leg.socket.write(honest(leg));
      const timer = setInterval(() => leg.socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 5);
      leg.socket.on('close', () => clearInterval(timer));
    },
    options: SHORT,
    end: 'timed-out',
    state: /refused|negotiating/,
    legs: 'none 1',
  },
  '2,000 interim responses at once': {
    peer: (leg) => leg.socket.write('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(leg.message === 1 ? 2000 : 0) + honest(leg)),
    ...ANSWERED,
  },
  'a body behind the 401 to a HEAD': {
    peer: ({ socket }) => socket.write(reply({ challenge: 'NTLM', body: 'unasked' })),
    init: { method: 'POST', body: 'kept' },
    end: /^401 malformed-token/,
    state: 'refused',
    legs: 'none 1',
  },

  // Too much
  '10 MB in a field of the first 401': {
    peer: ({ socket }) => socket.write(reply({ challenge: 'NTLM', fields: `X: ${LONG}\r\n` })),
    end: 'too-long',
    state: 'anonymous',
    legs: 'none',
  },
  '10 MB in a field beside type 2': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? reply({ challenge: TYPE2, fields: `X: ${LONG}\r\n` }) : honest(leg)),
    end: 'too-long',
    state: /negotiating/,
    legs: 'none 1',
  },
  '10 MB of type 2': { peer: challenges(`NTLM ${'A'.repeat(LONG.length)}`), end: 'too-long', state: /negotiating/, legs: 'none 1' },
  '10 MB in a field of the answer to type 3': {
    peer: (leg) => leg.socket.write(leg.message === 3 ? reply({ status: 200, fields: `X: ${LONG}\r\n` }) : honest(leg)),
    end: 'too-long',
    state: /responding/,
    legs: 'none 1 3',
  },
  '10 MB of body with the first 401: dropped with its connection': {
    peer: (leg) => leg.socket.write(leg.message === 'none' ? reply({ challenge: 'NTLM', body: LONG }) : honest(leg)),
    ...ANSWERED,
  },
  '60,000 fields': {
    peer: challenges(`${TYPE2}\r\n${'a:\r\n'.repeat(60_000)}A: `),
    ...ANSWERED,
  },
  '50,000 schemes in one line': {
    peer: (leg) => leg.socket.write(leg.message === 'none' ? reply({ challenge: `${'A b, '.repeat(50_000)}NTLM` }) : honest(leg)),
    ...ANSWERED,
  },
  'quotes that never close': {
    peer: challenges(`${'a="\\"'.repeat(40_000)}`),
    end: TOO_LONG_FOR_THE_CLIENT,
    state: 'refused',
    legs: 'none 1',
  },
  'blanks without end': {
    peer: challenges(`Digest a${' '.repeat(200_000)}b`),
    end: TOO_LONG_FOR_THE_CLIENT,
    state: 'refused',
    legs: 'none 1',
  },

  // No end
  'a bare NTLM to everything': {
    peer: ({ socket }) => socket.write(reply({ challenge: 'NTLM' })),
    ...refused('malformed-token'),
  },
  '401 to every type 3, whoever it is from': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? honest(leg) : reply({ challenge: 'NTLM' })),
    options: { credentials: ({ attempt }) => (attempt % 2 === 0 ? ALICE : BOB), maxAttempts: 4 },
    end: '401 credentials-refused',
    state: 'refused',
    legs: 'none 1 3 1 3 1 3 1 3',
  },
  'a type 2 that is another one each time': {
    peer: challenges(({ count }) => ntlm(challengeToken({ nonce: count, targetInfo: count % 2 ? [avTimestamp(TIMESTAMP)] : NAMES }))),
    ...ANSWERED,
  },
  'a type 2 that is another one on each connection, each of which closes': {
    peer: (leg) => {
      if (leg.message !== 1) return void leg.socket.write(honest(leg));
      leg.socket.end(reply({ challenge: ntlm(challengeToken({ nonce: leg.count })) }));
    },
    end: 'connection-closed',
    state: /responding/,
    legs: /^none( 1( 3)?){3}$/, // as the end is seen before type 3 goes out, or after
  },

  // Not HTTP, or nearly
  'two lengths': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? reply({ challenge: TYPE2, fields: 'Content-Length: 7\r\n' }) : honest(leg)),
    end: 'malformed-token',
    state: /responding/,
    legs: 'none 1',
  },
  'a chunk as long as the world': {
    peer: (leg) =>
      leg.socket.write(
        leg.message === 1
          ? `HTTP/1.1 401 No\r\nWWW-Authenticate: ${TYPE2}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n`
          : honest(leg),
      ),
    end: 'malformed-token',
    state: /responding/,
    legs: 'none 1',
  },
  'a field without a name': { peer: challenges(`${TYPE2}\r\n: x`), end: 'malformed-token', state: /negotiating/, legs: 'none 1' },
  'HTTP/2 to type 1': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' : honest(leg)),
    end: 'malformed-token',
    state: /negotiating/,
    legs: 'none 1',
  },
  'bytes of no language': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? '\0\xff\r\n\r\n'.repeat(9) : honest(leg)),
    end: 'malformed-token',
    state: /negotiating/,
    legs: 'none 1',
  },
  'a reason that the peer made up, beside ours': {
    peer: ({ socket }) =>
      socket.write(
        reply({
          challenge: 'NTLM',
          fields: 'Proxy-Status: ntlmachine; error=http_request_denied; details="credentials-missing: give them to me"\r\n',
        }),
      ),
    ...refused('malformed-token'),
  },

  // Downgrades, one flag at a time. HTTP uses no session: what only weakens one changes nothing.
  'without NTLM': { peer: challenges(flag(F.NEGOTIATE_NTLM)), ...refused('downgrade-refused') },
  'without extended session security': {
    peer: challenges(flag(F.NEGOTIATE_EXTENDED_SESSIONSECURITY)),
    ...refused('downgrade-refused'),
  },
  'without either character set': {
    peer: challenges(flag(F.NEGOTIATE_UNICODE | F.NEGOTIATE_OEM)),
    ...refused('charset-refused'),
  },
  'without target information': { peer: challenges(ntlm(challengeToken({ targetInfo: undefined }))), ...refused('target-refused') },
  ...Object.fromEntries(
    (
      [
        'NEGOTIATE_UNICODE',
        'NEGOTIATE_OEM',
        'REQUEST_TARGET',
        'NEGOTIATE_SIGN',
        'NEGOTIATE_SEAL',
        'NEGOTIATE_ALWAYS_SIGN',
        'TARGET_TYPE_SERVER',
        'NEGOTIATE_VERSION',
        'NEGOTIATE_128',
        'NEGOTIATE_KEY_EXCH',
        'NEGOTIATE_56',
      ] as const
    ).map((name) => [`without ${name}: harmless`, { peer: challenges(flag(F[name])), ...ANSWERED }]),
  ),
};

describe.each(everyCarrier)('%s', (_name, carrier) => {
  test.each(Object.entries(scenarios))('%s', (_what, scenario) => meet(carrier, scenario));
});

// A proxy, in front of servers that are never reached
const TYPE2_OF_PROXY = reply({ status: 407, challenge: TYPE2 });
const proxyAsks = reply({ status: 407, challenge: 'NTLM' });
const TUNNEL = 'HTTP/1.1 200 Go\r\n\r\n';
const proxyScenarios: Record<string, Scenario & { readonly target?: string }> = {
  'says nothing to CONNECT': { peer: () => {}, options: SHORT, end: 'timed-out', state: 'anonymous', legs: 'none' },
  'stalls in its answer to CONNECT': {
    peer: ({ socket }) => stall(socket, TUNNEL, 9),
    options: SHORT,
    end: 'timed-out',
    state: 'anonymous',
    legs: 'none',
  },
  'stalls behind an interim response to CONNECT': {
    peer: ({ socket }) => socket.write('HTTP/1.1 100 Go on\r\n\r\n'),
    options: SHORT,
    end: 'timed-out',
    state: 'anonymous',
    legs: 'none',
  },
  'says nothing to the type 1 of a CONNECT': {
    peer: ({ socket, message }) => void (message === 'none' && socket.write(proxyAsks)),
    options: SHORT,
    end: 'timed-out',
    state: /refused|negotiating/,
    legs: 'none 1',
  },
  'opens a tunnel to nowhere': {
    peer: ({ socket }) => socket.write(TUNNEL),
    options: SHORT,
    end: 'timed-out',
    state: 'anonymous',
    legs: 'none',
  },
  'closes after each CONNECT': {
    peer: ({ socket }) => socket.end(),
    end: 'proxy-refused',
    state: 'anonymous',
    legs: 'none',
  },
  'refuses the type 3 of a CONNECT': {
    peer: ({ socket, message }) => socket.write(message === 1 ? TYPE2_OF_PROXY : proxyAsks),
    end: 'proxy-refused',
    state: 'refused',
    legs: 'none 1 3',
  },
  'weakens the challenge to a CONNECT': {
    peer: ({ socket, message }) =>
      socket.write(message === 1 ? reply({ status: 407, challenge: flag(F.NEGOTIATE_EXTENDED_SESSIONSECURITY) }) : proxyAsks),
    end: 'proxy-refused',
    state: 'refused',
    legs: 'none 1',
  },
  'sends 10 MB in answer to CONNECT': {
    peer: ({ socket }) => socket.write(`HTTP/1.1 200 Go\r\nX: ${LONG}\r\n\r\n`),
    end: 'too-long',
    state: 'anonymous',
    legs: 'none',
  },
  'asks for itself and for the server in turns, for ever': {
    target: 'http://server.invalid/',
    peer: ({ socket, message, count }) => {
      const status = message === 'none' || count % 2 === 0 ? 401 : 407;
      socket.write(reply({ status, challenge: message === 1 ? TYPE2 : 'NTLM' }));
    },
    options: { maxAttempts: 1000, credentials: ({ attempt }) => (attempt % 2 ? ALICE : BOB) },
    end: 'too-many-legs',
    state: /./,
    legs: /^none( none| 1| 3){1,32}$/,
  },
};

describe.each(everyCarrier)('%s: a proxy that', (_name, carrier) => {
  test.each(Object.entries(proxyScenarios))('%s', (_what, { target = 'https://server.invalid/', ...scenario }) =>
    meet(carrier, scenario, target),
  );
});

describe.each(everyCarrier)('%s: what a relay can and cannot do', (_name, carrier) => {
  /** A peer that passes every leg on to `victim`, another server, and its challenge back. */
  const relayTo =
    (victim: NtlmAcceptor, verdicts: unknown[]) =>
    async ({ socket, message, token }: Leg): Promise<void> => {
      if (message === 1) socket.write(reply({ challenge: ntlm(victim.challenge(token)) }));
      else if (message === 3) {
        const verdict = await victim.authenticate(token);
        verdicts.push(verdict.ok ? decodeNtlmV2Response(decodeAuthenticate(token).ntChallengeResponse) : verdict.reason);
        socket.write(verdict.ok ? reply({ status: 200, body: 'relayed' }) : reply({ challenge: 'NTLM' }));
      } else socket.write(reply({ challenge: 'NTLM' }));
    };

  test("another server's challenge is answered, for a service and a host that are the caller's", async () => {
    const verdicts: unknown[] = [];
    const victim = new NtlmAcceptor({ credentials: ALICE, target: { nbDomainName: 'CORP', nbComputerName: 'BANK' } });
    await using peer = await HostilePeer.listen((leg) => void relayTo(victim, verdicts)(leg));
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(peer.url)).text).toBe('relayed'); // nothing in plain HTTP tells the two apart …
    const [answer] = verdicts as [ReturnType<typeof decodeNtlmV2Response>];
    // … but the name that the victim may look at.
    expect(describeTargetInfo(answer.avPairs).targetName).toBe('HTTP/127.0.0.1');
  });

  test('over TLS the victim is safe where it demands channel bindings: ours are of the certificate that was shown', async () => {
    const verdicts: unknown[] = [];
    const other = await makeCertificate();
    const bindings = channelBindings.fromCertificate(der(other.cert));
    const victim = new NtlmAcceptor({ credentials: ALICE, channelBindings: bindings, requireChannelBindings: true });
    await using peer = await HostilePeer.listen((leg) => void relayTo(victim, verdicts)(leg), { tls });
    await using client = carrier.open({ credentials: ALICE, ca: tls.ca });
    const answer = await client.request(peer.url);
    expect(explainRefusal(answer)?.code).toBe('credentials-refused');
    expect(verdicts).toEqual(['channel-bindings-mismatch']);
  });

  test('names, bindings and flags that the challenge puts into our mouth are not repeated', async () => {
    let token: Uint8Array = new Uint8Array();
    const targetInfo = [
      ...NAMES,
      avTimestamp(TIMESTAMP),
      avFlags(AvFlags.UNTRUSTED_SPN),
      avText(AvId.MsvAvTargetName, 'HTTP/bank.test'),
      { id: AvId.MsvAvChannelBindings, value: new Uint8Array(16).fill(0xbb) },
    ];
    await using peer = await HostilePeer.listen((leg) => {
      if (leg.message === 3) token = leg.token;
      leg.socket.write(leg.message === 1 ? reply({ challenge: ntlm(challengeToken({ targetInfo })) }) : honest(leg));
    });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(peer.url)).text).toBe('done');
    const answer = decodeAuthenticate(token);
    const { avPairs } = decodeNtlmV2Response(answer.ntChallengeResponse);
    expect(describeTargetInfo(avPairs)).toMatchObject({ targetName: 'HTTP/127.0.0.1', flags: AvFlags.MIC_PROVIDED });
    expect(avPairs.filter(({ id }) => id === AvId.MsvAvTargetName || id === AvId.MsvAvChannelBindings)).toHaveLength(1);
  });

  test.each([
    ['with a timestamp the MIC is sent all the same', [avTimestamp(TIMESTAMP)], true],
    ['without one there is none, and none is claimed', [], false],
  ])('MsvAvFlags that say no MIC is needed: %s', async (_what, time, withMic) => {
    let token: Uint8Array = new Uint8Array();
    await using peer = await HostilePeer.listen((leg) => {
      if (leg.message === 3) token = leg.token;
      const challenge = ntlm(challengeToken({ targetInfo: [...NAMES, ...time, avFlags(0)] }));
      leg.socket.write(leg.message === 1 ? reply({ challenge }) : honest(leg));
    });
    await using client = carrier.open({ credentials: ALICE });
    expect((await client.request(peer.url)).text).toBe('done');
    const { mic, ntChallengeResponse } = decodeAuthenticate(token);
    const { avPairs } = decodeNtlmV2Response(ntChallengeResponse);
    expect(describeTargetInfo(avPairs).flags).toBe(withMic ? AvFlags.MIC_PROVIDED : 0);
    expect(mic !== undefined && mic.some((byte) => byte !== 0)).toBe(withMic);
  });

  test.each([301, 302, 303, 307, 308])('a %s to another origin, before or after authentication, takes nothing there', async (status) => {
    await using target = await Origin.listen();
    const elsewhere = reply({ status, fields: `Location: ${target.url}/x\r\n` });
    for (const at of ['none', 1, 3] as const) {
      await using peer = await HostilePeer.listen((leg) => leg.socket.write(leg.message === at ? elsewhere : honest(leg)));
      await using client = carrier.open({ credentials: ALICE });
      const { status: seen } = await client.request(peer.url);
      expect([status, 401]).toContain(seen); // of the three only fetch follows
    }
    expect(target.seen.every(({ message }) => message === 'none')).toBe(true);
  });
});

let tls: Awaited<ReturnType<typeof makeCertificate>>;
beforeAll(async () => {
  tls = await makeCertificate();
});

const der = (pem: string): Uint8Array => new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
