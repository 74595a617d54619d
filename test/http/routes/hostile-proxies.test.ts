/** Proxies that mean harm, in front of servers that are never reached. */
import { describe, expect, test } from 'vitest';
import { Credentials } from '../../../src/index.ts';
import { NegotiateFlags as F } from '../../../src/messages/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { HostilePeer, reply, stall } from '../support/hostile.ts';
import { LONG, SHORT, TYPE2, flag, meet, type Scenario } from '../support/meet.ts';
import { ALICE, BOB } from '../support/origin.ts';

const TYPE2_OF_PROXY = reply({ status: 407, challenge: TYPE2 });
const proxyAsks = reply({ status: 407, challenge: 'NTLM' });
const TUNNEL = 'HTTP/1.1 200 Go\r\n\r\n';
const inTurns: Scenario['peer'] = ({ socket, message, count }) => {
  const status = message === 'none' || count % 2 === 0 ? 401 : 407;
  socket.write(reply({ status, challenge: message === 1 ? TYPE2 : 'NTLM' }));
};

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
    legs: 'none none none',
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
  'says much before it refuses a CONNECT': {
    peer: ({ socket }) => socket.write(`${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(3)}${reply({ status: 407, challenge: 'Basic' })}`),
    options: SHORT,
    end: 'proxy-refused',
    state: 'refused',
    legs: 'none',
  },
  'says something between the legs of a CONNECT, and refuses': {
    peer: ({ socket, message }) =>
      socket.write(`HTTP/1.1 102 Processing\r\n\r\n${message === 1 ? TYPE2_OF_PROXY : message === 3 ? reply({ status: 403 }) : proxyAsks}`),
    options: SHORT,
    end: 'proxy-refused',
    state: 'authenticated',
    legs: 'none 1 3',
  },
  'switches protocols at a CONNECT': {
    peer: ({ socket }) => socket.write('HTTP/1.1 101 Switch\r\n\r\n'),
    options: SHORT,
    end: 'proxy-refused',
    state: 'anonymous',
    legs: 'none',
  },
  'offers what steers a terminal': {
    peer: ({ socket }) => socket.write(reply({ status: 407, challenge: 'Basic realm="\u001b[2J\u009b31m"' }), 'latin1'),
    end: 'proxy-refused',
    state: 'refused',
    legs: 'none',
  },
  'has a line feed of its own in a field': {
    peer: ({ socket }) => socket.write(reply({ status: 407, challenge: 'Basic realm="a\nb"' })),
    end: 'malformed-token',
    state: 'anonymous',
    legs: 'none',
  },
  'gives a reason that steers a terminal': {
    peer: ({ socket }) =>
      socket.write(
        reply({ status: 407, fields: 'Proxy-Status: ntlmachine; error=x; details="a: \u001b]0;pwned\u0007"\r\n' }),
      ),
    end: 'proxy-refused',
    state: 'refused',
    legs: 'none',
  },
  'sends 10 MB in answer to CONNECT': {
    peer: ({ socket }) => socket.write(`HTTP/1.1 200 Go\r\nX: ${LONG}\r\n\r\n`),
    end: 'too-long',
    state: 'anonymous',
    legs: 'none',
  },
  'asks for itself and for the server in turns, for ever, to a function that always knows another password': {
    target: 'http://server.invalid/',
    peer: inTurns,
    options: {
      maxAttempts: 1000,
      credentials: () => Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: `${Math.random()}` }),
    },
    end: 'too-many-legs',
    state: /./,
    legs: /^none( none| 1| 3){1,32}$/,
  },
  'asks for itself and for the server in turns, to a function that knows two': {
    target: 'http://server.invalid/',
    peer: inTurns,
    options: { maxAttempts: 1000, credentials: ({ attempt }) => (attempt % 2 ? ALICE : BOB) },
    end: '401 not-tried-again',
    state: 'refused',
    legs: /^none(( none| 1)*( 3)?){1,8}$/, // of each password two at the server, two at the proxy
  },
};

describe.each(everyCarrier)('%s: a proxy that', (_name, carrier) => {
  test.each(Object.entries(proxyScenarios))('%s', (_what, { target = 'https://server.invalid/', ...scenario }) =>
    meet(carrier, scenario, target),
  );

  test('is to speak TLS and says nothing', async () => {
    await using silent = await HostilePeer.listen(() => {});
    await using client = carrier.open({ credentials: ALICE, proxy: silent.url.replace('http:', 'https:'), ...SHORT });
    const error: unknown = await client.request('http://server.invalid/').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'timed-out' });
  });
});
