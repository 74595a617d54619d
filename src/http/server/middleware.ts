/** A gate in front of an app's own handlers: for node:http, Express and Connect, Koa, Fastify. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { invalidArgument } from '../../errors.ts';
import { fieldsOf } from './decision.ts';
import { createGate, standFor } from './gate.ts';
import type { NtlmServerOptions } from './options.ts';
import { admit, isOverBody, respond, write, type NtlmRequestListener, type Reply } from './respond.ts';

/** Calls `next` once the connection has authenticated; the request then has `ntlm`. */
export type NtlmMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/** The part of Koa's context that is used. `state.ntlm` is who the client is. */
export interface KoaContextLike {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly state: { ntlm?: unknown };
  status: number;
  body: unknown;
  respond?: boolean | undefined;
  set(name: string, value: string | string[]): void;
}
export type NtlmKoaMiddleware = (context: KoaContextLike, next: () => Promise<unknown>) => Promise<void>;

/** The parts of Fastify's request and reply that are used. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
}
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  code(status: number): unknown;
  header(name: string, value: string | string[]): unknown;
  hijack(): unknown;
  send(body: string): unknown;
}
export type NtlmFastifyHook = (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown>;

/**
 * Asks for NTLM, on a server of one's own. Put it ahead of whatever reads a body; make one and use it wherever it is
 * needed, for each has its own handshakes. It does not see upgrades and tunnels: those take {@link guardUpgrades}.
 *
 * ```ts
 * import { createServer } from 'node:http';
 * import { guardUpgrades, requireNtlm } from 'ntlmachine/http';
 *
 * const gate = requireNtlm({ credentials: ({ username }) => users.get(username) });
 * const server = createServer((request, response) => gate(request, response, () => response.end('hello')));
 * guardUpgrades(server, gate);
 * ```
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function requireNtlm(options: NtlmServerOptions): NtlmMiddleware;
/** The same as a request listener. */
export function requireNtlm(
  options: NtlmServerOptions,
  listener: NtlmRequestListener,
): (request: IncomingMessage, response: Reply) => void;
export function requireNtlm(options: NtlmServerOptions, listener?: NtlmRequestListener): NtlmMiddleware {
  if (!['undefined', 'function'].includes(typeof listener)) throw invalidArgument('listener', 'must be a function');
  const gate = createGate(options);
  return standFor<NtlmMiddleware>((request, response, next) => {
    void respond(gate, request, response as Reply, listener ?? (() => next()));
  }, gate);
}

/** The same for Koa. Put it ahead of whatever reads a body. */
requireNtlm.koa = (options: NtlmServerOptions): NtlmKoaMiddleware => {
  const gate = createGate(options);
  return standFor<NtlmKoaMiddleware>(async (context, next) => {
    const decision = await admit(gate, context.req);
    if (decision === undefined) {
      context.respond = false;
      return;
    }
    for (const [name, value] of fieldsOf(decision)) context.set(name, value);
    if (decision.kind === 'pass') {
      context.state.ntlm = decision.identity;
      await next();
      return;
    }
    if (isOverBody(context.req, decision)) {
      context.respond = false;
      return write(context.req, context.res, decision);
    }
    context.status = decision.status;
    context.body = decision.body;
  }, gate);
};

/** The same for Fastify: an `onRequest` hook, of the whole app or of one route. The identity is `request.raw.ntlm`. */
requireNtlm.fastify = (options: NtlmServerOptions): NtlmFastifyHook => {
  const gate = createGate(options);
  return standFor<NtlmFastifyHook>(async (request, reply) => {
    const decision = await admit(gate, request.raw);
    if (decision === undefined) return reply.hijack();
    for (const [name, value] of fieldsOf(decision)) reply.header(name, value);
    if (decision.kind === 'pass') return undefined;
    if (isOverBody(request.raw, decision)) {
      reply.hijack();
      for (const [name, value] of fieldsOf(decision)) reply.raw.setHeader(name, value);
      return write(request.raw, reply.raw, decision);
    }
    reply.code(decision.status);
    return reply.send(decision.body);
  }, gate);
};
