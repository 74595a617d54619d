/** What Java's clients, Apache's, Python's, Ruby's and git's print, recorded with a wrong password: by the libraries themselves, and only made shorter. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../../src/errors.ts';
import { explain, readConversation, type Conversation } from '../../../src/visualize/index.ts';
import { encodings, ways } from '../../support/ways.ts';
import { thrown } from '../../support/thrown.ts';

const recording = (name: string): string => readFileSync(new URL(`../recordings/${name}.log`, import.meta.url), 'utf8');
const logs = ['java-httpclient', 'java-url', 'apache-headers', 'apache-wire', 'python', 'ruby'].map((name) => [name, recording(name)] as const);

const legs = ({ connections }: Conversation) =>
  connections.map(({ exchanges }) => exchanges.map(({ request, response }) => [request?.method, request?.target, request?.credentials[0]?.token?.message, response?.status, response?.challenges[0]?.token?.message]));
const THREE = [
  ['GET', '/whoami?…', undefined, 401, undefined],
  ['GET', '/whoami?…', 'NEGOTIATE', 401, 'CHALLENGE'],
  ['GET', '/whoami?…', 'AUTHENTICATE', 401, undefined],
];

describe.each(logs)('%s', (_, log) => {
  test('three legs with their statuses', () => {
    const conversation = readConversation(log);
    expect(legs(conversation)).toEqual([THREE]);
    expect(conversation.connections[0]!.exchanges.map(({ request }) => request?.fields.find(({ name }) => name === 'host')?.value)).toEqual(Array(3).fill('keep.castle.example:18080'));
    expect(explain(conversation)).toMatchObject({ outcome: 'rejected', sentence: expect.stringMatching(/^The server refused a well-formed response of "CASTLE\\alice" \(401 after type 3\): most likely (?:the password is wrong|the response is weaker than NTLMv2)/) as string });
  });

  test.each([...Object.entries(ways), ...Object.entries(encodings)])('%s', (_name, way) => {
    const given = way(log);
    expect(legs(readConversation(typeof given === 'string' ? given : new Uint8Array(given)))).toEqual([THREE]);
  });

  test('twice in one file', () => {
    expect(legs(readConversation(`${log}\n${log}`)).flat()).toEqual([...THREE, ...THREE]);
  });

  test('cut at both ends: a conversation or an error of ours, and no leg that was not', () => {
    fc.assert(
      fc.property(fc.nat(log.length), fc.nat(log.length), (a, b) => {
        const part = log.slice(Math.min(a, b), Math.max(a, b));
        try {
          const conversation = readConversation(part);
          expect(explain(conversation).sentence).toMatch(/^[A-Z].*\.$/s);
          if (conversation.source !== 'tokens') for (const [, , , status] of legs(conversation).flat()) expect([401, undefined]).toContain(status);
        } catch (error) {
          if (!(error instanceof NtlmError)) throw error;
          expect(error.code).toBe('malformed-token');
        }
      }),
      { numRuns: 300 },
    );
  });
});

test('written over anywhere by what no client logs: a conversation or an error of ours', () => {
  const names = ['java-httpclient', 'java-url', 'apache-headers', 'apache-wire', 'python', 'ruby', 'git'].map((name) => `${name}.log`);
  const all = [...names, 'net-export-default.json', 'net-export-sensitive.json'].map((name) => readFileSync(new URL(`../recordings/${name}`, import.meta.url), 'utf8'));
  const odd = ['http://[', 'https://a:99999/', 'http://:x/', '\\x', '%', '{', '}{', '"', '-1', '9'.repeat(30), 'null', '\0', '\ud800', ''];
  const meets = (text: string): void => {
    try {
      expect(explain(readConversation(text)).sentence).toMatch(/\.$/);
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
    }
  };
  for (const log of all) {
    for (const [url = ''] of log.matchAll(/https?:\/\/[\w.:-]+/g)) for (const each of odd) meets(log.replaceAll(url, each));
  }
  fc.assert(
    fc.property(fc.constantFrom(...all), fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(40), fc.constantFrom(...odd)), { minLength: 1, maxLength: 4 }), (log, changes) => {
      let text = log;
      for (const [where, length, put] of changes) text = text.slice(0, where * text.length) + put + text.slice(where * text.length + length);
      meets(text);
    }),
    { numRuns: 2000 },
  );
}, 120_000);

describe('git, GIT_TRACE_CURL=1', () => {
  const log = recording('git');
  const statuses = (text: string | Uint8Array) => readConversation(text).connections.map(({ exchanges }) => exchanges.map(({ request, response }) => [request?.credentials[0]?.token?.state, response?.status]));

  test('tells its legs', () => {
    expect(statuses(log)).toEqual([[[undefined, 401], ['whole', 401], ['masked', 401]]]);
    expect(explain(readConversation(log)).sentence).toMatch(/^The server refused a well-formed response of "CASTLE\\alice" \(401 after type 3\): most likely the password is wrong/);
  });

  test('as it redacts them itself', () => {
    const redacted = log.replace(/(Authorization: NTLM )\S+/g, '$1<redacted>');
    expect(statuses(redacted)).toEqual([[[undefined, 401], ['masked', 401], ['masked', 401]]]);
    expect(explain(readConversation(redacted)).sentence).toMatch(/^The server refused the response \(401 after type 3\): most likely the password is wrong/);
  });

  test.each([...Object.entries(ways), ...Object.entries(encodings)])('%s', (_name, way) => {
    const given = way(log);
    expect(statuses(typeof given === 'string' ? given : new Uint8Array(given))).toEqual(statuses(log));
  });
});

test('what nearly all lines begin with is no prefix where readers know lines by it', () => {
  const many = Array.from({ length: 40 }, (_, index) => `X-Field-${index}: ${index}`);
  const answered = (lines: readonly string[]): unknown => readConversation(`${lines.join('\n')}\n`).connections[0]?.exchanges.map(({ request, response }) => [request?.method, response?.status]);
  expect(answered(["send: b'GET / HTTP/1.1\\r\\nHost: keep\\r\\n\\r\\n'", "reply: 'HTTP/1.1 401 Unauthorized\\r\\n'", ...many.map((field) => `header: ${field}`)])).toEqual([['GET', 401]]);
  expect(answered(['<- "GET / HTTP/1.1\\r\\nHost: keep\\r\\n\\r\\n"', '-> "HTTP/1.1 401 Unauthorized\\r\\n"', ...many.map((field) => `-> "${field}\\r\\n"`), '-> "\\r\\n"'])).toEqual([['GET', 401]]);
  expect(answered(['> GET / HTTP/1.1', '> Host: keep', '> ', '< HTTP/1.1 401 Unauthorized', ...many.map((field) => `< ${field}`), '< '])).toEqual([['GET', 401]]);
  const apache = (way: string, line: string): string => `DEBUG headers - http-outgoing-0 ${way} ${line}`;
  expect(answered([apache('>>', 'GET / HTTP/1.1'), apache('>>', 'Host: keep'), apache('<<', 'HTTP/1.1 401 Unauthorized'), ...many.map((field) => apache('<<', field))])).toEqual([['GET', 401]]);
  const git = (way: string, line: string): string => `10:22:33.123456 http.c:684              ${way} header: ${line}`;
  expect(answered([git('=> Send', 'GET / HTTP/1.1'), git('=> Send', 'Host: keep'), git('<= Recv', 'HTTP/1.1 401 Unauthorized'), ...many.map((field) => git('<= Recv', field))])).toEqual([['GET', 401]]);
});

test("Java's HttpClient names the connection by its local port", () => {
  expect(readConversation(recording('java-httpclient')).connections.map(({ id }) => id)).toEqual([expect.stringMatching(/^\d+$/)]);
});

test('a request that Java could not send ends as it says', () => {
  const start = recording('java-httpclient').split('\n').slice(0, 2).join('\n');
  expect(explain(readConversation(`${start}\n${recording('java-httpclient').split('\n').slice(2, 8).join('\n')}\nException in thread "main" java.net.SocketException: Connection reset\n`)).sentence).toMatch(/^The connection was reset before anybody asked/);
});

test('Python without MD4, which ends the handshake behind the challenge', () => {
  const log = recording('python');
  const challenged = log.slice(0, log.lastIndexOf('send: b'));
  expect(explain(readConversation(`${challenged}Traceback (most recent call last):\nValueError: unsupported hash type md4\n`))).toMatchObject({
    outcome: 'refused',
    sentence: expect.stringMatching(/^This end refused to answer the challenge of the server: Python has no MD4 there/) as string,
  });
});

test('an answer of 429 accepts nobody', () => {
  const { outcome, sentence } = explain(readConversation(recording('java-url').replace(/401 Unauthorized\}\{WWW-Authenticate: NTLM\}(?![\s\S]*401)/, '429 Too Many Requests}{Retry-After: 60}')));
  expect({ outcome, sentence }).toEqual({ outcome: 'rejected', sentence: 'The server answered 429 to type 3: most likely too many attempts were refused before, and no more are looked at for a while.' });
});

describe('clients whose logs tell no fields', () => {
  test.each([
    ['urllib3', 'DEBUG:urllib3.connectionpool:Starting new HTTP connection (1): keep.castle.example:80\nDEBUG:urllib3.connectionpool:http://keep.castle.example:80 "GET /a HTTP/1.1" 401 13\n', /Python without fields: set `http\.client\.HTTPConnection\.debuglevel = 1`/],
    ['an exception of Java', 'Exception in thread "main" java.io.IOException: too many authentication attempts. Limit: 3\n\tat java.net.http/jdk.internal.net.http.HttpClientImpl.send(HttpClientImpl.java:574)\n', /Java without fields: start it with `-Djdk/],
    ['events of .NET', '00:598 RequestStart: scheme=https host=keep.castle.example port=443 pathAndQuery=/\n00:913 RequestStop: statusCode=401\n', /log of \.NET, whose events hold no fields/],
    ['an error of PowerShell', 'Invoke-WebRequest : The remote server returned an error: (401) Unauthorized.\nAt line:1 char:1\n', /PowerShell, without fields: record with/],
    ['a curl without NTLM', 'curl: option --ntlm: the installed libcurl version doesn\'t support this\ncurl: try \'curl --help\' for more information\n', /this curl has no NTLM.*`ntlmachine request --trace FILE`/],
    ["Firefox's log", '2026-11-26 14:47:09.231711 UTC - [Parent 4711: Main Thread]: E/nsHttp http request [\n2026-11-26 14:47:09.231711 UTC - [Parent 4711: Main Thread]: E/nsHttp   GET / HTTP/1.1\n', /Firefox logs.*export a HAR/],
    ['NODE_DEBUG=fetch', 'FETCH 4711: sending request to GET http://keep.castle.example//\nFETCH 4711: received response to GET http://keep.castle.example// - HTTP 401\n', /NODE_DEBUG prints.*ntlmachine\/watch/],
  ])('%s', (_, log, said) => {
    expect(thrown(() => readConversation(log))).toMatchObject({ code: 'malformed-token', message: expect.stringMatching(said) as string });
  });
});
