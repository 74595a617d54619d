/** Part 1: a handshake by functions alone, warm, from no header to the header of type 3. */
// The functions that the machine's services wrap have no public name of their own: all are taken from before they are bundled.
import { Credentials } from '../../../.build/crypto/credentials.js';
import { authenticate } from '../../../.build/machine/authenticate.js';
import { requestedFlags } from '../../../.build/machine/flags.js';
import { resolveOptions, type ResolvedOptions } from '../../../.build/machine/options.js';
import { decodeChallenge, encodeNegotiate } from '../../../.build/messages/index.js';
import { libntlm } from '../libntlm.ts';
import { measure, type Contender, type Makers, type MeasureOptions, type Measurement } from '../measure.ts';
import { peers, type HandshakePeer } from '../peers.ts';
import { account, challenge, channelBindings, spn, workstation } from '../scenario.ts';
import { microseconds, table, type Section } from '../section.ts';
import { assertRight, tokenOf } from '../verify.ts';

const credentials = Credentials.fromPassword(account);
const header = `NTLM ${Buffer.from(challenge).toString('base64')}`;

function handshake(options: ResolvedOptions, by: Credentials): readonly [string, string] {
  const negotiateToken = encodeNegotiate({ negotiateFlags: requestedFlags(options), version: options.version });
  const challengeToken = Buffer.from(header.slice('NTLM '.length), 'base64');
  const { token } = authenticate({
    options,
    credentials: by,
    negotiateToken,
    challengeToken,
    challenge: decodeChallenge(challengeToken),
  });
  return [headerOf(negotiateToken), headerOf(token)];
}

function headerOf(token: Uint8Array): string {
  return `NTLM ${Buffer.from(token.buffer, token.byteOffset, token.length).toString('base64')}`;
}

const full = resolveOptions({ credentials, workstation, spn, channelBindings });
const bare = resolveOptions({ credentials, workstation });

const OURS = 'ntlmachine';
const NATIVE = 'libntlm (C)';
const ours: Readonly<Record<string, () => HandshakePeer>> = {
  [OURS]: () => ({ note: 'NTLMv2, MIC, SPN, channel bindings', handshake: () => handshake(full, credentials) }),
  [`${OURS}, no options`]: () => ({ note: 'NTLMv2, MIC', handshake: () => handshake(bare, credentials) }),
  [`${OURS}, password each time`]: () => ({
    note: 'as the first, credentials hashed anew',
    handshake: () => handshake(full, Credentials.fromPassword(account)),
  }),
};

/** Each one's answer is verified first. */
function contender(name: string, { note, handshake: once }: HandshakePeer): Contender {
  const [negotiate, authenticated] = once();
  assertRight(
    name,
    { negotiate: tokenOf(negotiate), authenticate: tokenOf(authenticated) },
    { mic: note.includes('MIC'), channelBindings: note.includes('channel bindings') },
  );
  return {
    note,
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) once();
    },
  };
}

const makersOf = (table: Readonly<Record<string, () => HandshakePeer>>): Makers =>
  Object.fromEntries(Object.entries(table).map(([name, load]) => [name, () => contender(name, load())]));

export const peerMakers: Makers = makersOf(peers);
export const makers: Makers = { ...makersOf(ours), ...peerMakers, [NATIVE]: libntlm };

/** How often the time of the fastest npm peer `name` takes. */
export function againstPeers(results: readonly Measurement[], name: string, by: 'fastest' | 'processor'): number {
  const peer = Math.min(...results.filter((result) => result.name in peers).map((result) => result[by]));
  return timeOf(results, name, by) / peer;
}

export function timeOf(results: readonly Measurement[], name: string, by: 'fastest' | 'processor'): number {
  return results.find((result) => result.name === name)?.[by] ?? Number.NaN;
}

export async function handshakePart(options: MeasureOptions): Promise<Section> {
  const results = await measure('handshake', Object.keys(makers), options);
  return {
    id: 'handshake',
    title: 'Handshake, functions only',
    method:
      'From no header to the header of type 3: type 1, a strict decode of the challenge, type 3. The same challenge, ' +
      'names and password for all; every answer was verified before the clock ran. ' +
      timing(options),
    tables: [table(TIMES, results.map(timeRow))],
    goals: [
      { what: "against the fastest npm peer, fastest slices", result: againstPeers(results, OURS, 'fastest'), limit: 0.7, unit: 'times' },
      { what: "against the fastest npm peer, processor time", result: againstPeers(results, OURS, 'processor'), limit: 0.62, unit: 'times' },
      { what: "against httpntlm, fastest slices", result: timeOf(results, OURS, 'fastest') / timeOf(results, 'httpntlm', 'fastest'), limit: 0.25, unit: 'times' },
    ],
    remarks: results.some(({ name }) => name === NATIVE) ? [] : ['libntlm was not measured: no C compiler or no libntlm0-dev.'],
  };
}

export const TIMES = ['who', 'does', 'fastest slices', 'all processor time'];

export function timeRow({ name, note, fastest, processor }: Measurement): string[] {
  return [name, note ?? '', microseconds(fastest), microseconds(processor)];
}

export function timing({ rounds }: MeasureOptions): string {
  return (
    `Each in a process of its own, ${rounds} turns each, one after the other, in another order each round. Of each turn's ` +
    'slices the fastest twentieth tells what the work costs undisturbed; the processor time is that of the whole run.'
  );
}
