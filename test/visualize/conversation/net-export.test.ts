/** Chromium's net-export, recorded by itself (both ways of recording, made smaller by what is of no request), whole and cut. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NtlmError } from '../../../src/errors.ts';
import { explain, readConversation, type Conversation } from '../../../src/visualize/index.ts';
import { thrown } from '../../support/thrown.ts';

const recording = (name: string): string => readFileSync(new URL(`../recordings/net-export-${name}.json`, import.meta.url), 'utf8');
const [sensitive, stripped] = [recording('sensitive'), recording('default')];

const legs = ({ connections }: Conversation) =>
  connections.map(({ exchanges }) =>
    exchanges.map(({ request, response }) => [request?.target, request?.credentials[0]?.scheme, request?.credentials[0]?.token?.message, response?.status, response?.challenges[0]?.token?.message]),
  );

test('the legs of a request stand on their connection, with their tokens', () => {
  expect(legs(readConversation(sensitive))).toEqual([
    [
      ['/whoami?…', undefined, undefined, 401, undefined],
      ['/whoami?…', 'NTLM', 'NEGOTIATE', 401, 'CHALLENGE'],
      ['/whoami?…', 'NTLM', 'AUTHENTICATE', 401, undefined],
    ],
  ]);
  expect(explain(readConversation(sensitive)).sentence).toMatch(/^The server refused a well-formed response of "CASTLE\\alice" \(401 after type 3\): most likely the password is wrong/);
});

test('what the browser asks of its own accord is no part of it', () => {
  const value = JSON.parse(sensitive) as { constants: { logEventTypes: Record<string, number> }; events: { type: number; source: { id: number }; params?: Record<string, unknown> }[] };
  const [start, sent, answered] = ['URL_REQUEST_START_JOB', 'HTTP_TRANSACTION_SEND_REQUEST_HEADERS', 'HTTP_TRANSACTION_READ_RESPONSE_HEADERS'].map((name) => value.events.find(({ type }) => type === value.constants.logEventTypes[name])!);
  const own = (event: typeof start, params: Record<string, unknown>): object => ({ ...event, source: { ...event!.source, id: 4711 }, params: { ...event!.params, ...params } });
  const events = [...value.events, own(start, { request_type: 'other', initiator: 'not an origin', url: 'http://update.example/' }), own(sent, { line: 'POST / HTTP/1.1\r\n', headers: ['Host: update.example'] }), own(answered, { headers: ['HTTP/1.1 407 Proxy Authentication Required', 'Proxy-Authenticate: NTLM'] })];
  expect(readConversation(JSON.stringify({ ...value, events }))).toEqual(readConversation(sensitive));
});

test('what was stripped is unknown, and it is said how to record it', () => {
  const conversation = readConversation(stripped);
  expect(conversation.blind).toEqual(['tokens-hidden']);
  expect(conversation.connections[0]!.exchanges.map(({ request, response }) => [request?.credentials[0]?.scheme, request?.credentials[0]?.token?.state, request?.credentials[0]?.token?.length, response?.status])).toEqual([
    [undefined, undefined, undefined, 401],
    ['NTLM', 'masked', 33, 401],
    ['NTLM', 'masked', expect.any(Number), 401],
  ]);
  const { sentence, causes } = explain(conversation);
  expect(sentence).toMatch(/^The server refused the response \(401 after type 3\): most likely the password is wrong.*; the tokens were left out .*"Include cookies and credentials" \(`--net-log-capture-mode=IncludeSensitive`\)\.$/);
  expect(causes.filter(({ likelihood }) => likelihood === 'certain')).toEqual([]);
});

describe('a stripped token of Negotiate', () => {
  /** The second leg, with a first token of so many characters, and its answer. */
  const answeredBy = (characters: number, answer: string, ...fields: readonly string[]): Conversation => {
    const value = JSON.parse(stripped.replaceAll('"WWW-Authenticate: NTLM"', '"WWW-Authenticate: Negotiate"').replaceAll('"scheme":"ntlm"', '"scheme":"negotiate"')) as { events: { params?: { headers?: string[] } }[] };
    const heads = value.events.filter(({ params }) => params?.headers !== undefined);
    const [, , sent, answered, ...rest] = heads;
    sent!.params!.headers = sent!.params!.headers!.map((field) => field.replace(/^Authorization: .*/, `Authorization: [${characters + 'Negotiate '.length} bytes were stripped]`));
    answered!.params!.headers = [`HTTP/1.1 ${answer}`, ...fields];
    return readConversation(JSON.stringify({ ...value, events: value.events.filter((event) => !rest.includes(event)) }));
  };

  test.each([
    [2728, '200 OK', [], /^The server accepted a token of Kerberos, not NTLM, and answered 200\.$/],
    [2728, '401 Unauthorized', ['WWW-Authenticate: Negotiate'], /^The server refused a token of Kerberos \(401\)/],
    [120, '200 OK', [], /^The server accepted a first token of Negotiate, which NTLM does not come to an end by, and answered 200\.$/],
    [120, '401 Unauthorized', ['WWW-Authenticate: Negotiate'], /^The server answered the first token by a 401 without a challenge/],
  ])('of %i characters, answered by %s', (characters, answer, fields, sentence) => {
    expect(explain(answeredBy(characters, answer, ...fields)).sentence).toMatch(sentence);
  });
});

