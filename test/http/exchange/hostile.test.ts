/** Peers that say what nobody should: out of order, too much, without end, no HTTP, less than they could. */
import { describe, test } from 'vitest';
import { Credentials } from '../../../src/index.ts';
import { NegotiateFlags as F, avTimestamp } from '../../../src/messages/index.ts';
import { NAMES, TIMESTAMP, challengeToken } from '../../support/handshake.ts';
import { everyCarrier } from '../support/carriers.ts';
import { ntlm, reply, type Leg } from '../support/hostile.ts';
import { LONG, SHORT, TYPE2, flag, honest, meet, type Scenario } from '../support/meet.ts';
import { ALICE, BOB } from '../support/origin.ts';

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
    legs: 'none 1 1', // the second with the body: a stand-in says nothing here
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

  // Broken
  ...Object.fromEntries(
    ['zz', '-1', '0x10', 'f'.repeat(17)].map((size) => [
      `a chunk of size ${size}, along with the head of the answer`,
      {
        peer: (leg) => leg.socket.write(leg.message === 3 ? `HTTP/1.1 200 Go\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n${size}\r\n` : honest(leg)),
        end: /^not ours: /, // it is the client that reads the body
        state: 'authenticated',
        legs: 'none 1 3',
      } satisfies Scenario,
    ]),
  ),

  // No end
  'a bare NTLM to everything': {
    peer: ({ socket }) => socket.write(reply({ challenge: 'NTLM' })),
    ...refused('malformed-token'),
  },
  '401 to type 3, where the clock of this end has stopped': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? honest(leg) : reply({ challenge: 'NTLM' })),
    options: {
      now: () => {
        throw new Error('stopped');
      },
    },
    end: '401 credentials-refused',
    state: 'refused',
    legs: 'none 1 3',
  },
  '401 to every type 3, to a function that finds the same password each time': {
    peer: (leg) => leg.socket.write(leg.message === 1 ? honest(leg) : reply({ challenge: 'NTLM' })),
    options: { credentials: () => Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: 'wonderland' }) },
    end: '401 credentials-refused',
    state: 'refused',
    legs: 'none 1 3',
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
