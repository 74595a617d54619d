/**
 * NTLM for a node:http server. Authentication belongs to the connection (MS-NTHT): one acceptor stands
 * behind each socket, and a socket that authenticated keeps its identity for every later request on it.
 *
 * A proxy in front that shares its connections among clients would share their identities too: do not put one there.
 */
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AcceptorOptions } from '../../acceptor/context.ts';
import type { ClaimedIdentity, Verified } from '../../acceptor/verify.ts';
import { NtlmError, invalidArgument } from '../../errors.ts';
import type { ResponseKind } from '../../machine/policy.ts';
import { MessageType, isNtlmMessage } from '../../messages/header.ts';
import { SpnegoAcceptor } from '../../spnego/acceptor/acceptor.ts';
import type { SpnegoRefusal } from '../../spnego/acceptor/context.ts';

/** Scheme names of WWW-Authenticate. Under `Negotiate` SPNEGO is spoken, and bare NTLM messages are taken too. */
export type NtlmServerScheme = 'NTLM' | 'Negotiate';

/** Who authenticated a connection, and how. */
export interface NtlmServerIdentity extends ClaimedIdentity {
  readonly response: ResponseKind;
  /** Whether the three messages were protected by a MIC. */
  readonly mic: boolean;
}

/** What became of a type 3; an NtlmError where the credentials could not be looked up. */
export type NtlmServerVerdict =
  | Verified
  | { readonly ok: false; readonly reason: SpnegoRefusal; readonly error: NtlmError }
  | NtlmError;

/** A request on an authenticated connection. */
export interface NtlmRequest extends IncomingMessage {
  readonly ntlm: NtlmServerIdentity;
}

type Reply = ServerResponse<IncomingMessage> & { req: IncomingMessage };
export type NtlmRequestListener = (request: NtlmRequest, response: Reply) => void;

export interface NtlmServerOptions extends AcceptorOptions {
  /** What a 401 offers, in this order; default `['NTLM']`. */
  readonly schemes?: readonly NtlmServerScheme[] | undefined;
  /** Refused handshakes on one connection before it is closed; default 8. */
  readonly maxRefusals?: number | undefined;
  /** For how long a challenge may be answered, in milliseconds; default 60 000. */
  readonly challengeLifetime?: number | undefined;
  /** Told of each verdict on a type 3, and of a lookup of credentials that failed. */
  readonly onVerdict?: ((verdict: NtlmServerVerdict, request: IncomingMessage) => void) | undefined;
}

interface Connection {
  readonly acceptor: SpnegoAcceptor;
  identity: NtlmServerIdentity | undefined;
  /** On the monotonic clock, milliseconds. */
  challengedAt: number;
  refusals: number;
  /** Settles when the request before is decided: a request pipelined behind a type 3 waits for the verdict. */
  turn: Promise<unknown>;
}

interface Gate {
  readonly acceptorOptions: AcceptorOptions;
  readonly schemes: readonly NtlmServerScheme[];
  readonly maxRefusals: number;
  readonly challengeLifetime: number;
  readonly onVerdict: NtlmServerOptions['onVerdict'];
  readonly listener: NtlmRequestListener;
  readonly connections: WeakMap<object, Connection>;
}

const KNOWN_SCHEMES: ReadonlySet<unknown> = new Set<NtlmServerScheme>(['NTLM', 'Negotiate']);

/** What becomes of a request: it goes on, or it is answered here. */
type Outcome =
  | { readonly kind: 'pass'; readonly identity: NtlmServerIdentity; readonly offer?: string | undefined }
  | { readonly kind: 'challenge'; readonly offer: string }
  | { readonly kind: 'refuse'; readonly status: 400 | 401 | 500; readonly offer?: string | undefined };

/**
 * A server that answers 401 until a connection has authenticated, then calls `listener` with `request.ntlm`.
 * Without a listener it tells the client who it is, as JSON. The server is node's own: `listen` it, `close` it.
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function createNtlmServer(options: NtlmServerOptions, listener: NtlmRequestListener = tellIdentity): Server {
  const gate = createGate(options, listener);
  const server = createServer((request, response) => handle(gate, request, response));
  // Nobody is asked for a body that will not be read.
  server.on('checkContinue', (request: IncomingMessage, response: Reply) => handle(gate, request, response, true));
  return server;
}

/**
 * The same as a request listener, for a server of one's own, of node:http or node:https.
 *
 * @throws NtlmError `invalid-argument`, naming the option.
 */