describe.each([['sensitive', sensitive], ['stripped', stripped]])('%s, cut where the browser was ended', (_, whole) => {
  const first = whole.indexOf('"events"');

  test('anywhere: what is there is read', () => {
    const all = legs(readConversation(whole)).flat();
    fc.assert(
      fc.property(fc.nat(whole.length), (end) => {
        try {
          const conversation = readConversation(whole.slice(0, end));
          const read = legs(conversation).flat();
          expect(read.slice(0, -1)).toEqual(all.slice(0, Math.max(0, read.length - 1)));
          expect(explain(conversation).sentence).toMatch(/^[A-Z].*\.$/s);
        } catch (error) {
          if (!(error instanceof NtlmError)) throw error;
          expect(error.code).toBe('malformed-token');
          // before the first request
          expect(end).toBeLessThan(whole.indexOf('"line":"GET') + 2000);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('behind every event', () => {
    for (let end = whole.indexOf('\n', first); end >= 0; end = whole.indexOf('\n', end + 1)) {
      const sent = (whole.slice(0, end).match(/"line":"GET/g) ?? []).length;
      if (sent > 0) expect(legs(readConversation(whole.slice(0, end))).flat()).toHaveLength(sent);
    }
  });

  test('before its first event, or without a request, it is said what is missing', () => {
    expect(thrown(() => readConversation(whole.slice(0, first - 20)))).toMatchObject({ code: 'malformed-token', message: expect.stringMatching(/breaks off before its first event/) as string });
    expect(thrown(() => readConversation(whole.slice(0, first + 14)))).toMatchObject({ code: 'malformed-token', message: expect.stringMatching(/no request in this net-export/) as string });
  });
});

describe('errors, by the names that the file has for them', () => {
  const failedWith = (error: string, kept: (name: string, answers: number) => boolean): Conversation => {
    const value = JSON.parse(sensitive) as { constants: { netError: Record<string, number>; logEventTypes: Record<string, number> }; events: { type: number; source: unknown; params?: object }[] };
    const names = new Map(Object.entries(value.constants.logEventTypes).map(([name, number]) => [number, name]));
    value.constants.netError[error] = -4711;
    value.constants.logEventTypes['FAILED'] = 9999;
    let answers = 0;
    const events = value.events.filter(({ type }) => kept(names.get(type)!, (answers += Number(names.get(type) === 'HTTP_TRANSACTION_READ_RESPONSE_HEADERS'))));
    const of = value.events.find(({ type }) => names.get(type) === 'URL_REQUEST_START_JOB')!;
    return readConversation(JSON.stringify({ ...value, events: [...events, { ...of, type: 9999, phase: 0, params: { net_error: -4711 } }] }));
  };

  test.each([
    ['ERR_CONNECTION_RESET', /^The connection was reset before anybody asked/, /^The connection was reset before type 3 was answered/],
    ['ERR_NAME_NOT_RESOLVED', /^The name of the host could not be resolved before anybody asked/, /before type 3/],
    ['ERR_CERT_AUTHORITY_INVALID', /^TLS could not be agreed on before anybody asked/, /before type 3/],
  ])('%s, with nothing sent, or with the last leg not answered', (error, sentence, last) => {
    expect(explain(failedWith(error, (name) => !/HEADERS|BOUND/.test(name))).sentence).toMatch(sentence);
    expect(explain(failedWith(error, (name, answers) => name !== 'HTTP_TRANSACTION_READ_RESPONSE_HEADERS' || answers < 3)).sentence).toMatch(last);
  });
});
