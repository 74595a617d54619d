/** Part 4: messages signed and sealed after the handshake. */
import { SessionKey } from 'ntlmachine';
import { NegotiateFlags as F } from 'ntlmachine/messages';
import { NtlmSession } from 'ntlmachine/session';
import { gssWrap } from '../gss.ts';
import { measure, type Contender, type Makers, type MeasureOptions, type Measurement } from '../measure.ts';
import { figure, microseconds, table, type Goal, type Section } from '../section.ts';
import { timeOf, timing } from './handshake.ts';

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

function goal(results: readonly Measurement[], size: number, name: string, limit: number): Goal {
  const result = timeOf(results, `${NATIVE} ${size}`, 'fastest') / timeOf(results, `${OURS} ${size}`, 'fastest');
  return { what: `sealing ${name}, throughput against python3-gssapi's`, result, limit, atLeast: true, unit: 'times' };
}

/** The message between a header and a trailer that are signed only, as DCE/RPC has it. */
function inParts(size: number): Contender {
  const part = (length: number, sealed: boolean) => ({ bytes: new Uint8Array(length).fill(0x61), sealed });
  const parts = [part(24, false), part(size, true), part(8, false)];
  const client = session('client');
  return {
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
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) client.wrap(message);
    },
  };
}

const OURS = 'NtlmSession.wrap';
const NATIVE = 'python3-gssapi wrap';

export const makers: Makers = Object.fromEntries(
  SIZES.flatMap((size) => [
    [`${OURS} ${size}`, () => ours(size)],
    [`NtlmSession.seal, in parts ${size}`, () => inParts(size)],
    [`${NATIVE} ${size}`, () => gssWrap(size)],
  ]),
);

export async function sealingPart(options: MeasureOptions): Promise<Section> {
  const results = await measure('sealing', Object.keys(makers), options);
  const native = results.some(({ name }) => name.startsWith(NATIVE));
  return {
    id: 'sealing',
    title: 'Sealing',
    method: `Messages sealed and signed under extended session security with a 128-bit key. ${timing(options)}`,
    tables: [table(['message', 'who', 'fastest slices', 'all processor time', 'throughput'], results.map(row))],
    goals: native ? GOALS.map(({ size, name, limit }) => goal(results, size, name, limit)) : [],
    remarks: native ? [] : ['python3-gssapi was not measured: it or gss-ntlmssp is not installed.'],
  };
}

function row({ name: label, fastest, processor }: Measurement): string[] {
  const at = label.lastIndexOf(' ');
  const [name, size] = [label.slice(0, at), Number(label.slice(at + 1))];
  const length = size < 1024 ? `${size} B` : `${size / 1024} KiB`;
  return [length, name, microseconds(fastest), microseconds(processor), `${figure((size * 1000) / fastest)} MB/s`];
}
