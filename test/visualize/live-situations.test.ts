/** The same ends made with real sockets, in every variation that the rules look at: a rule that fires in a healthy conversation fails here. */
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { createNtlmFetch } from '../../src/http/fetch.ts';
import { NtlmAgent } from '../../src/http/index.ts';
import { Credentials } from '../../src/index.ts';
import { explain, readConversation, record } from '../../src/visualize/node.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'Correct horse' });
const target = (name: string) => ({ nbDomainName: 'CASTLE', nbComputerName: name, dnsDomainName: 'castle.example', dnsComputerName: `${name.toLowerCase()}.castle.example` });

const ENDS = ['accepted', 'refused', 'another challenge', 'another server', 'forbidden', 'bad request', 'closed', 'no challenge', 'garbage', 'not offered', 'nothing offered'] as const;
type End = (typeof ENDS)[number];

const SENTENCES: Record<End, RegExp> = {
  accepted: /^The server accepted "CASTLE\\alice" and answered 200\.$/,
  refused: /^The server refused a well-formed response of "CASTLE\\alice" \(401 after type 3\): most likely the password is wrong/,
  'another challenge': /^The server answered type 3 by another challenge: most likely whoever answered knows nothing of the first one/,
  'another server': /"keep\.castle\.example" issued it, "tower\.castle\.example" answered\.$/,
  forbidden: /^The server accepted "CASTLE\\alice" and answered 403: most likely the account is authenticated and has no right/,
  'bad request': /^The server answered 400 to type 3: most likely whoever answered knows nothing of the handshake/,
  closed: /^The connection was (?:closed|reset) before type 3 was answered/,
  'no challenge': /^The server answered type 1 by a 401 without a challenge: most likely (?:the server names NTLM and does not carry it out|Negotiate takes Kerberos only)/,
  garbage: /^The challenge of the server cannot be read: /,
  'not offered': /does not offer NTLM, but Basic only\.$/,
  'nothing offered': /401 names no scheme/,
};

let server: http.Server;
let url: string;

beforeAll(async () => {
  const challenges = new WeakMap<object, NtlmAcceptor>();
  server = http.createServer((request, response) => {
    const [, end = '', scheme = ''] = decodeURIComponent(request.url!).split('/') as ['', End, string];
    const ask = (value?: string): void => void response.writeHead(401, value === undefined ? {} : { 'WWW-Authenticate': value }).end();
    const token = Buffer.from((request.headers.authorization ?? '').split(' ')[1] ?? '', 'base64');
    if (token.length === 0) return ask(end === 'nothing offered' ? undefined : end === 'not offered' ? 'Basic realm="castle"' : scheme);
    const at = token.indexOf('NTLMSSP\0', 0, 'latin1');
    const challenge = (name: string): string => {
      const acceptor = new NtlmAcceptor({ credentials, target: target(name) });
      challenges.set(request.socket, acceptor);
      return `${scheme} ${Buffer.from(acceptor.challenge(lastNegotiate)).toString('base64')}`;
    };
    if (token[at + 8] === 1) {
      lastNegotiate = Uint8Array.from(token.subarray(at, at + 40));
      if (end === 'no challenge') return ask(scheme);
      return ask(end === 'garbage' ? `${scheme} !!!!` : challenge('KEEP'));
    }
    if (end === 'closed') return void request.socket.destroy();
    if (end === 'another challenge' || end === 'another server') return ask(challenge(end === 'another server' ? 'TOWER' : 'KEEP'));
    if (end === 'refused') return ask(scheme);
    response.writeHead(end === 'forbidden' ? 403 : end === 'bad request' ? 400 : 200).end('the page');
  });
  let lastNegotiate = new Uint8Array(0);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

describe.each(ENDS)('%s', (end) => {
  test.each([
    ['agent', 'NTLM', 'masked'],
    ['agent', 'Negotiate', 'whole'],
    ['fetch', 'NTLM', 'whole'],
    ['fetch', 'Negotiate', 'masked'],
  ] as const)('%s, %s, tokens %s', async (door, scheme, tokens) => {
    const path = `${url}/${encodeURIComponent(end)}/${scheme}`;
    const carrier = door === 'agent' ? new NtlmAgent({ credentials }) : createNtlmFetch({ credentials });
    using recording = record(carrier, { tokens });
    if (carrier instanceof NtlmAgent) {
      await new Promise<void>((resolve) => http.get(path, { agent: carrier }, (response) => response.resume().on('end', resolve)).on('error', () => resolve()));
      carrier.destroy();
    } else {
      await carrier(path).then((response) => response.text(), () => undefined);
      await carrier.close();
    }
    const conversation = recording.conversation();
    const explanation = explain(conversation, { credentials });
    if (end === 'refused' && tokens === 'whole') {
      // the response is right, and was refused all the same
      expect(explanation.causes[0]).toMatchObject({ id: 'account-unusable', likelihood: 'likely' });
      expect(explanation.causes.map(({ id }) => id)).not.toContain('wrong-password');
    } else expect(explanation.sentence).toMatch(SENTENCES[end]);
    expect(explanation.causes.map(({ id }) => id).filter((id) => id === 'channel-bindings-absent' || id === 'mic-absent' || id === 'clock-skew')).toEqual([]);
    expect(explain(readConversation(JSON.stringify(conversation))).sentence).toMatch(tokens === 'whole' && end === 'refused' ? /password is wrong/ : SENTENCES[end]);
  });
});

test('an answer in HTTP/2 is told in the words of the error', async () => {
  const other = http2.createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const agent = new NtlmAgent({ credentials });
  using recording = record(agent);
  const { port } = other.address() as AddressInfo;
  const error = await new Promise<Error>((resolve) => http.get(`http://127.0.0.1:${port}/`, { agent }).on('error', resolve));
  expect(error).toMatchObject({ code: 'http2-only' });
  agent.destroy();
  other.close();
  for (const conversation of [recording.conversation(), readConversation(JSON.stringify(recording.conversation()))]) {
    const explanation = explain(conversation);
    expect(explanation.sentence).toBe('The other end spoke HTTP/2: HTTP/2 cannot carry NTLM, which authenticates a connection.');
    expect(explanation.causes[0]).toMatchObject({ id: 'http2', advice: 'have HTTP/1.1 switched on at the server, or at what stands before it' });
    expect(error.message).toContain(explanation.causes[0]!.summary);
  }
});
