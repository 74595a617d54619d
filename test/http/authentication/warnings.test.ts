/** Refusals of our own options are said once, with what would allow them. */
import { afterEach, beforeEach, expect, test } from 'vitest';
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
  expect(warnings).toEqual([expect.objectContaining({ code: 'origin-refused', message: expect.stringContaining(`allow: ["${origin.url}"]`) as string })]);
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
