/** Whether a request passes: the legs of a handshake, one after the other, on each connection. */
import type { IncomingMessage } from 'node:http';
import { NtlmError, invalidArgument } from '../../errors.ts';
import { heard } from '../../machine/promised.ts';
import type { SpnegoAcceptorStep } from '../../spnego/acceptor/acceptor.ts';
import type { HttpScheme } from '../authentication/schemes.ts';
import { addressOf } from './address.ts';
import { readAuthorization, stepOf } from './authorization.ts';
import { connectionOf, type Connection } from './connection.ts';
import { answer, type Answer, type Decision } from './decision.ts';
import { forwardingField } from './forwarded.ts';
import { Handshake } from './handshake.ts';
import { identify, whoIs } from './identity.ts';
import { resolveServerOptions, type NtlmServerOptions, type Settings } from './options.ts';
import type { NtlmServerVerdict } from './verdict.ts';
import { warnOnce } from './warnings.ts';

export interface Gate {
  readonly settings: Settings;
  /** Requests are decided in the order in which they came. Never rejects. */
  decide(request: IncomingMessage): Promise<Decision>;
}

/** @throws NtlmError `invalid-argument`, naming the option. */
export function createGate(options: NtlmServerOptions): Gate {
  const settings = resolveServerOptions(options);
  const gate: Gate = {
    settings,
    decide(request) {
      const connection = connectionOf(request.socket, settings.side);
      const decision = connection.turn.then(() => decide(gate, connection, request));
      connection.turn = decision;
      return decision;
    },
  };
  return gate;
}

const gates = new WeakMap<object, Gate>();

/** `door`, which the app holds, stands for `gate`. */
export function standFor<Door extends object>(door: Door, gate: Gate): Door {
  gates.set(door, gate);
  return door;
}

/** @throws NtlmError `invalid-argument` */
export function gateOf(door: object): Gate {
  const gate = gates.get(door);
  if (gate === undefined) throw invalidArgument('gate', 'must be what requireNtlm returned');
  return gate;
}

async function decide(gate: Gate, connection: Connection, request: IncomingMessage): Promise<Decision> {
  const { settings } = gate;
  const field = settings.trustedProxy ? undefined : forwardingField(request.headers);
  if (field !== undefined) {
    connection.end();
    warnOnce(gate, 'NTLMACHINE_FORWARDED', forwardedWarning(field));
    return answer(403, {}, { close: true });
  }
  const header = request.headers[settings.side.authorization];
  const authorization = readAuthorization(settings.schemes, header);
  if (authorization === undefined) {
    const identity = connection.identityFor(gate);
    if (identity !== undefined) return pass(request, identity);
    connection.end(); // a handshake that another request breaks into is nobody's
    return refuse(gate, connection, header !== undefined);
  }
  const { scheme, token } = authorization;
  if (token === undefined) {
    connection.end();
    return refuse(gate, connection, true);
  }
  const step = stepOf(token, scheme, settings.acceptorOptions.kerberos !== undefined);
  const due = connection.handshakeOf(gate, settings.challengeLifetime);
  if (step.kind === 'first') return judge(gate, connection, request, { scheme, token, due: undefined });
  if (step.kind === 'next' && due !== undefined) return judge(gate, connection, request, { scheme, token, due });
  connection.end();
  const error = step.kind === 'other' ? step.error : challengeMissing();
  const reason = error.code === 'mechanism-refused' ? error.code : step.kind === 'other' ? 'malformed' : 'challenge-missing';
  tell(gate, { ok: false, reason, mechanism: undefined, error, identity: undefined }, request);
  return refuse(gate, connection, true, reason === 'malformed' ? 400 : undefined);
}

interface Leg {
  readonly scheme: HttpScheme;
  readonly token: Uint8Array;
  /** The handshake that it goes on with. */
  readonly due: Handshake | undefined;
}

