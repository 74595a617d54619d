/** Both ends of this library, with whatever credentials, options and demands: the right ones agree, a wrong one is refused. */
import { credentialsWithLmHash, lm, lmAndNtlmv1 } from '../../src/legacy/index.ts';
import { allPolicies, nameOf } from '../support/policies.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NtlmAcceptor, type VerifyResult } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, type NtlmOptions, type Policy } from '../../src/index.ts';
import { MIC_OFFSET } from '../../src/messages/index.ts';
import { bytes, unicodeText, version } from '../support/arbitraries.ts';

const ascii = fc.string({ maxLength: 14, unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)) });

const unicodeName = unicodeText().filter((name) => !/[\0-\x1f\x7f]/.test(name));

/** Names and a password that the charset of the handshake can carry. */
const account = (unicode: boolean, policy: Policy) => {
  const name = unicode ? unicodeName : ascii;
  const hasLmHash = policy === lm || policy === lmAndNtlmv1;
  return fc
    .record({
      username: name.filter((username) => username !== ''),
      domain: name,
      password: hasLmHash ? ascii : unicodeText(40),
      workstation: name,
    })
    .filter(isTaken);
};

/** What `Credentials` refuse as surely meant otherwise. */
const isTaken = ({ username, domain, password }: Record<'username' | 'domain' | 'password', string>): boolean =>
  !/[\r\n]$/.test(password) && !(username.includes('\\') && domain !== '');

const world = fc
  .record({
    policy: fc.constantFrom(...allPolicies),
    unicode: fc.boolean(),
    requestTarget: fc.boolean(),
    sessionSecurity: fc.constantFrom('none', 'sign', 'seal'),
    timestamp: fc.boolean(),
    spn: fc.option(unicodeName, { nil: undefined }),
    channel: fc.option(bytes(16), { nil: undefined }),
    version: fc.oneof(version, fc.constant(false as const)),
  })
  .chain((choices) => fc.record({ choices: fc.constant(choices), account: account(choices.unicode, choices.policy) }));

type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

const credentialsOf = ({ choices: { policy }, account: { username, domain, password } }: World, first = ''): Credentials =>
  (policy === lm || policy === lmAndNtlmv1 ? credentialsWithLmHash : Credentials.fromPassword)({
    username,
    domain,
    password: first + password.slice(first.length),
  });

const optionsOf = ({ choices, account: { workstation } }: World, credentials: Credentials): NtlmOptions => {
  const { timestamp: _, channel, ...options } = choices;
  return { ...options, credentials, workstation, channelBindings: channel && { hash: channel } };
};

async function run(
  it: World,
  { client: own = credentialsOf(it), alter = (type3: Uint8Array) => type3, demands = {} } = {},
): Promise<{ client: NtlmClient; verdict: VerifyResult }> {
  const { policy, timestamp, channel } = it.choices;
  const client = new NtlmClient(optionsOf(it, own));
  const acceptor = new NtlmAcceptor({
    credentials: credentialsOf(it),
    policy,
    timestamp,
    channelBindings: channel && { hash: channel },
    ...demands,
  });
  const type3 = client.respond(acceptor.challenge(client.negotiate()));
  return { client, verdict: await acceptor.authenticate(alter(type3)) };
}

describe('client and acceptor', () => {
  it('agree on who it is and on the session key, for all credentials, flags and policies', () =>
    fc.assert(
      fc.asyncProperty(world, async (it) => {
        const { client, verdict } = await run(it);
        expect(verdict).toMatchObject({
          ok: true,
          identity: { username: it.account.username, domain: it.account.domain, workstation: it.account.workstation },
          response: it.choices.policy === 'ntlmv2-compatible' ? 'ntlmv2' : expect.any(String),
          negotiateFlags: client.negotiateFlags,
        });
        if (!verdict.ok) return;
        const isV2 = nameOf(it.choices.policy).startsWith('ntlmv2');
        expect(verdict.mic).toBe(isV2 && it.choices.timestamp);
        expect(verdict.channelBindings).toBe(isV2 && it.choices.channel !== undefined);
        expect([...client.sessionKey!.bytes()]).toEqual([...verdict.sessionKey.bytes()]);
      }),
      { numRuns: 400 },
    ));

  it('disagree on any other password', () =>
    fc.assert(
      fc.asyncProperty(world, async (it) => {
        const { policy } = it.choices;
        // LM knows neither case nor what lies beyond 14 characters, so the change is a character of its own.
        const wrong = credentialsOf(it, it.account.password.startsWith('~') ? '#' : '~');
        const { verdict } = await run(it, { client: wrong });
        expect(verdict, nameOf(policy)).toMatchObject({ ok: false, reason: 'wrong-credentials' });
      }),
      { numRuns: 200 },
    ));

  it('disagree on a response that carries a MIC once any of its bits is turned', () =>
    fc.assert(
      fc.asyncProperty(world, fc.nat(), async (it, at) => {
        fc.pre(nameOf(it.choices.policy).startsWith('ntlmv2') && it.choices.timestamp);
        const { verdict } = await run(it, {
          alter: (type3) => {
            const altered = type3.slice();
            const bit = at % (altered.length * 8);
            altered[bit >> 3]! ^= 1 << (bit & 7);
            return altered;
          },
        });
        expect(verdict.ok).toBe(false);
      }),
      { numRuns: 300 },
    ));

  it('disagree where the acceptor demands a MIC that no timestamp asked for', () =>
    fc.assert(
      fc.asyncProperty(world, async (it) => {
        const { verdict } = await run(it, { demands: { requireMic: true } });
        const sent = nameOf(it.choices.policy).startsWith('ntlmv2') && it.choices.timestamp;
        expect(verdict).toMatchObject(sent ? { ok: true } : { ok: false, reason: 'mic-missing' });
      }),
      { numRuns: 100 },
    ));

  it('disagree on a MIC of zeros', () =>
    fc.assert(
      fc.asyncProperty(world, async (it) => {
        fc.pre(nameOf(it.choices.policy).startsWith('ntlmv2') && it.choices.timestamp);
        const { verdict } = await run(it, { alter: (type3) => type3.slice().fill(0, MIC_OFFSET, MIC_OFFSET + 16) });
        expect(verdict).toMatchObject({ ok: false, reason: 'mic-mismatch' });
      }),
      { numRuns: 50 },
    ));
});
