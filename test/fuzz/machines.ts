/** Whole handshakes with one message of the attacker's. */
import { credentialsWithLmHash, lm, lmAndNtlmv1, ntlm2Session } from '../../src/legacy/index.ts';
import { NtlmAcceptor, verifyAuthenticate } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, type NtlmOptions } from '../../src/index.ts';
import { Finding, attempt, expectPeerError, hex, summary } from './oracles.ts';
import { readAuthenticate, readChallenge, readNegotiate } from './reference-decoder.ts';

const now = (): bigint => 131400439870000000n;
const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(0xaa);
const credentials = credentialsWithLmHash({ username: 'User', domain: 'Domain', password: 'Password' });
const channelBindings = { hash: new Uint8Array(16).fill(0x42) };

/** Options of the client under attack; the first byte of an input picks one. */
const CLIENTS: readonly NtlmOptions[] = (
  [
    {},
    { sessionSecurity: 'seal', spn: 'HTTP/server', channelBindings, workstation: 'COMPUTER' },
    { policy: 'ntlmv2-compatible', sessionSecurity: 'sign', channelBindings },
    { policy: lmAndNtlmv1, sessionSecurity: 'seal', version: false },
    { policy: lm, unicode: false },
    { policy: ntlm2Session, requestTarget: false },
    { credentials: Credentials.anonymous(), sessionSecurity: 'sign' },
    { connectionless: true },
  ] satisfies Partial<NtlmOptions>[]
).map((options) => ({ credentials, now, randomBytes, ...options }));

/** Any bytes as a challenge: an answer that an acceptor takes, or a refusal that leaves no key and no answer. */
export function attackClient(input: Uint8Array): string {
  const options = CLIENTS[(input[0] ?? 0) % CLIENTS.length]!;
  const challenge = input.subarray(1);
  const client = new NtlmClient(options);
  const negotiate = options.connectionless === true ? undefined : client.negotiate();
  const result = attempt(() => client.respond(challenge));
  const { context } = client.actor.getSnapshot();
  const wellFormed = readChallenge(challenge) !== undefined;
  if ('error' in result) {
    const { error } = result;
    if (client.state !== 'failed' || context.error !== error) throw new Finding(`${error.code} in state ${client.state}`);
    if (context.sessionKey !== undefined || context.response !== undefined) throw new Finding(`${error.code} leaves an answer`);
    if (wellFormed === (error.offset !== undefined)) throw new Finding(`${error.code}: ${error.message}`);
    if (!wellFormed) expectPeerError(error, challenge.length);
    return summary(error);
  }
  if (!wellFormed || client.state !== 'responded') throw new Finding(`an answer in state ${client.state}`);
  const authenticate = result.value;
  if (readAuthenticate(authenticate) === undefined) throw new Finding(`a malformed answer: ${hex(authenticate)}`);
  const verdict = verifyAuthenticate({
    negotiate,
    challenge,
    authenticate,
    credentials,
    policy: lm,
    anonymous: true,
    channelBindings,
    requireChannelBindings: context.response === 'ntlmv2' && options.channelBindings !== undefined,
  });
  if (!verdict.ok) throw new Finding(`the acceptor refuses the answer: ${verdict.reason}`);
  if (hex(verdict.sessionKey.bytes()) !== hex(client.sessionKey!.bytes())) throw new Finding('the ends have different keys');
  return `${verdict.response} ${verdict.mic} ${verdict.channelBindings}`;
}

function acceptor(): NtlmAcceptor {
  return new NtlmAcceptor({ credentials, channelBindings, now, randomBytes });
}

/** Any bytes as a negotiate: a challenge that a client can read, or a refusal. */
export function attackAcceptorFirst(negotiate: Uint8Array): string {
  const server = acceptor();
  const result = attempt(() => server.challenge(negotiate));
  const wellFormed = readNegotiate(negotiate) !== undefined;
  if (wellFormed === 'error' in result) throw new Finding(`well-formed: ${wellFormed}, state ${server.state}`);
  if ('error' in result) {
    if (server.state !== 'refused') throw new Finding(`an error in state ${server.state}`);
    expectPeerError(result.error, negotiate.length);
    return result.error.code;
  }
  if (server.state !== 'challenged' || readChallenge(result.value) === undefined) throw new Finding('a malformed challenge');
  return 'challenged';
}

interface Handshake {
  readonly negotiate: Uint8Array;
  readonly challenge: Uint8Array;
  readonly authenticate: Uint8Array;
}

let handshake: Handshake | undefined;

/** The handshake whose last message the attacker may change. */
export function genuineHandshake(): Handshake {
  if (handshake !== undefined) return handshake;
  const client = new NtlmClient(CLIENTS[1]!);
  const negotiate = client.negotiate();
  const challenge = acceptor().challenge(negotiate);
  return (handshake = { negotiate, challenge, authenticate: client.respond(challenge) });
}

/** Any bytes as an authenticate: with a MIC over all of it, the genuine one alone is taken. */
export function attackAcceptorLast(authenticate: Uint8Array): string {
  const { negotiate, challenge, authenticate: genuine } = genuineHandshake();
  const result = attempt(() => verifyAuthenticate({ negotiate, challenge, authenticate, credentials, channelBindings }));
  if ('error' in result) throw new Finding(`thrown: ${result.error.message}`);
  const verdict = result.value;
  if (verdict.ok !== (hex(authenticate) === hex(genuine))) throw new Finding(`ok: ${verdict.ok} for ${hex(authenticate)}`);
  if (verdict.ok) return 'ok';
  if (readAuthenticate(authenticate) === undefined && verdict.reason !== 'malformed') throw new Finding(`malformed, yet ${verdict.reason}`);
  return `${verdict.reason} ${summary(verdict.error)}`;
}