export function requireNtlm(options: NtlmServerOptions, listener: NtlmRequestListener): RequestListener {
  const gate = createGate(options, listener);
  return (request, response) => handle(gate, request, response);
}

function createGate(options: NtlmServerOptions, listener: NtlmRequestListener): Gate {
  const { schemes = ['NTLM'], maxRefusals = 8, challengeLifetime = 60_000, onVerdict, ...acceptorOptions } = options;
  if (!Array.isArray(schemes) || schemes.length === 0 || !schemes.every((scheme) => KNOWN_SCHEMES.has(scheme))) {
    throw invalidArgument('schemes', 'must list "NTLM", "Negotiate" or both');
  }
  if (!(Number.isInteger(maxRefusals) && maxRefusals > 0)) {
    throw invalidArgument('maxRefusals', 'must be a whole number above 0');
  }
  if (!(challengeLifetime > 0)) throw invalidArgument('challengeLifetime', 'must be milliseconds above 0');
  if (!['undefined', 'function'].includes(typeof onVerdict)) throw invalidArgument('onVerdict', 'must be a function');
  if (typeof listener !== 'function') throw invalidArgument('listener', 'must be a function');
  new SpnegoAcceptor(acceptorOptions); // a mistake in the options belongs to the caller, not to the first connection
  return { acceptorOptions, schemes, maxRefusals, challengeLifetime, onVerdict, listener, connections: new WeakMap() };
}

function handle(gate: Gate, request: IncomingMessage, response: Reply, expectsContinue = false): void {
  const connection = connectionOf(gate, request);
  const outcome = connection.turn.then(() => decide(gate, connection, request));
  connection.turn = outcome;
  // The body waits in the paused request meanwhile.
  void outcome.then((decided) => {
    if (!request.socket.destroyed) act(gate, connection, request, response, decided, expectsContinue);
  });
}

function connectionOf({ connections, acceptorOptions }: Gate, { socket }: IncomingMessage): Connection {
  let connection = connections.get(socket);
  if (connection === undefined) {
    connection = {
      acceptor: new SpnegoAcceptor(acceptorOptions),
      identity: undefined,
      challengedAt: 0,
      refusals: 0,
      turn: Promise.resolve(),
    };
    connections.set(socket, connection);
  }
  return connection;
}

/** Never rejects. */
async function decide(gate: Gate, connection: Connection, request: IncomingMessage): Promise<Outcome> {
  const { acceptor } = connection;
  const authorization = readAuthorization(gate, request);
  if (authorization === undefined) {
    const { identity } = connection;
    return identity === undefined ? { kind: 'refuse', status: 401 } : { kind: 'pass', identity };
  }
  connection.identity = undefined; // a handshake starts anew, whoever was here before
  const { scheme, token } = authorization;
  const step = token === undefined ? 'other' : stepOf(token, scheme);
  const expired = performance.now() - connection.challengedAt > gate.challengeLifetime;
  const due = acceptor.actor.getSnapshot().hasTag('awaiting-client') && acceptor.state !== 'listening' && !expired;
  if (token !== undefined && (step === 'first' || (step === 'next' && due))) {
    if (step === 'first') acceptor.reset();
    return judge(gate, connection, request, token, scheme);
  }
  acceptor.reset();
  return { kind: 'refuse', status: token === undefined || step === 'next' ? 401 : 400 };
}

async function judge(
  { onVerdict }: Gate,
  connection: Connection,
  request: IncomingMessage,
  token: Uint8Array,
  scheme: NtlmServerScheme,
): Promise<Outcome> {
  const { acceptor } = connection;
  const answersChallenge = acceptor.state !== 'listening';
  const report = (verdict: NtlmServerVerdict): void => {
    acceptor.reset(); // HTTP needs no session key: it is wiped at once
    if (answersChallenge && onVerdict !== undefined) queueMicrotask(() => onVerdict(verdict, request)); // its errors are its own
  };
  try {
    const step = await acceptor.accept(token);
    const offer = step.token && `${scheme} ${Buffer.from(step.token).toString('base64')}`;
    switch (step.state) {
      case 'continue':
        connection.challengedAt = performance.now();
        return { kind: 'challenge', offer: offer! };
      case 'refused':
        report({ ok: false, reason: step.reason, error: step.error });
        return step.reason === 'malformed' ? { kind: 'refuse', status: 400 } : { kind: 'refuse', status: 401, offer };
      case 'accepted': {
        const { identity, response, mic } = step.result;
        report(step.result);
        connection.refusals = 0;
        connection.identity = Object.freeze({ ...identity, response, mic });
        return { kind: 'pass', identity: connection.identity, offer };
      }
    }
  } catch (error) {
    report(error instanceof NtlmError ? error : failure(error));
    return { kind: 'refuse', status: 500 };
  }
}

