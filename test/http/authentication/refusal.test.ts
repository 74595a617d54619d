/** Why a 401 or 407 was handed back: what is written into a response, what is read from one, and each sentence. */
import { describe, expect, test } from 'vitest';
import { NtlmError, type NtlmErrorCode } from '../../../src/errors.ts';
import { skewOf } from '../../../src/http/authentication/clocks.ts';
import { explainRefusal, refusalField, type HeadersLike } from '../../../src/http/authentication/refusal.ts';
import * as refusal from '../../../src/http/authentication/failures.ts';
import { closesConnection, doesNotCarryOut, doesNotOffer, listed } from '../../../src/http/authentication/sentences.ts';
import { sourceOf, whoOf } from '../../../src/http/authentication/source.ts';
import { Credentials } from '../../../src/index.ts';
import { AvId, avText, decodeChallenge, type AvPair } from '../../../src/messages/index.ts';
import { TIMESTAMP, challengeToken } from '../../support/handshake.ts';

const error = (code: NtlmErrorCode, message: string, cause?: unknown) => new NtlmError(message, { code, phase: 'transport', side: 'peer', cause });
const field = (text: string) => ({ 'proxy-status': text });
const ours = (code: NtlmErrorCode, message: string) => refusalField(error(code, message)).value;

describe('what is written into a response', () => {
  test('is Proxy-Status of RFC 9209, in visible ASCII', () => {
    expect(refusalField(error('timed-out', 'a "leg" \\ tök\ntoo \u001b long~'))).toEqual({
      name: 'Proxy-Status',
      value: 'ntlmachine; error=http_request_denied; details="timed-out: a \\"leg\\" \\\\ t?k?too ? long~"',
    });
  });

  test.each(['a sentence', 'a "quoted" one', 'with \\ in it', 'x", ntlmachine; error=a; details="not-ours: y'])('is read again: %s', (message) => {
    for (const status of [401, 407]) expect(explainRefusal({ status, headers: field(ours('timed-out', message)) })).toEqual({ code: 'timed-out', message });
  });
});

describe('what is read from a response', () => {
  test.each([undefined, null, { status: 200, headers: field(ours('timed-out', 'x')) }, { statusCode: 403, headers: {} }, { headers: {} }])('%j says nothing', (response) => {
    expect(explainRefusal(response)).toBeUndefined();
  });

  test('the last of ours counts, however the fields are held', () => {
    const others = 'gate; error=x; details="no", ntlmachine; error=http_request_denied; details="aborted: theirs"';
    const both = `${others}, ${ours('timed-out', 'ours')}`;
    const holders: HeadersLike[] = [field(both), { 'proxy-status': [others, ours('timed-out', 'ours')] }, new Headers(field(both))];
    for (const headers of holders) expect(explainRefusal({ statusCode: 401, headers })).toEqual({ code: 'timed-out', message: 'ours' });
  });

  test('control characters of a peer come to nobody', () => {
    expect(explainRefusal({ status: 401, headers: field('ntlmachine; error=x; details="timed-out: \u001b[2J\\\u0007~"') })?.message).toBe('?[2J?~');
    expect(explainRefusal({ status: 401, headers: field('ntlmachine; error=x; details="timed-out: "') })).toEqual({ code: 'timed-out', message: '' });
  });

  test.each([
    [401, { 'www-authenticate': 'Basic realm="x", NTLM' }, undefined],
    [401, { 'www-authenticate': 'NEGOTIATE' }, undefined],
    [401, { 'www-authenticate': 'NTLM TlRM' }, undefined],
    [401, { 'www-authenticate': ['Basic', 'ntlm'] }, undefined],
    [401, { 'www-authenticate': 'Basic realm="x", Basic realm="y", Digest a=b' }, 'the server does not offer NTLM, but Basic and Digest only'],
    [401, { 'www-authenticate': 'XNTLM, NTLM2' }, 'the server does not offer NTLM, but XNTLM and NTLM2 only'],
    [401, {}, 'the server offers no scheme'],
    [401, { 'proxy-authenticate': 'NTLM', 'www-authenticate': 7 }, 'the server offers no scheme'],
    [407, { 'www-authenticate': 'NTLM', 'proxy-authenticate': 'Bearer' }, 'the proxy does not offer NTLM, but Bearer only'],
    [407, { 'proxy-authenticate': 'NTLM' }, undefined],
  ] as const)('%i with %j', (status, headers, message) => {
    expect(explainRefusal({ status, headers })).toEqual(message === undefined ? undefined : { code: 'ntlm-not-offered', message });
  });
});

