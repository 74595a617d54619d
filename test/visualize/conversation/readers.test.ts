import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { Credentials, NtlmClient } from '../../../src/index.ts';
import { readConversation, type Conversation } from '../../../src/visualize/index.ts';
import { asCurl, asHar, recordingsOf, type Leg } from '../../support/recordings.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'Correct horse' });
const START = Date.UTC(2026, 10, 26, 12, 0, 0);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function legs(): Leg[] {
  const client = new NtlmClient({ credentials });
  const acceptor = new NtlmAcceptor({ credentials });
  const negotiate = client.negotiate();
  const challenge = acceptor.challenge(negotiate);
  const authenticate = client.respond(challenge);
  const fields = [['Host', 'keep.castle.example'], ['Connection', 'keep-alive']] as const;
  const leg = (time: number, token: Uint8Array | undefined, status: number, authenticateField: string | undefined, body = ''): Leg => ({
    connection: '1',
    time: START + time,
    request: { target: '/page?secret=1', headers: [...fields, ...(token === undefined ? [] : [['Authorization', `NTLM ${base64(token)}`] as const])] },
    response: { status, headers: [...(authenticateField === undefined ? [] : [['WWW-Authenticate', authenticateField] as const]), ['Date', new Date(START).toUTCString()]], body },
  });
  return [
    leg(0, undefined, 401, 'NTLM', 'Unauthorized: GET / HTTP/2 is no request line here'),
    leg(10, negotiate, 401, `NTLM ${base64(challenge)}`),
    leg(20, authenticate, 200, undefined, 'HTTP is fine\nHost: not a field\n'),
  ];
}

const shape = ({ connections }: Conversation) =>
  connections.flatMap(({ exchanges }) =>
    exchanges.map(({ request, response }) => [
      request?.method,
      request?.target.replace(/^http:\/\/[^/]+/, ''),
      ...(request?.credentials ?? []).map(({ scheme, token }) => `${scheme} ${token?.message} ${token?.state}`),
      response?.status,
      ...(response?.challenges ?? []).map(({ scheme, token }) => (token === undefined ? scheme : `${scheme} ${token.message} ${token.state}`)),
    ]),
  );

describe('the same conversation, whatever recorded it', () => {
  const given = legs();
  const expected = [
    ['GET', '/page?…', 401, 'NTLM'],
    ['GET', '/page?…', 'NTLM NEGOTIATE whole', 401, 'NTLM CHALLENGE whole'],
    ['GET', '/page?…', 'NTLM AUTHENTICATE masked', 200],
  ];

  test.each(Object.entries(recordingsOf(given)))('%s', (_, recording) => {
    const conversation = readConversation(recording);
    expect(shape(conversation)).toEqual(expected);
    expect(conversation.tokens).toBe('masked');
  });

  test.each(Object.entries(recordingsOf(given)))('%s, whole where it is asked for', (_, recording) => {
    const conversation = readConversation(recording, { tokens: 'whole' });
    const tokens = conversation.connections.flatMap(({ exchanges }) => exchanges.flatMap(({ request }) => request?.credentials.map(({ token }) => token?.base64) ?? []));
    expect(tokens).toEqual(given.flatMap(({ request }) => request.headers.filter(([name]) => name === 'Authorization').map(([, value]) => value.slice(5))));
  });

  test.each(Object.entries(recordingsOf(given)))('%s, saved and read again', (_, recording) => {
    const conversation = readConversation(recording);
    expect(readConversation(JSON.stringify(conversation))).toEqual(conversation);
  });

  test.each(Object.entries(recordingsOf(given)))('%s, masked: no response, no query, no MIC', (_, recording) => {
    const text = JSON.stringify(readConversation(recording));
    const proof = given[2]!.request.headers.find(([name]) => name === 'Authorization')![1].slice(5);
    expect(text).not.toContain(proof.slice(180, 200)); // of the proof
    expect(text).not.toContain('secret=1');
  });
});

test('two handshakes at once are told apart by their connections', () => {
  const [a, b] = [legs(), legs().map((leg) => ({ ...leg, connection: '2', time: leg.time + 1 }))];
  const mixed = [...a, ...b].toSorted((one, other) => one.time - other.time);
  for (const recording of [asHar(mixed), ...Object.entries(recordingsOf(mixed)).filter(([name]) => /pcap|tshark/.test(name)).map(([, each]) => each)]) {
    const conversation = readConversation(recording);
    expect(conversation.connections.map(({ exchanges }) => exchanges.map(({ response }) => response?.status))).toEqual([[401, 401, 200], [401, 401, 200]]);
  }
});

test('curl says when it opens a connection anew under an old number, and over TLS', () => {
  const [first, second, third] = legs() as [Leg, Leg, Leg];
  const { connections } = readConversation(asCurl([{ ...first, end: 'closed' }, second, third], { tls: true }));
  expect(connections.map(({ exchanges, tls, end }) => [exchanges.length, tls, end])).toEqual([[1, true, 'closed'], [2, true, undefined]]);
});
