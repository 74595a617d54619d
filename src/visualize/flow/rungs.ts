/** Exchanges as rungs: exactly one for the request and one for its answer, in the order of time. */
import type { Connection, ConversationResponse, Ending, Exchange } from '../conversation/conversation.ts';
import { escaped } from '../decode/text.ts';
import { chipOf, type Chip } from './chips.ts';

export interface Rung {
  readonly kind: 'request' | 'response';
  readonly id: string;
  /** Index of its exchange in the conversation. */
  readonly exchange: number;
  readonly from: 'client' | 'proxy' | 'server';
  readonly to: 'client' | 'proxy' | 'server';
  /** `GET /orders`, `401`. */
  readonly label: string;
  /** `NTLM, Negotiate`: the schemes that are offered. */
  readonly note: string;
  readonly mood: 'plain' | 'good' | 'bad' | 'asks';
  /** Not there: lost, still awaited, or not recorded. */
  readonly missing: boolean;
  /** Milliseconds since 1970. */
  readonly time: number | undefined;
  readonly chip: Chip | undefined;
}

interface Timed {
  readonly rung: Rung;
  readonly order: number;
}

export function rungsOf(connection: Connection, prefix: string): readonly Rung[] {
  let order: number | undefined;
  const timed = connection.exchanges.flatMap((exchange): Timed[] => {
    const asked = exchange.request?.time ?? exchange.response?.time ?? order;
    order = Math.max(asked ?? 0, order ?? asked ?? 0);
    const request = requestRung(exchange, prefix);
    const answered = exchange.response?.time === undefined ? undefined : Math.max(exchange.response.time, asked ?? 0);
    const response = responseRung(exchange, prefix, answered);
    return [{ rung: request, order: asked ?? 0 }, { rung: response, order: answered ?? asked ?? 0 }];
  });
  return timed.toSorted((a, b) => a.order - b.order).map(({ rung }) => rung);
}

function requestRung({ index, side, request }: Exchange, prefix: string): Rung {
  const { method = '', target = '', time } = request ?? {};
  return {
    kind: 'request',
    id: `${prefix}${index}q`,
    exchange: index,
    from: 'client',
    to: side,
    label: request === undefined ? 'not recorded' : escaped(`${method} ${pathOf(target)}`.trim()),
    note: '',
    mood: 'plain',
    missing: request === undefined,
    time,
    chip: chipOf(request?.credentials ?? []),
  };
}

function responseRung({ index, side, request, response, broken }: Exchange, prefix: string, time: number | undefined): Rung {
  const base = { kind: 'response', id: `${prefix}${index}a`, exchange: index, from: side, to: 'client', time } as const;
  if (response === undefined) {
    const label = broken === undefined ? 'no answer yet' : `no answer: ${BROKEN[broken]}`;
    return { ...base, label, note: '', mood: broken === undefined ? 'plain' : 'bad', missing: true, chip: undefined };
  }
  const { status, challenges, unauthorized } = response;
  const chip = chipOf(challenges);
  const bare = challenges.filter(({ token }) => token === undefined).map(({ scheme }) => scheme);
  return {
    ...base,
    label: status === 0 ? (unauthorized ? (chip === undefined ? 'refused' : '') : 'accepted') : String(status),
    note: [...new Set(bare)].join(', '),
    mood: moodOf(response, chip, chipOf((request?.credentials ?? []).filter((use) => use.side === side))),
    missing: false,
    chip,
  };
}

/** A 401 is bad news only where it answers credentials: the first one asks, the second challenges. */
function moodOf({ status, unauthorized }: ConversationResponse, chip: Chip | undefined, sent: Chip | undefined): Rung['mood'] {
  if (unauthorized) return chip !== undefined ? 'plain' : sent === undefined ? 'asks' : 'bad';
  if (status === 0 || (status >= 200 && status < 300) || status === 101) return 'good';
  return status >= 400 ? 'bad' : 'plain';
}

function pathOf(target: string): string {
  return target.replace(/^https?:\/\/[^/?]+(?=[/?])/i, '');
}

const BROKEN: Readonly<Record<Ending, string>> = {
  closed: 'closed',
  reset: 'reset',
  'timed-out': 'timed out',
  refused: 'connection refused',
  unresolved: 'name not found',
  'tls-failed': 'TLS failed',
  'h2-required': 'HTTP/2 wanted',
  'h2-only': 'HTTP/2 only',
  aborted: 'given up',
};
