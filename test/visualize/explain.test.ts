import { credentialsWithLmHash, lm, ntlm2Session, ntlmv1 } from '../../src/legacy/index.ts';
import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials, createNtlmActor, type NtlmOptions } from '../../src/index.ts';
import { AvId, NegotiateFlags as F, avText, decodeAuthenticate, encodeAuthenticate } from '../../src/messages/index.ts';
import { explain, trace, verifyTokens, type Cause, type ExchangeTokens } from '../../src/visualize/index.ts';
import { GENEROUS, NAMES, TIMESTAMP, challengeToken } from '../support/handshake.ts';

const credentials = credentialsWithLmHash({ username: 'User', domain: 'DOMAIN', password: 'Password' });
const SECONDS = 10_000_000n;

function exchange(challenge: Uint8Array, options: Partial<NtlmOptions> = {}): ExchangeTokens & { authenticate: Uint8Array; challenge: Uint8Array; negotiate: Uint8Array } {
  const actor = createNtlmActor({ credentials, policy: 'ntlmv2-compatible', channelBindings: { hash: new Uint8Array(16).fill(1) }, ...options });
  actor.send({ type: 'negotiate' });
  const negotiate = actor.getSnapshot().context.token!;
  actor.send({ type: 'challenge', token: challenge });
  return { negotiate, challenge, authenticate: actor.getSnapshot().context.token!, outcome: 'rejected' };
}
const causes = (tokens: ExchangeTokens, options?: Parameters<typeof explain>[1]): readonly Cause['id'][] => explain(tokens, options).causes.map(({ id }) => id);
const cause = (id: Cause['id'], tokens: ExchangeTokens, options?: Parameters<typeof explain>[1]) => explain(tokens, options).causes.find((one) => one.id === id);

describe('the likely causes of a 401', () => {
  const sound = exchange(challengeToken());

  test('where nothing else is wrong the password is left', () => {
    expect(causes(sound)).toEqual(['wrong-password', 'account-unusable', 'spn-absent', 'clock-skew']);
    expect(explain(sound).causes.map(({ likelihood }) => likelihood)).toEqual(['likely', 'possible', 'possible', 'unseen']);
    expect(explain(sound).sentence).toBe('The server refused a well-formed response of "DOMAIN\\User" (401 after type 3): most likely the password is wrong, or the account is locked, disabled, unknown, expired (or its password is), or may not log on here.');
  });

  test('after success there is none', () => {
    expect(causes({ ...sound, outcome: 'accepted' })).toEqual([]);
  });

  test('a clock that is off, in seconds', () => {
    const time = Date.UTC(2017, 4, 23, 20, 13, 7) + 7_200_000;
    expect(cause('clock-skew', { ...sound, time })).toMatchObject({ summary: "the clocks are 7200 seconds apart: the server's is behind the client's" });
    expect(causes({ ...sound, time: time - 7_200_000 })).not.toContain('clock-skew');
  });

  test('a response dated otherwise than the challenge', () => {
    const without = exchange(challengeToken({ targetInfo: NAMES }), { now: () => TIMESTAMP - 900n * SECONDS });
    expect(cause('clock-skew', { ...without, challenge: sound.challenge })).toMatchObject({
      likelihood: 'likely',
      summary: "the clocks are 900 seconds apart: the server's is ahead of the client's",
    });
  });

  test('no MIC although the challenge has a timestamp', () => {
    const without = exchange(challengeToken({ targetInfo: NAMES }));
    expect(causes({ ...without, challenge: sound.challenge })).toContain('mic-absent');
    expect(causes(sound)).not.toContain('mic-absent');
  });

  test('no channel bindings: possible over TLS, not to be seen where nobody knows, out of the question without', () => {
    const unbound = exchange(challengeToken(), { channelBindings: undefined });
    expect(cause('channel-bindings-absent', unbound, { tls: true })?.likelihood).toBe('possible');
    expect(cause('channel-bindings-absent', unbound)?.likelihood).toBe('unseen');
    expect(causes(unbound, { tls: false })).not.toContain('channel-bindings-absent');
  });

  test.each([ntlmv1, ntlm2Session, lm])('a response of policy %s', (policy) => {
    const flags = policy === ntlm2Session ? GENEROUS : GENEROUS & ~F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
    expect(causes(exchange(challengeToken({ flags: flags >>> 0 }), { policy }))[0]).toBe('weak-response');
  });

  test('the anonymous user', () => {
    expect(causes(exchange(challengeToken(), { credentials: Credentials.anonymous() }))[0]).toBe('anonymous');
  });

  test('an account of another domain, and none', () => {
    const other = Credentials.fromPassword({ username: 'User', domain: 'ELSEWHERE', password: 'x' });
    expect(cause('domain-mismatch', exchange(challengeToken(), { credentials: other }))?.evidence).toBe(
      'the user is of "ELSEWHERE", the server is of "DOMAIN", "domain.test", "SERVER", "server.domain.test"',
    );
    const none = Credentials.fromPassword({ username: 'User', password: 'x' });
    expect(causes(exchange(challengeToken(), { credentials: none }))).not.toContain('domain-mismatch'); // servers look for it themselves
  });

  test('a service name of another host', () => {
    expect(cause('spn-mismatch', exchange(challengeToken(), { spn: 'HTTP/alias.test' }))?.evidence).toContain('"HTTP/alias.test"');
    expect(causes(exchange(challengeToken(), { spn: 'HTTP/Server.domain.test:8080' }))).not.toContain('spn-mismatch');
  });

  test('a name beyond ASCII in an OEM charset', () => {
    const message = decodeAuthenticate(sound.authenticate);
    const oem = encodeAuthenticate({ ...message, negotiateFlags: (message.negotiateFlags & ~F.NEGOTIATE_UNICODE) >>> 0, userName: 'Jürgen' });
    expect(causes({ ...sound, authenticate: oem })).toContain('charset');
  });

  test('a NEGOTIATE without a Version and no challenge in return', () => {
    expect(causes({ negotiate: sound.negotiate.slice(0, 32) })).toContain('short-negotiate');
  });

  test('with the credentials at hand it is certain', () => {
    const wrong = Credentials.fromPassword({ username: 'User', domain: 'DOMAIN', password: 'other' });
    const verdicts = verifyTokens({ ...sound, credentials: wrong });
    expect(explain(sound, { verdicts }).causes[0]).toMatchObject({ id: 'wrong-password', likelihood: 'certain' });
    const altered = sound.challenge.slice();
    altered[52] = 1; // Version.Reserved
    const micVerdicts = verifyTokens({ ...sound, challenge: altered, credentials });
    expect(explain({ ...sound, challenge: altered }, { verdicts: micVerdicts }).causes).toEqual([expect.objectContaining({ id: 'mic-mismatch', likelihood: 'certain' })]);
  });

  test('comes in the order of likelihood, what has evidence before the password', () => {
    const many = exchange(challengeToken(), { channelBindings: undefined, spn: 'HTTP/alias.test', credentials: Credentials.fromPassword({ username: 'u', domain: 'ELSEWHERE', password: 'p' }) });
    expect(causes(many, { tls: true })).toEqual(['domain-mismatch', 'wrong-password', 'channel-bindings-absent', 'spn-mismatch', 'account-unusable', 'clock-skew']);
  });
});