async function judge(gate: Gate, connection: Connection, request: IncomingMessage, leg: Leg): Promise<Decision> {
  const { scheme, token, due } = leg;
  const { side, verifyTimeout } = gate.settings;
  let handshake = due;
  let step: SpnegoAcceptorStep;
  try {
    handshake ??= connection.begin(gate, await inTime(verifyTimeout, handshakeFor(gate, request)));
    step = await inTime(verifyTimeout, handshake.accept(token));
  } catch (error) {
    return fail(gate, connection, request, handshake, error);
  }
  const offer = step.token && `${scheme} ${Buffer.from(step.token).toString('base64')}`;
  switch (step.state) {
    case 'continue':
      connection.challenged();
      return answer(side.status, { [side.authenticate]: [offer!] }, { goesOn: true });
    case 'refused': {
      const { reason, mechanism, error, identity } = step;
      tell(gate, { ok: false, reason, mechanism, error, identity }, request);
      connection.end();
      return refuse(gate, connection, true, reason === 'malformed' ? 400 : undefined, offer);
    }
    case 'accepted': {
      tell(gate, step.result, request); // the key is there for as long as that
      const who = whoIs(step.result);
      connection.authenticated(who, { kept: gate.settings.sessions });
      return pass(request, who, offer === undefined ? {} : { [side.authenticate]: offer });
    }
  }
}

async function handshakeFor({ settings }: Gate, { socket }: IncomingMessage): Promise<Handshake> {
  const { acceptorOptions, bindingsOf, limits, trustedProxy } = settings;
  const address = trustedProxy ? undefined : addressOf(socket); // a proxy's address is everybody's
  return new Handshake({ ...acceptorOptions, ...(await bindingsOf(socket)) }, limits, address);
}

/** A service failed, hangs, or may not be asked. */
function fail(
  gate: Gate,
  connection: Connection,
  request: IncomingMessage,
  handshake: Handshake | undefined,
  thrown: unknown,
): Answer {
  const error = thrown instanceof NtlmError ? thrown : failure(thrown);
  const { retryAfter, claimed: identity } = handshake ?? {};
  connection.end();
  if (retryAfter !== undefined) {
    tell(gate, { ok: false, reason: 'too-many-refusals', mechanism: 'NTLM', error, identity }, request);
    const fields = Number.isFinite(retryAfter) ? { 'Retry-After': String(Math.ceil(retryAfter / 1000)) } : {};
    return answer(429, fields, { close: true });
  }
  tell(gate, error, request);
  return refuse(gate, connection, true, error.code === 'timed-out' ? 503 : 500);
}

/** Node's timers know no more, and fire at once beyond it. */
const MAX_TIMER = 2 ** 31 - 1;

/** @throws NtlmError `timed-out` */
async function inTime<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const details = { code: 'timed-out', phase: 'authenticate', side: 'local' } as const;
      reject(new NtlmError(`no verdict within ${milliseconds} ms`, details));
    }, Math.min(milliseconds, MAX_TIMER));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pass(request: IncomingMessage, identity: Parameters<typeof identify>[1], fields = {}): Decision {
  identify(request, identity);
  return { kind: 'pass', identity, fields };
}

/** `status`: another one than that of the side, which offers the schemes. */
function refuse(
  { settings: { side, schemes, maxRefusals } }: Gate,
  connection: Connection,
  counts: boolean,
  status?: 400 | 500 | 503,
  offer?: string,
): Answer {
  if (counts) connection.refusals += 1;
  const close = connection.refusals >= maxRefusals;
  if (status !== undefined) return answer(status, {}, { close });
  // the scheme that was spoken, with its last token
  const offers = schemes.map((scheme) => (offer?.startsWith(`${scheme} `) ? offer : scheme));
  return answer(side.status, { [side.authenticate]: offers }, { close });
}

/** What the app's callback throws is the app's, and ends neither the request nor the server. */
function tell({ settings: { onVerdict } }: Gate, verdict: NtlmServerVerdict, request: IncomingMessage): void {
  const warn = (error: unknown): void => process.emitWarning(error instanceof Error ? error : String(error));
  try {
    heard(onVerdict?.(verdict, request), warn);
  } catch (error) {
    warn(error);
  }
}

function challengeMissing(): NtlmError {
  const details = { code: 'verification-failed', phase: 'authenticate', side: 'peer' } as const;
  return new NtlmError('no challenge is open on this connection', details);
}

function failure(cause: unknown): NtlmError {
  return new NtlmError('a service of the server failed', { code: 'service-failed', phase: 'authenticate', side: 'local', cause });
}

const forwardedWarning = (field: string): string =>
  `A request with the field "${field}" was refused: a proxy that shares its connections among clients would share their ` +
  'identities too. Set "trustedProxy: true" where each client has a connection of its own through it.';