test.each([{ status: 401 }, { status: 407, headers: null }, { statusCode: 401, headers: undefined }])('%j tells nothing', (response) => {
  expect(explainRefusal(response)).toBeUndefined();
});

describe('the sentences', () => {
  const before = error('ticket-refused', 'the ticket was refused');
  test.each<[NtlmError, NtlmErrorCode, NtlmError['phase'], NtlmError['side'], string]>([
    [refusal.notOffered('proxy'), 'ntlm-not-offered', 'transport', 'peer', 'the proxy offers no NTLM'],
    [
      refusal.noChallenge('server', 'NTLM'),
      'malformed-token',
      'transport',
      'peer',
      'type 1 was answered without a challenge: the server names NTLM and does not carry it out: it is switched off or blocked there, or type 1 did not reach it',
    ],
    [
      refusal.noChallenge('server', 'Negotiate'),
      'malformed-token',
      'transport',
      'peer',
      'type 1 was answered without a challenge: most likely Negotiate takes Kerberos only there, and no NTLM, which is not offered by itself either; "negotiate: kerberos()" sends a ticket',
    ],
    [refusal.incomplete(), 'malformed-token', 'transport', 'peer', 'the request was let through before the negotiation was over'],
    [refusal.legTimedOut(), 'timed-out', 'transport', 'peer', 'a leg of the handshake took too long'],
    [refusal.noneGiven(), 'credentials-missing', 'transport', 'local', 'no credentials were given'],
    [refusal.notProvided(new Error('x')), 'service-failed', 'transport', 'local', 'the credentials could not be provided'],
    [refusal.notProvided(before), 'ticket-refused', 'transport', 'peer', 'the ticket was refused'],
    [refusal.negotiateNotOffered('Kerberos', undefined), 'mechanism-refused', 'transport', 'peer', 'the other end offers NTLM and no Negotiate, by which Kerberos goes'],
    [
      refusal.negotiateNotOffered('Kerberos', before),
      'ticket-refused',
      'kerberos',
      'peer',
      'the other end offers NTLM and no Negotiate, by which Kerberos goes, after this: the ticket was refused; "forgetRefusals()" begins anew',
    ],
    [
      refusal.negotiateNotOffered('Kerberos', error('server-unproven', 'nothing was proven')),
      'downgrade-refused',
      'kerberos',
      'peer',
      'the other end offers NTLM and no Negotiate, by which Kerberos goes, after this: nothing was proven; "forgetRefusals()" begins anew',
    ],
    [
      refusal.forbidden(refusal.negotiateNotOffered('Kerberos', undefined)),
      'downgrade-refused',
      'kerberos',
      'local',
      'the other end offers NTLM and no Negotiate, by which Kerberos goes, and NTLM is forbidden ("ntlm: false")',
    ],
    [refusal.forbidden(before), 'ticket-refused', 'transport', 'peer', 'the ticket was refused'],
    [refusal.afterFallback(error('timed-out', 'late'), undefined), 'timed-out', 'transport', 'peer', 'late'],
    [refusal.afterFallback(error('timed-out', 'late'), before), 'timed-out', 'transport', 'peer', 'late; NTLM was taken since the ticket was refused'],
    [refusal.originRefused('http://a'), 'origin-refused', 'transport', 'local', 'http://a asks for NTLM and is not among the origins of "allow"'],
    [
      refusal.authorizationGiven('Authorization'),
      'authorization-given',
      'transport',
      'local',
      'the request brought its own Authorization, so NTLM was not tried; leave it out, and what clients make it of: "auth", or a user in the URL',
    ],
    ...([
      [{ refusals: 0, remaining: 1 }, 'the connection was lost over them again and again, which may count as a refusal; they may be again in a second'],
      [{ refusals: 1, remaining: 1001 }, 'they were refused here before; they may be again in 2 seconds'],
      [{ refusals: 3, remaining: -5 }, 'they were refused here 3 times; they may be again in a second'],
    ] as const).map(
      ([blocked, why]) =>
        [
          refusal.notTriedAgain(blocked),
          'not-tried-again',
          'authenticate',
          'local',
          `these credentials were not sent, so that the account does not lock: ${why}, or after forgetRefusals()`,
        ] as [NtlmError, NtlmErrorCode, NtlmError['phase'], NtlmError['side'], string],
    ),
  ])('%s', (given, code, phase, side, message) => {
    expect(given).toMatchObject({ code, phase, side, message });
  });

  test('name what led to them', () => {
    const cause = new Error('x');
    expect(refusal.notProvided(cause).cause).toBe(cause);
    expect(refusal.negotiateNotOffered('Kerberos', before).cause).toBe(before);
    expect(refusal.afterFallback(error('timed-out', 'late'), before).cause).toBe(before);
    expect(refusal.afterFallback(error('timed-out', 'late', cause), before).cause).toBe(cause);
    expect(refusal.isNotOffered(before)).toBe(false);
  });

  const TICKS = 10_000_000n;
  const REFUSED =
    'the server refused the credentials: the password is wrong, or the account is locked, disabled, unknown, expired (or its password is), or may not log on here';
  const refusedBy = (more: Partial<Parameters<typeof refusal.refusedBy>[0]> = {}) =>
    refusal.refusedBy({
      side: 'server',
      credentials: Credentials.fromPassword({ username: 'alice', domain: 'DOMAIN', password: 'x' }),
      challenge: decodeChallenge(challengeToken()),
      now: () => TIMESTAMP,
      channel: 'plain',
      ...more,
    });

  test.each([
    ['plain', 301n, '; its clock is 301 seconds behind ours'],
    ['plain', -301n, '; its clock is 301 seconds ahead of ours'],
    ['plain', 300n, ''],
    ['bound', 0n, '; if they are right, the certificate bound may be that of a balancer before the server ("channelBindings": false does without)'],
    ['unbound', 0n, '; if they are right, the server may demand a channel binding, and none was sent'],
  ] as const)('of a refusal over a channel that is %s, clocks %s seconds apart', (channel, seconds, note) => {
    const refused = refusedBy({ channel, now: () => TIMESTAMP + seconds * TICKS });
    expect(refused).toMatchObject({ code: 'credentials-refused', phase: 'authenticate', side: 'peer', message: `${REFUSED}${note}` });
  });

  test('of a refusal of which nothing is known, or whose clock fails', () => {
    const failing = (): bigint => {
      throw new Error('no clock');
    };
    for (const more of [{ now: failing }, { now: failing, challenge: undefined }, { challenge: undefined }]) expect(refusedBy(more).message).toBe(REFUSED);
    expect(refusedBy({ side: 'proxy' }).message).toBe(REFUSED.replace('server', 'proxy'));
  });

  test.each([
    ['domain', 'alice', undefined],
    ['DOMAIN.TEST', 'alice', undefined],
    ['server', 'alice', undefined],
    ['', 'alice', undefined],
    ['.', 'alice', undefined],
    ['ELSEWHERE', 'alice@domain.test', undefined],
    ['ELSEWHERE', 'alice', 'DOMAIN or domain.test'],
  ])('of a refusal of %s\\%s', (domain, username, own) => {
    const credentials = Credentials.fromPassword({ username, domain, password: 'x' });
    expect(refusedBy({ credentials }).message).toBe(`${REFUSED}${own === undefined ? '' : `; the domain given is not the server's, which is ${own}`}`);
  });

  test('of a refusal by one who names itself at length, in what steers a terminal, or not at all', () => {
    const credentials = Credentials.fromPassword({ username: 'alice', domain: 'ELSEWHERE', password: 'x' });
    const named = (name: string, targetInfo: readonly AvPair[] = []) => ({ ...decodeChallenge(challengeToken({ targetInfo })), targetName: name });
    expect(refusedBy({ credentials, challenge: named('é\u001b'.repeat(50)) }).message).toBe(`${REFUSED}; the domain given is not the server's, which is ${'?'.repeat(64)}`);
    expect(refusedBy({ credentials, challenge: named('', []) }).message).toBe(REFUSED);
    const machine = [avText(AvId.MsvAvNbComputerName, 'SERVER'), avText(AvId.MsvAvDnsComputerName, 'SERVER')];
    expect(refusedBy({ credentials, challenge: named('', machine) }).message).toBe(`${REFUSED}; the domain given is not the server's, which is SERVER`);
  });

  test('of a ticket tell of clocks that are too far apart, and of nothing else', () => {
    const at = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();
    expect(refusal.withClock(before, at(1000)).message).toMatch(/^the ticket was refused; its clock is (999|1000) seconds ahead of ours, and tickets allow 300$/);
    expect(refusal.withClock(before, at(-1000))).toMatchObject({ code: 'ticket-refused', phase: 'transport', side: 'peer', message: expect.stringContaining('seconds behind ours') as string });
    for (const date of [undefined, at(0), 'yesterday']) expect(refusal.withClock(before, date)).toBe(before);
    const late = error('timed-out', 'late');
    expect(refusal.withClock(late, at(1000))).toBe(late);
  });

  test('of lists and of servers', () => {
    expect([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(listed)).toEqual(['nothing', 'a', 'a and b', 'a, b and c']);
    expect(doesNotOffer('the server', ['Basic'])).toBe('the server does not offer NTLM, but Basic only');
    expect(closesConnection('the proxy')).toBe('the proxy closes the connection behind its answer, and NTLM needs one connection from type 1 to type 3');
    expect(doesNotCarryOut('the proxy')).toMatch(/^the proxy names NTLM and does not carry it out: /);
  });

  test('of a function that gives no credentials', async () => {
    const question = { origin: 'http://a', side: 'server', scheme: 'NTLM', attempt: 1, reason: undefined } as const;
    for (const nothing of ['alice', null, 7]) {
      await expect(sourceOf(() => nothing as never, 'credentials').ask(question)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
    expect(await sourceOf(() => undefined, 'credentials').ask(question)).toBeUndefined();
  });

  test('of what is no source of credentials', () => {
    const message = '"credentials" must be Credentials or a function that returns them';
    expect(() => sourceOf('alice' as never, 'credentials')).toThrow(expect.objectContaining({ code: 'invalid-argument', message }));
    expect(() => whoOf({ credentials: 'alice' as never }, 'proxy.')).toThrow(expect.objectContaining({ message: message.replace('"', '"proxy.') }));
    expect(() => whoOf({ credentials: () => undefined, negotiate: {} as never })).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: '"negotiate" must be what kerberos() of ntlmachine/kerberos gives' }),
    );
  });
});

test.each([
  [300, undefined],
  [300.4, undefined],
  [301, { seconds: 301, way: 'ahead of' }],
  [-301, { seconds: 301, way: 'behind' }],
  [Number.NaN, undefined],
])('clocks %s seconds apart', (seconds, skew) => {
  expect(skewOf(seconds)).toEqual(skew);
});
