/** Part 4: messages signed and sealed after the handshake. */
import { SessionKey } from 'ntlmachine';
import { NegotiateFlags as F } from 'ntlmachine/messages';
import { NtlmSession } from 'ntlmachine/session';
import { gssWrap } from '../gss.ts';
import { measure, type Contender, type MeasureOptions, type Measurement } from '../measure.ts';
import { figure, microseconds, table, type Goal, type Section } from '../section.ts';

const SIZES = [64, 1024, 65_536] as const;
const SEALED =
  F.NEGOTIATE_SIGN |
  F.NEGOTIATE_SEAL |
  F.NEGOTIATE_ALWAYS_SIGN |
  F.NEGOTIATE_EXTENDED_SESSIONSECURITY |
  F.NEGOTIATE_128 |
  F.NEGOTIATE_KEY_EXCH;

function session(side: 'client' | 'server'): NtlmSession {
  const sessionKey = new SessionKey(new Uint8Array(16).fill(0x55));
  return NtlmSession.fromHandshake({ sessionKey, negotiateFlags: SEALED >>> 0, side });
}

const GOALS = [
  { size: 1024, name: '1 KiB', limit: 2.3 },
  { size: 65_536, name: '64 KiB', limit: 0.65 },
] as const;

function goal(medians: ReadonlyMap<string, number>, size: number, name: string, limit: number): Goal {
  const [theirs = Number.NaN, own = Number.NaN] = ['python3-gssapi wrap', 'NtlmSession.wrap'].map((who) => medians.get(`${who} ${size}`));
  const what = `sealing ${name}, throughput against python3-gssapi's`;
  return { what, result: theirs / own, limit, atLeast: true, unit: 'times' };
}

/** The message between a header and a trailer that are signed only, as DCE/RPC has it. */
function inParts(size: number): Contender {
  const part = (length: number, sealed: boolean) => ({ bytes: new Uint8Array(length).fill(0x61), sealed });
  const parts = [part(24, false), part(size, true), part(8, false)];
  const client = session('client');
  return {
    name: 'NtlmSession.seal, in parts',
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) client.seal(parts);
    },
  };
}

function ours(size: number): Contender {
  const message = new Uint8Array(size).fill(0x61);
  const [client, server] = [session('client'), session('server')];
  const opened = server.unwrap(client.wrap(message));
  if (Buffer.compare(opened, message) !== 0) throw new Error('the session does not open what it seals');
  return {
    name: 'NtlmSession.wrap',
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) client.wrap(message);
    },
  };
}

export async function sealingPart(options: MeasureOptions): Promise<Section> {
  const rows: string[][] = [];
  const medians = new Map<string, number>();
  let native = true;
  for (const size of SIZES) {
    const gss = await gssWrap(size);
    native = gss !== undefined;
    const results = await measure([ours(size), inParts(size), ...(gss === undefined ? [] : [gss])], options);
    for (const result of results) medians.set(`${result.name} ${size}`, result.median);
    rows.push(...results.map((result) => row(size, result)));
  }
  return {
    id: 'sealing',
    title: 'Sealing',
    method:
      'Messages sealed and signed under extended session security with a 128-bit key; processor time. ' +
      `Median of ${options.rounds} interleaved rounds.`,
    tables: [table(['message', 'who', 'each', 'throughput'], rows)],
    goals: native ? GOALS.map(({ size, name, limit }) => goal(medians, size, name, limit)) : [],
    remarks: native ? [] : ['python3-gssapi was not measured: it or gss-ntlmssp is not installed.'],
  };
}

function row(size: number, { name, median }: Measurement): string[] {
  return [size < 1024 ? `${size} B` : `${size / 1024} KiB`, name, microseconds(median), `${figure((size * 1000) / median)} MB/s`];
}
