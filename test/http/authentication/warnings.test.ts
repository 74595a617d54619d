/** Refusals of our own options are said once, with what would allow them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NtlmError, type NtlmErrorCode } from '../../../src/errors.ts';
import { warnOfFallback, warnOfOurs, withoutWarnings } from '../../../src/http/authentication/warnings.ts';
import { NegotiateFlags as F } from '../../../src/messages/index.ts';
import { everyCarrier } from '../support/carriers.ts';
import { HostilePeer, ntlm, reply } from '../support/hostile.ts';
import { GENEROUS, challengeToken } from '../../support/handshake.ts';
import { ALICE, Origin, WRONG } from '../support/origin.ts';

const seen: { readonly name: string; readonly code: unknown; readonly message: string }[] = [];
const note = (warning: Error & { code?: unknown }): void => void seen.push({ name: warning.name, code: warning.code, message: warning.message });
beforeEach(() => void process.on('warning', note));
afterEach(() => {
  process.off('warning', note);
  seen.length = 0;
});
const told = async (): Promise<typeof seen> => {
  await new Promise((resolve) => setTimeout(resolve, 20));
  return seen.filter(({ name }) => name === 'NtlmWarning');
};

test.each(everyCarrier)('%s: an origin that is not allowed, once', async (_name, carrier) => {
  await using origin = await Origin.listen();
  for (let client = 1; client <= 2; client += 1) {
    await using refusing = carrier.open({ credentials: ALICE, allow: 'http://elsewhere.example' });
    for (let call = 1; call <= 2; call += 1) expect((await refusing.request(origin.url)).status).toBe(401);
  }
  const warnings = await told();
  const why = `${origin.url} asks for NTLM and is not among the origins of "allow"`;
  expect(warnings).toEqual([{ name: 'NtlmWarning', code: 'origin-refused', message: `no NTLM for ${origin.url}: ${why}; "allow" lets it: allow: ["${origin.url}"]` }]);
});

const refusal = (code: NtlmErrorCode, message: string, phase: NtlmError['phase'] = 'transport') => new NtlmError(message, { code, phase, side: 'local' });

test('are in visible ASCII, once for each code and origin; what is shown otherwise is no warning', async () => {
  const lost = 'a weaker "policy" lets it, at a price: those of ntlmachine/legacy can be cracked';
  warnOfOurs(refusal('downgrade-refused', 'x\u001b[2Jé~'), 'http://one');
  warnOfOurs(refusal('downgrade-refused', 'again'), 'http://one');
  warnOfOurs(refusal('charset-refused', 'y'), 'http://one');
  warnOfOurs(refusal('downgrade-refused', 'ntlm: false', 'kerberos'), 'http://two');
  warnOfOurs(refusal('timed-out', 'z'), 'http://two');
  const end = withoutWarnings('http://three');
  warnOfOurs(refusal('downgrade-refused', 'hidden'), 'http://three');
  end();
  warnOfOurs(refusal('downgrade-refused', 'shown'), 'http://three');
  warnOfFallback(refusal('no-ticket', 'no ticket'), 'http://one');
  warnOfFallback(refusal('no-ticket', 'again'), 'http://one');
  expect((await told()).map(({ code, message }) => [code, message])).toEqual([
    ['downgrade-refused', `no NTLM for http://one: x?[2J?~; ${lost}`],
    ['charset-refused', 'no NTLM for http://one: y; "unicode: true", the default, lets it where Unicode is granted'],
    ['downgrade-refused', `no NTLM for http://three: shown; ${lost}`],
    ['no-ticket', 'NTLM in place of what was to go first, for http://one: no ticket'],
  ]);
});

test.each([
  ['downgrade-refused', { flags: (GENEROUS & ~F.NEGOTIATE_EXTENDED_SESSIONSECURITY) >>> 0 }, '"policy"'],
  ['charset-refused', { flags: (GENEROUS & ~F.NEGOTIATE_OEM) >>> 0 }, '"unicode: true"'],
] as const)('%s names what allows it', async (code, challenge, option) => {
  await using peer = await HostilePeer.listen(({ socket, message }) => {
    socket.write(reply({ challenge: message === 'none' ? 'NTLM' : ntlm(challengeToken(challenge)) }));
  });
  await using client = everyCarrier[0]![1].open({ credentials: ALICE, unicode: code !== 'charset-refused' });
  expect((await client.request(peer.url)).status).toBe(401);
  expect(await told()).toEqual([expect.objectContaining({ code, message: expect.stringContaining(option) as string })]);
});

test('what the server refuses is no warning', async () => {
  await using origin = await Origin.listen();
  await using client = everyCarrier[0]![1].open({ credentials: WRONG });
  expect((await client.request(origin.url)).status).toBe(401);
  expect(await told()).toEqual([]);
});

test('are a hundred at most', async () => {
  const before = seen.length;
  for (let n = 0; n < 120; n += 1) warnOfOurs(refusal('charset-refused', 'x'), `http://${n}.example`);
  const warnings = await told();
  expect(warnings.length - before).toBeGreaterThan(80);
  warnOfOurs(refusal('charset-refused', 'x'), 'http://one.more.example');
  expect((await told()).length).toBe(warnings.length);
});
