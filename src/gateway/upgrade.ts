/** Requests that leave HTTP behind, WebSockets above all: asked for like any other, then bytes. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { pipeline, type Duplex } from 'node:stream';
import { endGently } from '../http/server/last-words.ts';
import { SAFE_METHODS } from '../http/wire/request.ts';
import { failureOf, isGone, refuseSocket, switchedUnasked, tooSlow, type Failure } from './failure.ts';
import { flat, pairsOf, valuesOf, type RawFields } from './fields.ts';
import { join } from './join.ts';
import { countLegs, type LegCount } from './legs.ts';
import { LEFT, type Waiting } from './leaving.ts';
import { ownRefusal, type Candidate, type Relayed } from './relay.ts';
import { onceOpen } from './way.ts';

/** Never rejects. Resolves when it is over. */
export async function openUpgrade(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  { left, over }: Waiting,
  candidates: readonly Candidate[],
  incoming: (answer: IncomingMessage) => RawFields,
  idleTimeout: number,
): Promise<Relayed> {
  let failure: Failure = failureOf(undefined);
  let spent = 0;
  for (const candidate of candidates) {
    let asked = await ask(request, candidate, left);
    spent += asked.legs();
    if (asked.kind === 'stale') {
      asked = await ask(request, candidate, left);
      spent += asked.legs();
    }
    if (asked.kind === 'left') return { ...LEFT, legs: spent };
    if (asked.kind === 'failed' || asked.kind === 'stale') {
      failure = asked.failure;
      if (!asked.stood) candidate.onUnreachable?.();
      continue;
    }
    const { answer } = asked;
    if (client.destroyed) {
      (asked.kind === 'switched' ? asked.socket : answer).destroy();
      return { ...LEFT, legs: spent };
    }
    const status = answer.statusCode ?? 502;
    over();
    if (asked.kind === 'answered') {
      const refusal = ownRefusal(answer);
      if (refusal !== undefined) {
        answer.destroy();
        refuseSocket(client, refusal);
        return { status: refusal.status, legs: spent, reason: refusal.reason };
      }
      client.write(render(answer, [...incoming(answer), 'Connection', 'close']));
      return { status, reason: await handBack(answer, client), legs: spent };
    }
    const upgrade = valuesOf(answer.rawHeaders, 'upgrade').join(', ');
    client.write(render(answer, [...incoming(answer), 'Connection', 'Upgrade', 'Upgrade', upgrade]));
    if (asked.head.length > 0) client.write(asked.head);
    await join(client, asked.socket, head, idleTimeout);
    return { status, legs: spent };
  }
  refuseSocket(client, failure);
  return { status: failure.status, legs: spent, reason: failure.reason };
}

type Asked = { readonly legs: LegCount } & (
  | { readonly kind: 'switched'; readonly answer: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
  | { readonly kind: 'answered'; readonly answer: IncomingMessage }
  /** `stood`: there was a connection, a kept one that was gone where it is `stale`. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly stood: boolean }
  | { readonly kind: 'stale'; readonly failure: Failure; readonly stood: true }
  | { readonly kind: 'left' }
);

/** Never rejects. */
function ask(request: IncomingMessage, candidate: Candidate, left: AbortSignal): Promise<Asked> {
  return new Promise((resolve) => {
    let legs: LegCount = () => 0;
    if (left.aborted) return resolve({ kind: 'left', legs });
    const fields = [...candidate.fields, 'Connection', 'Upgrade', 'Upgrade', valuesOf(request.rawHeaders, 'upgrade').join(', ')];
    const { method = 'GET' } = request;
    let stood = false;
    const onLate = (hasConnection: boolean): void => {
      if (hasConnection) return void out.destroy(tooSlow());
      settle({ kind: 'failed', failure: failureOf(tooSlow()), stood: true, legs }); // others have all there may be
      out.destroy();
    };
    const out = candidate.connections.send({ ...candidate.options, method, path: candidate.path, headers: flat(fields) }, onLate);
    const leave = (): void => {
      resolve({ kind: 'left', legs });
      out.destroy();
    };
    const settle = (asked: Asked): void => {
      left.removeEventListener('abort', leave);
      resolve(asked);
    };
    left.addEventListener('abort', leave, { once: true });
    onceOpen(out, (socket) => {
      stood = true;
      legs = countLegs(socket);
      candidate.onOpen?.();
    });
    out
      .on('error', (error) => {
        const failure = failureOf(error);
        const isStale = stood && out.reusedSocket && isGone(failure) && SAFE_METHODS.has(method);
        settle(isStale ? { kind: 'stale', failure, stood: true, legs } : { kind: 'failed', failure, stood, legs });
      })
      .once('upgrade', (answer, socket, head) => settle({ kind: 'switched', answer, socket, head, legs }))
      .once('response', (answer) => {
        if (answer.statusCode !== 101) return settle({ kind: 'answered', answer, legs });
        settle({ kind: 'failed', failure: failureOf(switchedUnasked()), stood, legs }); // to what, it does not say
        out.destroy();
      })
      .end();
  });
}

/** The body of an answer, and the end of the client's connection with it. @returns why it is not whole; `undefined`: it is. */
function handBack(answer: IncomingMessage, client: Duplex): Promise<string | undefined> {
  return new Promise((resolve) => {
    answer.once('error', () => resolve(client.destroyed ? LEFT.reason : 'the answer broke off'));
    pipeline(answer, client, (error) => {
      if (!error) endGently(client);
      resolve(error ? LEFT.reason : undefined);
    });
  });
}

/** The head of an answer on a socket that is no longer node's. */
function render({ statusCode = 502, statusMessage }: IncomingMessage, fields: RawFields): string {
  const lines = Array.from(pairsOf(fields), ([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusCode} ${statusMessage || STATUS_CODES[statusCode] || ''}\r\n${lines.join('')}\r\n`;
}
