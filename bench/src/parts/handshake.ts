/** Part 1: a handshake by functions alone, warm, from no header to the header of type 3. */
import { Credentials } from 'ntlmachine';
import { decodeChallenge, encodeNegotiate } from 'ntlmachine/messages';
// The functions that the machine's services wrap; they have no public name of their own.
import { authenticate } from '../../../dist/machine/authenticate.js';
import { resolveOptions, type ResolvedOptions } from '../../../dist/machine/options.js';
import { requestedFlags } from '../../../dist/machine/flags.js';
import { libntlm } from '../libntlm.ts';
import { measure, type Contender, type MeasureOptions } from '../measure.ts';
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

const ours: readonly HandshakePeer[] = [
  { name: 'ntlmachine', note: 'NTLMv2, MIC, SPN, channel bindings', handshake: () => handshake(full, credentials) },
  { name: 'ntlmachine, no options', note: 'NTLMv2, MIC', handshake: () => handshake(bare, credentials) },
  {
    name: 'ntlmachine, password each time',
    note: 'as the first, credentials hashed anew',
    handshake: () => handshake(full, Credentials.fromPassword(account)),
  },
];

/** The npm peers as contenders, each one's answer verified first. */
export function peerContenders(): Contender[] {
  return [...peers].map(contender);
}

function contender({ name, note, handshake: once }: HandshakePeer): Contender {
  const [negotiate, authenticated] = once();
  assertRight(
    name,
    { negotiate: tokenOf(negotiate), authenticate: tokenOf(authenticated) },
    { mic: note.includes('MIC'), channelBindings: note.includes('channel bindings') },
  );
  return {
    name,
    note,
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) once();
    },
  };
}

export async function handshakePart(options: MeasureOptions): Promise<Section> {
  const native = await libntlm();
  const contenders = [...ours.map(contender), ...peerContenders(), ...(native === undefined ? [] : [native])];
  const results = await measure(contenders, options);
  const median = (name: string): number => results.find((result) => result.name === name)?.median ?? Number.NaN;
  const fastestPeer = Math.min(...peers.map(({ name }) => median(name)));
  return {
    id: 'handshake',
    title: 'Handshake, functions only',
    method:
      'From no header to the header of type 3: type 1, a strict decode of the challenge, type 3. The same challenge, ' +
      'names and password for all; every answer was verified before the clock ran. ' +
      `Median of ${options.rounds} rounds, interleaved in one process, each in another order.`,
    tables: [table(['who', 'does', 'median', 'quartiles'], results.map(timeRow))],
    goals: [
      {
        what: "against the fastest npm peer's time",
        result: median('ntlmachine') / fastestPeer,
        limit: 0.7,
        unit: 'times',
      },
      { what: "against httpntlm's time", result: median('ntlmachine') / median('httpntlm'), limit: 0.25, unit: 'times' },
    ],
    remarks: native === undefined ? ['libntlm was not measured: no C compiler or no libntlm0-dev.'] : [],
  };
}

export function timeRow({ name, note, median, quartiles: [low, high] }: Awaited<ReturnType<typeof measure>>[number]): string[] {
  return [name, note ?? '', microseconds(median), `${microseconds(low)} to ${microseconds(high)}`];
}
