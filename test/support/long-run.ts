/** A connection that authenticates once and is used for long, as a browser's HAR of it. */
import { asHar, type Leg } from './recordings.ts';

export interface LongRun {
  /** base64: type 1, type 2, type 3. */
  readonly tokens: readonly [string, string, string];
  /** Behind the handshake. */
  readonly requests: number;
  /** Milliseconds between two of them. */
  readonly every?: number;
  /** Of the answer to a request, by its number. */
  readonly statusOf?: (request: number) => number;
}

const START = 1_700_000_000_000;

export function longRun({ tokens: [negotiate, challenge, authenticate], requests, every = 100, statusOf = () => 200 }: LongRun): string {
  const leg = (at: number, target: string, status: number, out: string | undefined, back: string | undefined): Leg => ({
    connection: '7',
    time: START + at,
    request: { target, headers: [['Host', 'keep.castle.example'], ...(out === undefined ? [] : [['Authorization', out] as const])] },
    response: { status, headers: back === undefined ? [] : [['WWW-Authenticate', back]] },
  });
  return asHar([
    leg(0, '/orders', 401, undefined, 'NTLM'),
    leg(4, '/orders', 401, `NTLM ${negotiate}`, `NTLM ${challenge}`),
    leg(9, '/orders', 200, `NTLM ${authenticate}`, undefined),
    ...Array.from({ length: requests }, (_, i) => leg(20 + i * every, `/orders/${i + 1}`, statusOf(i + 1), undefined, undefined)),
  ]);
}