describe('a trace explained', () => {
  function traced(challenge: (negotiate: Uint8Array) => Uint8Array, verdict?: 'accepted' | 'rejected') {
    const actor = createNtlmActor({ credentials });
    const tracer = trace(actor);
    actor.send({ type: 'negotiate' });
    actor.send({ type: 'challenge', token: challenge(actor.getSnapshot().context.token!) });
    if (verdict !== undefined) actor.send({ type: verdict });
    return explain(tracer.toJSON());
  }

  test('a refusal of our own is the only cause, with its evidence', () => {
    const flags = (GENEROUS & ~F.NEGOTIATE_EXTENDED_SESSIONSECURITY) >>> 0;
    const { outcome, causes: found, refused } = traced(() => challengeToken({ flags }));
    expect(outcome).toBe('refused');
    expect(found).toEqual([expect.objectContaining({ id: 'refused-here', likelihood: 'certain', evidence: expect.stringContaining('downgrade-refused') })]);
    expect(refused.join(' ')).toContain('NTLMSSP_NEGOTIATE_EXTENDED_SESSIONSECURITY');
  });

  test('a broken challenge is named with its offset', () => {
    const { causes: found } = traced(() => challengeToken().subarray(0, 40));
    expect(found.map(({ id }) => id)).toEqual(['refused-here', 'malformed']);
    expect(found[1]?.evidence).toContain('byte 12');
  });

  test('what was negotiated, though the responses are masked', () => {
    const { outcome, negotiated } = traced((negotiate) => new NtlmAcceptor({ credentials }).challenge(negotiate), 'accepted');
    expect(outcome).toBe('accepted');
    expect(negotiated).toContain('The client answers as "DOMAIN\\User" with an NTLMv2 response.');
    expect(negotiated).toContain('A MIC protects the three messages.');
  });

  test('names of the server are quoted and escaped', () => {
    const targetInfo = [avText(AvId.MsvAvNbDomainName, 'D'), avText(AvId.MsvAvNbComputerName, 'a\u001b[31m')];
    expect(traced(() => challengeToken({ targetInfo })).negotiated[0]).toContain('"a\\u001b[31m"');
  });
});
