/** Calls out of all that clients do: methods, bodies that can be sent again and that cannot, Expect, three doors. */
import http from 'node:http';
import { Readable } from 'node:stream';
import { request as undiciRequest } from 'undici';
import { NtlmDispatcher, createNtlmFetch } from '../../../src/http/fetch.ts';
import { NtlmAgent, type HttpOptions } from '../../../src/http/index.ts';
import type { Draw } from './draw.ts';
import { LARGE, type WorldRules } from './world.ts';

export const doors = ['NtlmAgent', 'NtlmDispatcher', 'createNtlmFetch'] as const;

export interface Call {
  readonly id: string;
  readonly method: 'GET' | 'HEAD' | 'OPTIONS' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly cookie: boolean;
  /** `expecting`: the client itself waits for a 100. */
  readonly body: 'none' | 'whole' | 'stream' | 'stream of known length' | 'expecting';
  readonly size: number;
}

export interface Client {
  readonly door: (typeof doors)[number];
  call(call: Call, url: string): Promise<{ readonly status: number; readonly text: string }>;
  close(): void;
}

export function drawCall(draw: Draw, door: Client['door'], id: string, { head, headBody }: WorldRules): Call {
  const drawn = draw.of<Call['method']>('GET', 'GET', 'HEAD', 'OPTIONS', 'POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE');
  // A HEAD of the client's own has no limit here, and what follows it is read by the client.
  const method = drawn === 'HEAD' && (head === 'never' || headBody !== 'none') ? 'GET' : drawn;
  const kinds: Call['body'][] = ['none', 'whole', 'whole', 'stream'];
  if (door !== 'createNtlmFetch') kinds.push('stream of known length');
  if (door === 'NtlmAgent') kinds.push('expecting');
  const holds = method === 'POST' || method === 'PUT' || method === 'PATCH';
  return {
    id,
    method,
    path: draw.of('/a', '/b', '/open/a', '/open/b'),
    cookie: draw.chance(0.3),
    body: holds ? draw.of(...kinds) : 'none',
    size: draw.of(1, 40, 40, 900, 5000, 70_000),
  };
}

export const bodyOf = ({ id, body, size }: Call): string => (body === 'none' ? '' : `${id}:`.padEnd(size, 'x'));

/** Above this, a body of known length is not kept. */
export const KEPT = 2000;

/** Shorter only where a HEAD is never answered, which is waited for. */
export const limitsFor = ({ head }: WorldRules): { legTimeout: number; answerTimeout: number } =>
  head === 'never' ? { legTimeout: 2500, answerTimeout: 10_000 } : { legTimeout: 10_000, answerTimeout: 10_000 };

export function openClient(door: Client['door'], options: HttpOptions, connections: number): Client {
  const all = { ...options, maxRepeatableBody: KEPT };
  if (door === 'NtlmAgent') {
    const agent = new NtlmAgent({ ...all, maxSockets: connections });
    return { door, close: () => agent.destroy(), call: (call, url) => callByNode(agent, call, url) };
  }
  if (door === 'NtlmDispatcher') {
    const dispatcher = new NtlmDispatcher({ ...all, connections });
    const call: Client['call'] = async (call, url) => {
      const body = undiciBody(call);
      const answer = await undiciRequest(url + call.path, {
        dispatcher,
        method: call.method as 'GET',
        headers: fieldsOf(call),
        ...(body === undefined ? {} : { body }),
      });
      return { status: answer.statusCode, text: await answer.body.text() };
    };
    return { door, call, close: () => void dispatcher.destroy() };
  }
  const ntlmFetch = createNtlmFetch({ ...all, connections });
  const call: Client['call'] = async (call, url) => {
    const streamed = call.body === 'stream';
    const body = streamed ? Readable.toWeb(piecesOf(bodyOf(call))) : call.body === 'none' ? undefined : bodyOf(call);
    const answer = await ntlmFetch(url + call.path, {
      method: call.method,
      headers: fieldsOf(call),
      ...(body === undefined ? {} : { body: body as BodyInit }),
      ...(streamed ? { duplex: 'half' } : {}),
    } as RequestInit);
    return { status: answer.status, text: await answer.text() };
  };
  return { door, call, close: () => void ntlmFetch.close() };
}

function fieldsOf(call: Call): Record<string, string> {
  return {
    'x-call': call.id,
    ...(call.cookie ? { cookie: 'sid=1' } : {}),
    ...(call.body === 'none' ? {} : { 'content-type': 'text/plain' }),
    ...(call.body === 'stream of known length' || call.body === 'expecting' ? { 'content-length': String(bodyOf(call).length) } : {}),
    ...(call.body === 'expecting' ? { expect: '100-continue' } : {}),
  };
}

function piecesOf(text: string): Readable {
  const half = Math.ceil(text.length / 2);
  return Readable.from([text.slice(0, half), text.slice(half)].filter((piece) => piece !== '').map((piece) => Buffer.from(piece)));
}

function undiciBody(call: Call): string | Readable | undefined {
  if (call.body === 'none') return undefined;
  return call.body === 'whole' ? bodyOf(call) : piecesOf(bodyOf(call));
}

function callByNode(agent: NtlmAgent, call: Call, url: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.request(url + call.path, { agent, method: call.method, headers: fieldsOf(call) }, (answer) => {
      answer.setEncoding('utf8').on('error', reject);
      let text = '';
      answer.on('data', (part: string) => (text += part)).on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    request.on('error', reject);
    if (call.body === 'stream' || call.body === 'stream of known length') piecesOf(bodyOf(call)).pipe(request);
    else if (call.body !== 'expecting') request.end(bodyOf(call));
    else {
      const send = (): void => void (clearTimeout(patience), request.writableEnded || request.end(bodyOf(call))); // behind a final answer, too: it was announced
      const patience = setTimeout(send, 1500); // as a careful client has one
      request.on('continue', send).on('response', send).on('close', () => clearTimeout(patience)).flushHeaders();
    }
  });
}

/** Whether the server would answer the call by 2xx once it is authenticated. */
export function isWelcome(call: Call, { head, expect, refuses, headBody }: WorldRules): boolean {
  if (call.method === 'HEAD') return head === 'as others' && headBody === 'none';
  if (call.body === 'expecting' && expect === '417') return false;
  if (refuses === 'chunks') return call.body !== 'stream';
  if (refuses === 'large') return call.body === 'none' || call.body === 'stream' || bodyOf(call).length <= LARGE;
  if (refuses === 'untyped') return call.body !== 'none' || (call.method !== 'POST' && call.method !== 'PUT');
  return true;
}

/** Whether its body is gone once it is sent, or not there before it is asked for. */
export function isHeld(call: Call): boolean {
  return call.body === 'stream' || call.body === 'expecting' || bodyOf(call).length > KEPT;
}
