/** Whether a request passes: the legs of a handshake, one after the other, on each connection. */
import type { IncomingMessage } from 'node:http';
import { NtlmError, invalidArgument } from '../../errors.ts';
import type { SpnegoAcceptor, SpnegoAcceptorStep } from '../../spnego/acceptor/acceptor.ts';
import type { HttpScheme } from '../authentication/mechanism.ts';
import { readAuthorization, stepOf } from './authorization.ts';
import { connectionOf, type Connection } from './connection.ts';
import { answer, type Answer, type Decision } from './decision.ts';
import { forwardingField } from './forwarded.ts';
import { identify } from './identity.ts';
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
  const step = stepOf(authorization);
  const due = connection.handshakeOf(gate, settings.challengeLifetime);
  if (token !== undefined && (step === 'first' || (step === 'next' && due !== undefined))) {
    const acceptor = step === 'next' && due ? due : connection.begin(gate, settings.acceptorOptions);
    return judge(gate, connection, request, { acceptor, scheme, token });
  }
  connection.end();
  return refuse(gate, connection, true, token === undefined || step === 'next' ? undefined : 400);
}

interface Leg {
  readonly acceptor: SpnegoAcceptor;
  readonly scheme: HttpScheme;
  readonly token: Uint8Array;
}

async function judge(gate: Gate, connection: Connection, request: IncomingMessage, leg: Leg): Promise<Decision> {
  const { acceptor, scheme, token } = leg;
  const { side, verifyTimeout } = gate.settings;
  const answersChallenge = acceptor.state !== 'listening';
  const report = (verdict: NtlmServerVerdict): void => {
    if (answersChallenge) tell(gate, verdict, request);
  };
  const late = new NtlmError('the response was not verified in time', {
    code: 'timed-out',
    phase: 'authenticate',
    side: 'local',
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    acceptor.reset();
  }, verifyTimeout);
  let step: SpnegoAcceptorStep;
  try {
    step = await acceptor.accept(token);
  } catch (error) {
    report(isLate ? late : error instanceof NtlmError ? error : failure(error));
    connection.end();
    return refuse(gate, connection, true, isLate ? 503 : 500);
  } finally {
    clearTimeout(timer);
  }
  const offer = step.token && `${scheme} ${Buffer.from(step.token).toString('base64')}`;
  switch (step.state) {
    case 'continue':
      connection.challenged();
      return answer(side.status, { [side.authenticate]: [offer!] }, { goesOn: true });
    case 'refused':
      report({ ok: false, reason: step.reason, error: step.error });
      connection.end();
      return refuse(gate, connection, true, step.reason === 'malformed' ? 400 : undefined, offer);
    case 'accepted': {
      report(step.result);
      const { identity, response, mic, channelBindings } = step.result;
      const who = Object.freeze({ ...identity, response, mic, channelBindings });
      connection.authenticated(who);
      return pass(request, who, offer === undefined ? {} : { [side.authenticate]: offer });
    }
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
  try {
    onVerdict?.(verdict, request);
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}

function failure(cause: unknown): NtlmError {
  return new NtlmError('the acceptor failed', { code: 'service-failed', phase: 'authenticate', side: 'local', cause });
}

const forwardedWarning = (field: string): string =>
  `A request with the field "${field}" was refused: a proxy that shares its connections among clients would share their ` +
  'identities too. Set "trustedProxy: true" where each client has a connection of its own through it.';
