/** Peers that do what they must not. Each has its end and its reason, in time, and leaves no socket and no timer behind. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { verifyAuthenticate } from '../../../src/acceptor/index.ts';
import { Credentials } from '../../../src/index.ts';
import { explainRefusal } from '../../../src/http/index.ts';
import {
  AvId,
  avFlags,
  avText,
  decodeAuthenticate,
  decodeChallenge,
  decodeNtlmV2Response,
  describeTargetInfo,
  encodeChallenge,
} from '../../../src/messages/index.ts';
import { everyCarrier, type Carrier, type CarrierOptions, type Reply } from '../support/carriers.ts';
import { makeCertificate } from '../support/certificate.ts';
import { ALICE, Origin } from '../support/origin.ts';
import { Peer, asChallenge, ok, unauthorized, type Exchange } from '../support/peer.ts';

/** What keeps the process alive, sockets and timers among it. */
const census = (): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};
const WATCHED = ['TCPSocketWrap', 'TCPServerWrap', 'TCPConnectWrap', 'TLSWrap', 'Timeout'];
let before: Record<string, number>;
beforeEach(() => void (before = census()));
afterEach(async () => {
  const left = (): string[] => WATCHED.filter((name) => (census()[name] ?? 0) > (before[name] ?? 0));
  for (let waited = 0; left().length > 0 && waited < 100; waited++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(left()).toEqual([]);
});

type End = { readonly reply: Reply } | { readonly error: Error & { readonly code?: string } };

/** One request to `peer`: its answer, or why there is none. A request that never ends fails the test. */
async function ask(carrier: Carrier, peer: Peer, options: Partial<CarrierOptions> = {}): Promise<End> {
  await using client = carrier.open({ credentials: ALICE, connections: 1, ...options });
  try {
    return { reply: await client.request(peer.url) };
  } catch (error) {
    return { error: error as Error };
  }
}

const wrong = (attempt: number): Credentials =>
  Credentials.fromPassword({ username: 'alice', domain: 'CORP', password: `looking glass ${attempt}` });
const honestly = ({ socket, honest }: Exchange): void => void socket.write(honest, 'latin1');
const codeOf = (end: End): string | undefined => ('error' in end ? end.error.code : explainRefusal(end.reply)?.code);

const legs = { 'the first 401': 'none', 'the challenge': 1, 'the verdict': 3 } as const;
type Leg = keyof typeof legs;
/** What an honest answer is long, by leg. */
const lengths = await (async () => {
  await using peer = await Peer.listen(honestly);
  const [, carrier] = everyCarrier[0]!;
  await ask(carrier, peer);
  return Object.fromEntries(peer.exchanges.map(({ message, honest }) => [message, honest.length]));
})();
const lengthOf = (leg: Leg): number => lengths[legs[leg]] ?? 0;
/** The first bytes and the last one by one, every seventh between. */
const positions = (from: number, length: number): number[] =>
  Array.from({ length: length - from }, (_, i) => from + i).filter((at) => at < 16 || at % 7 === 0 || at > length - 4);

/** `act` once `at` bytes of that leg are out; everything else is honest. */
const upTo = (leg: Leg, at: number, act: (exchange: Exchange) => void) => (exchange: Exchange): void => {
  if (exchange.message !== legs[leg]) return honestly(exchange);
  exchange.socket.write(exchange.honest.slice(0, at), 'latin1', () => act(exchange));
};

describe.each(everyCarrier)('%s', (_name, carrier) => {
  // Until its status is known, the answer to a request without NTLM is the client's own affair, and so is the body of a 200.
  const stalls: [Leg, number[]][] = [
    ['the first 401', positions(12, lengthOf('the first 401'))],
    ['the challenge', positions(0, lengthOf('the challenge'))],
    ['the verdict', positions(0, 12)],
  ];
  test.each(stalls)('stalls at any byte of %s: timed-out', async (leg, places) => {
    const ends = await Promise.all(
      places.map(async (at) => {
        await using peer = await Peer.listen(upTo(leg, at, () => {}));
        const end = await ask(carrier, peer, { legTimeout: 700, answerTimeout: 700 });
        return { at, code: codeOf(end), repeated: new Set(peer.exchanges.map(({ message }) => message)).size < peer.exchanges.length };
      }),
    );
    expect(ends).toEqual(places.map((at) => ({ at, code: 'timed-out', repeated: false })));
  });

  test.each(Object.keys(legs) as Leg[])('closes at any byte of %s: an error or a new start, a few connections at most', async (leg) => {
    const places = positions(0, lengthOf(leg));
    const ends = await Promise.all(
      places.map(async (at) => {
        await using peer = await Peer.listen(upTo(leg, at, ({ socket }) => socket.destroy()));
        const end = await ask(carrier, peer);
        // A close behind the head of a 401 costs a connection; whatever was cut is never handed on as if it were whole.
        const fair = 'error' in end || end.reply.text === 'alice';
        return { at, fair, bounded: peer.connections <= 4 && peer.exchanges.length <= 9 };
      }),
    );
    expect(ends).toEqual(places.map((at) => ({ at, fair: true, bounded: true })));
  });

  test.each(['the first 401', 'the challenge'] as const)('closes behind the whole of %s, once: the request succeeds', async (leg) => {
    let closed = false;
    await using peer = await Peer.listen((exchange) => {
      honestly(exchange);
      if (exchange.message !== legs[leg] || closed) return;
      closed = true;
      exchange.socket.end();
    });
    expect(await ask(carrier, peer)).toMatchObject({ reply: { text: 'alice' } });
    const answers = responsesOf(peer).map(({ ntProofStr }) => Buffer.from(ntProofStr).toString('hex'));
    expect(new Set(answers).size).toBe(answers.length); // no type 3 goes out again
  });

  test('a challenge that nobody asked for is no answer to type 1', async () => {
    let unasked = '';
    await using peer = await Peer.listen((exchange) => {
      if (exchange.message === 'none') {
        unasked = asChallenge(challengeWith([]));
        return void exchange.socket.write(unasked);
      }
      honestly(exchange);
    });
    expect(await ask(carrier, peer)).toMatchObject({ reply: { text: 'alice' } });
    expect(peer.exchanges.map(({ message }) => message)).toEqual(['none', 1, 3]);
  });

  test('a second challenge in place of a verdict is a refusal; one type 3 went out', async () => {
    await using peer = await Peer.listen((exchange) =>
      exchange.message === 3 ? void exchange.socket.write(asChallenge(challengeWith([]))) : honestly(exchange),
    );
    const end = await ask(carrier, peer);
    expect(end).toMatchObject({ reply: { status: 401 } });
    expect(codeOf(end)).toBe('credentials-refused');
    expect(peer.count(3)).toBe(1);
  });

  test.each([1, 3] as const)('a response too many behind the answer to type %i is never taken for an answer', async (message) => {
    await using peer = await Peer.listen((exchange) => {
      const extra = exchange.message === message ? ok('evil') : '';
      exchange.socket.write(exchange.honest + extra, 'latin1');
    });
    await using client = carrier.open({ credentials: ALICE, connections: 1 });
    for (let call = 0; call < 3; call++) {
      const text = await client.request(peer.url).then(
        (reply) => reply.text,
        (error: Error) => error.name,
      );
      expect(text).not.toBe('evil');
      if (call === 0) expect(text).toMatch(message === 1 ? /^(alice|NtlmError)$/ : /^alice$/);
    }
  });

  test.each([
    ['a 100', ['HTTP/1.1 100 Continue\r\n\r\n'], 0],
    ['a 100 and hints', ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'], 0],
    ['a 100 a little later', ['HTTP/1.1 100 Continue\r\n\r\n'], 2],
    ['two, one after the other', ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 100\r\n\r\n'], 1],
  ])('behind a 401, a challenge and a verdict: %s. It is nobody\'s answer and ends nothing', async (_what, behind, pause) => {
    await using peer = await Peer.listen(async ({ socket, honest }) => {
      if (pause === 0) return void socket.write(honest + behind.join(''), 'latin1');
      socket.write(honest, 'latin1');
      for (const part of behind) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        socket.write(part, 'latin1');
      }
    });
    const end = await ask(carrier, peer, { legTimeout: 2000 });
    expect(end).toMatchObject({ reply: { status: 200, text: 'alice' } });
    expect(peer.connections).toBe(1);
  });

  test.each(['SSH-2.0-OpenSSH_9.2\r\n', 'ICY 200 OK\r\n', '\u0015\u0003\u0003\u0000\u0002\u0002\u0046', '220 mail ESMTP\r\n', 'http/1.1 401 No\r\n', '\r\n'])(
    'what is no HTTP at all, in answer to a leg, is refused at once: %j',
    async (greeting) => {
      await using peer = await Peer.listen(({ socket, message, honest }) => void socket.write(message === 1 ? greeting : honest, 'latin1'));
      const started = performance.now();
      expect(codeOf(await ask(carrier, peer, { legTimeout: 25_000 }))).toBe('malformed-token');
      expect(performance.now() - started).toBeLessThan(15_000);
    },
  );

  test.each(['none', 1] as const)('a head of 10 MB in answer to %s: too-long', async (message) => {
    await using peer = await Peer.listen((exchange) => {
      if (exchange.message !== message) return honestly(exchange);
      const filler = `X-Filler: ${'x'.repeat(1000)}\r\n`.repeat(10_000);
      exchange.socket.write(exchange.honest.replace('\r\n', `\r\n${filler}`), 'latin1');
    });
    expect(codeOf(await ask(carrier, peer))).toBe('too-long');
    expect(peer.count(3)).toBe(0);
  });

  test('interim responses without end in answer to type 1: timed-out', async () => {
    await using peer = await Peer.listen((exchange) => {
      if (exchange.message !== 1) return honestly(exchange);
      const timer = setInterval(() => exchange.socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 5);
      exchange.socket.on('close', () => clearInterval(timer));
    });
    expect(codeOf(await ask(carrier, peer, { legTimeout: 500 }))).toBe('timed-out');
  });

  test('types 2 that change between attempts: each type 3 answers the last one, and no nonce of ours comes twice', async () => {
    await using peer = await Peer.listen(honestly);
    const end = await ask(carrier, peer, { credentials: ({ attempt }) => (attempt < 3 ? wrong(attempt) : ALICE) });
    expect(end).toMatchObject({ reply: { text: 'alice' } });
    const nonces = responsesOf(peer).map(({ challengeFromClient }) => Buffer.from(challengeFromClient).toString('hex'));
    expect(nonces).toHaveLength(3);
    expect(new Set(nonces).size).toBe(3);
  });

  test("a relay of another server's challenge: type 3 names whom the caller asked for, and binds the messages", async () => {
    const pairs = [avText(AvId.MsvAvTargetName, 'HTTP/victim'), { id: AvId.MsvAvChannelBindings, value: new Uint8Array(16) }];
    const victim = challengeWith([...pairs, avFlags(0)], 131400439870000000n);
    await using peer = await Peer.listen((exchange) =>
      exchange.message === 1 ? void exchange.socket.write(asChallenge(victim)) : honestly(exchange),
    );
    await ask(carrier, peer);
    const [response] = responsesOf(peer);
    const stated = describeTargetInfo(response!.avPairs);
    expect(stated).toMatchObject({ targetName: 'HTTP/127.0.0.1', flags: 2, channelBindings: undefined });
    // The victim, who demands a MIC, takes the messages as they were, and none that the relay changed.
    const [negotiate, authenticate] = [1, 3].map((type) => peer.exchanges.find(({ message }) => message === type)!.token);
    const seen = { challenge: victim, credentials: ALICE, requireMic: true };
    expect(verifyAuthenticate({ ...seen, negotiate: negotiate!, authenticate: authenticate! })).toMatchObject({ ok: true, mic: true });
    const signing = negotiate!.slice();
    signing[15]! &= 0x7f;
    expect(verifyAuthenticate({ ...seen, negotiate: signing, authenticate: authenticate! })).toMatchObject({ ok: false, reason: 'mic-mismatch' });
    const stripped = authenticate!.slice();
    stripped.fill(0, 72, 88);
    expect(verifyAuthenticate({ ...seen, negotiate: negotiate!, authenticate: stripped })).toMatchObject({ ok: false, reason: 'mic-mismatch' });
  });

  test('a relay behind TLS: the victim sees the channel of another certificate', async () => {
    const { ca, cert, key } = await makeCertificate();
    const hash = new Uint8Array(16).fill(0x42); // of the victim's own certificate
    await using relay = await Origin.listen({ tls: { cert, key }, acceptor: { channelBindings: { hash }, requireChannelBindings: true } });
    await using client = carrier.open({ credentials: ALICE, ca });
    const reply = await client.request(relay.url);
    expect(reply.status).toBe(401);
    expect(explainRefusal(reply)?.code).toBe('credentials-refused');
    expect(relay.handled).toEqual([]);
  });
});

/** A challenge of the peer's own making. */
function challengeWith(pairs: readonly { id: number; value: Uint8Array }[], timestamp?: bigint): Uint8Array {
  const time = new Uint8Array(8);
  new DataView(time.buffer).setBigUint64(0, timestamp ?? 0n, true);
  return encodeChallenge({
    negotiateFlags: 0xa2898205,
    targetName: 'CORP',
    serverChallenge: new Uint8Array(8).fill(0x31),
    targetInfo: [
      avText(AvId.MsvAvNbDomainName, 'CORP'),
      avText(AvId.MsvAvNbComputerName, 'WEB'),
      ...pairs,
      ...(timestamp === undefined ? [] : [{ id: AvId.MsvAvTimestamp, value: time }]),
    ],
  });
}

/** The NTLMv2 responses that reached a peer. */
function responsesOf(peer: Peer): ReturnType<typeof decodeNtlmV2Response>[] {
  const answers = peer.exchanges.filter(({ message }) => message === 3);
  return answers.map(({ token }) => decodeNtlmV2Response(decodeAuthenticate(token).ntChallengeResponse));
}

describe('a downgrade of the challenge, one flag at a time', () => {
  const [carrier] = everyCarrier.map(([, each]) => each);
  test.each(Array.from({ length: 32 }, (_, bit) => bit))('bit %i taken away: NTLMv2 or a refusal, never less', async (bit) => {
    await using peer = await Peer.listen((exchange) => {
      if (exchange.message !== 1) return honestly(exchange);
      const token = Buffer.from(/NTLM (\S+)/.exec(exchange.honest)![1]!, 'base64');
      token.writeUInt32LE((token.readUInt32LE(20) & ~(1 << bit)) >>> 0, 20);
      exchange.socket.write(asChallenge(token));
    });
    const end = await ask(carrier!, peer);
    const answers = peer.exchanges.filter(({ message }) => message === 3);
    for (const { token } of answers) expect(decodeAuthenticate(token).ntChallengeResponse.length).toBeGreaterThan(24);
    if (answers.length === 0) {
      expect(['downgrade-refused', 'target-refused', 'charset-refused']).toContain(codeOf(end));
      return;
    }
    // The MIC covers the challenge as we got it: a flag that was changed on the way is found out, one that was not set is not.
    const changed = ((0xa2898205 >>> bit) & 1) === 1 && decodeChallenge(Buffer.from(/NTLM (\S+)/.exec(peer.exchanges[1]!.honest)![1]!, 'base64')).negotiateFlags >>> bit & 1;
    expect(end).toMatchObject({ reply: { status: changed ? 401 : 200 } });
  });
});

test('unauthorized without NTLM on every leg ends at once', async () => {
  const [[, carrier] = []] = everyCarrier;
  await using peer = await Peer.listen(({ socket }) => void socket.write(unauthorized('Basic realm="NTLM"')));
  expect(codeOf(await ask(carrier!, peer))).toBe('ntlm-not-offered');
  expect(peer.exchanges).toHaveLength(1);
});