function failure(cause: unknown): NtlmError {
  return new NtlmError('the acceptor failed', { code: 'service-failed', phase: 'authenticate', side: 'local', cause });
}

function act(
  gate: Gate,
  connection: Connection,
  request: IncomingMessage,
  response: Reply,
  outcome: Outcome,
  expectsContinue: boolean,
): void {
  if (outcome.kind === 'pass') {
    if (expectsContinue) response.writeContinue();
    if (outcome.offer !== undefined) response.setHeader('WWW-Authenticate', outcome.offer);
    gate.listener(Object.assign(request, { ntlm: outcome.identity }), response);
    return;
  }
  if (outcome.kind === 'challenge') {
    if (expectsContinue) response.writeContinue(); // the connection has to live on, so its body has to pass
    reply(response, 401, [outcome.offer]);
    return;
  }
  connection.refusals += request.headers.authorization === undefined ? 0 : 1;
  // A client that waits for "100 Continue" may keep its body: nothing can follow on this connection.
  if (expectsContinue || connection.refusals >= gate.maxRefusals) response.setHeader('Connection', 'close');
  reply(response, outcome.status, outcome.status === 401 ? offersWith(gate.schemes, outcome.offer) : []);
}

/** The schemes, the one spoken with its last token. */
function offersWith(schemes: readonly string[], offer: string | undefined): readonly string[] {
  return schemes.map((scheme) => (offer?.startsWith(`${scheme} `) ? offer : scheme));
}

function reply(response: Reply, status: number, offers: readonly string[]): void {
  const body = `${STATUS_CODES[status]}\n`;
  if (offers.length > 0) response.setHeader('WWW-Authenticate', [...offers]);
  response.writeHead(status, { 'Content-Type': 'text/plain', 'Content-Length': body.length }).end(body);
}

interface Authorization {
  readonly scheme: NtlmServerScheme;
  /** `undefined` for a bare scheme; of no bytes where it is not base64. */
  readonly token: Uint8Array | undefined;
}

/** `undefined` where there is no header, or one of a scheme that is not offered here. */
function readAuthorization({ schemes }: Gate, { headers }: IncomingMessage): Authorization | undefined {
  const [, name = '', credentials = ''] = /^(\S+)\s*(.*)$/.exec(headers.authorization ?? '') ?? [];
  const scheme = schemes.find((offered) => offered.toLowerCase() === name.toLowerCase());
  if (scheme === undefined) return undefined;
  if (credentials === '') return { scheme, token: undefined };
  const isBase64 = credentials.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(credentials);
  return { scheme, token: isBase64 ? new Uint8Array(Buffer.from(credentials, 'base64')) : new Uint8Array(0) };
}

const INITIAL_CONTEXT_TOKEN = 0x60; // RFC 2743 3.1, around a NegTokenInit
const NEG_TOKEN_RESP = 0xa1; // RFC 4178 4.2

/** Whether a token opens a negotiation or goes on with one; `other`: neither, under this scheme. */
function stepOf(token: Uint8Array, scheme: NtlmServerScheme): 'first' | 'next' | 'other' {
  if (isNtlmMessage(token)) {
    if (token.length < 12) return 'other';
    const type = new DataView(token.buffer, token.byteOffset).getUint32(8, true);
    return type === MessageType.NEGOTIATE ? 'first' : type === MessageType.AUTHENTICATE ? 'next' : 'other';
  }
  if (scheme === 'NTLM') return 'other';
  return token[0] === INITIAL_CONTEXT_TOKEN ? 'first' : token[0] === NEG_TOKEN_RESP ? 'next' : 'other';
}

function tellIdentity({ ntlm }: NtlmRequest, response: Reply): void {
  const body = Buffer.from(`${JSON.stringify(ntlm)}\n`);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}
