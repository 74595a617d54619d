/** Part 4: messages signed and sealed after the handshake. */
import { SessionKey } from 'ntlmachine';
import { NegotiateFlags as F } from 'ntlmachine/messages';
import { NtlmSession } from 'ntlmachine/session';
import { gssWrap } from '../gss.ts';
import { measure, type Contender, type MeasureOptions, type Measurement } from '../measure.ts';
import { figure, microseconds, table, type Section } from '../section.ts';

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
    const results = await measure([ours(size), ...(gss === undefined ? [] : [gss])], options);
    for (const result of results) medians.set(`${result.name} ${size}`, result.median);
    rows.push(...results.map((result) => row(size, result)));
  }
  const goal = medians.get('python3-gssapi wrap 1024');
  const own = medians.get('NtlmSession.wrap 1024') ?? Number.NaN;
  return {
    id: 'sealing',
    title: 'Sealing',
    method:
      'Messages sealed and signed under extended session security with a 128-bit key; processor time. ' +
      `Median of ${options.rounds} interleaved rounds.`,
    tables: [table(['message', 'who', 'each', 'throughput'], rows)],
    goals:
      goal === undefined
        ? []
        : [{ what: "sealing 1 KiB, throughput against python3-gssapi's", result: goal / own, limit: 1, atLeast: true, unit: 'times' }],
    remarks: native ? [] : ['python3-gssapi was not measured: it or gss-ntlmssp is not installed.'],
  };
}

function row(size: number, { name, median }: Measurement): string[] {
  return [size < 1024 ? `${size} B` : `${size / 1024} KiB`, name, microseconds(median), `${figure((size * 1000) / median)} MB/s`];
}
