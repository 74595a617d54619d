/** Requests that leave HTTP behind, WebSockets above all: asked for like any other, then bytes. */
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import { pipeline, type Duplex } from 'node:stream';
import { failureOf, refuseSocket, tooSlow, type Failure } from './failure.ts';
import { flat, pairsOf, valuesOf, type RawFields } from './fields.ts';
import { join } from './join.ts';
import { countLegs, type LegCount } from './legs.ts';
import { ownRefusal, type Candidate, type Relayed } from './relay.ts';

/** Never rejects. Resolves when it is over. */
export async function openUpgrade(
  request: IncomingMessage,
  client: Duplex,
  head: Buffer,
  candidates: readonly Candidate[],
  incoming: (answer: IncomingMessage) => RawFields,
  idleTimeout: number,
): Promise<Relayed> {
  let failure: Failure = failureOf(undefined);
  for (const candidate of candidates) {
    const opened = await ask(request, client, candidate, idleTimeout);
    if (opened.kind === 'failed') {
      failure = opened.failure;
      candidate.onUnreachable?.();
      continue;
    }
    candidate.onOpen?.();
    const { answer } = opened;
    const status = answer.statusCode ?? 502;
    if (opened.kind === 'answered') {
      const refusal = ownRefusal(answer);
      if (refusal !== undefined) {
        answer.destroy();
        refuseSocket(client, refusal);
        return { status: refusal.status, legs: opened.legs(), reason: refusal.reason };
      }
      client.write(render(answer, [...incoming(answer), 'Connection', 'close']));
      return { status, reason: await handBack(answer, client), legs: opened.legs() };
    }
    const upgrade = valuesOf(answer.rawHeaders, 'upgrade').join(', ');
    client.write(render(answer, [...incoming(answer), 'Connection', 'Upgrade', 'Upgrade', upgrade]));
    if (opened.head.length > 0) client.write(opened.head);
    await join(client, opened.socket, head, idleTimeout);
    return { status, legs: opened.legs() };
  }
  refuseSocket(client, failure);
  return { status: failure.status, legs: 0, reason: failure.reason };
}

type Asked =
  | { readonly kind: 'switched'; readonly answer: IncomingMessage; readonly socket: Duplex; readonly head: Buffer; readonly legs: LegCount }
  | { readonly kind: 'answered'; readonly answer: IncomingMessage; readonly legs: LegCount }
  | { readonly kind: 'failed'; readonly failure: Failure };

function ask(request: IncomingMessage, client: Duplex, candidate: Candidate, idleTimeout: number): Promise<Asked> {
  return new Promise((resolve) => {
    const fields = [...candidate.fields, 'Connection', 'Upgrade', 'Upgrade', request.headers.upgrade ?? ''];
    const out = candidate.connections.send({
      ...candidate.options,
      method: request.method ?? 'GET',
      path: candidate.path,
      headers: flat(fields),
    });
    out.setTimeout(idleTimeout, () => out.destroy(tooSlow()));
    client.once('close', () => out.destroy());
    let legs: LegCount = () => 1;
    out
      .once('socket', (socket) => (legs = countLegs(socket)))
      .on('error', (error) => resolve({ kind: 'failed', failure: failureOf(error) }))
      .once('upgrade', (answer, socket, head) => resolve({ kind: 'switched', answer, socket, head, legs }))
      .once('response', (answer) => resolve({ kind: 'answered', answer, legs }))
      .end();
  });
}

/** The body of an answer, and the end of the client's connection with it. @returns why it is not whole; `undefined`: it is. */
function handBack(answer: IncomingMessage, client: Duplex): Promise<string | undefined> {
  return new Promise((resolve) => {
    answer.once('error', () => resolve(client.destroyed ? 'the client left' : 'the answer broke off'));
    pipeline(answer, client, (error) => resolve(error ? 'the client left' : undefined));
  });
}

/** The head of an answer on a socket that is no longer node's. */
function render({ statusCode = 502, statusMessage }: IncomingMessage, fields: RawFields): string {
  const lines = Array.from(pairsOf(fields), ([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${statusCode} ${statusMessage || STATUS_CODES[statusCode] || ''}\r\n${lines.join('')}\r\n`;
}
