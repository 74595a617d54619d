import { clean } from '@noble/ciphers/utils.js';
import { createActor } from 'xstate';
import { Credentials, secretsOf } from '../crypto/credentials.ts';
import { SessionKey } from '../crypto/session-key.ts';
import { checkObject } from '../checks.ts';
import { NtlmError, invalidArgument, type NtlmErrorDetails } from '../errors.ts';
import { warnIfWeak, type NtlmActor, type NtlmActorOptions, type NtlmSnapshot, type NtlmStateValue } from '../machine/actor.ts';
import type { NtlmContext } from '../machine/context.ts';
import { ntlmMachine } from '../machine/machine.ts';
import { resolveOptions, type NtlmOptions, type ResolvedOptions } from '../machine/options.ts';
import {
  legacyNameOf,
  policyOf,
  resolvePolicy,
  type Policy,
  type PolicyName,
  type ResolvedPolicy,
} from '../machine/policy.ts';
import type { Filetime } from '../messages/filetime.ts';
import { packBody, unpackBody } from './body.ts';
import { refused, seal, unseal } from './envelope.ts';

/** What a snapshot cannot hold, and how old it may be. */
export interface OpenSnapshotOptions extends NtlmActorOptions, Pick<NtlmOptions, 'now' | 'randomBytes'> {
  /** The values of `ntlmachine/legacy` whose snapshots are opened too; default: none. */
  readonly policies?: readonly Policy[] | undefined;
  /** Milliseconds since the sealing, by the actors' clocks `now`; default 300,000 (five minutes). */
  readonly maxAge?: number | undefined;
}

const FIVE_MINUTES = 300_000;
const TICKS_PER_MILLISECOND = 10_000n;

/**
 * The handshake of `actor` as bytes that only `key` opens, at any state but those with the tag `busy`. The actor
 * goes on as if nothing had happened.
 *
 * Inside are the state, the messages, the options that are data, the names and hashes of the credentials and the
 * session key; of the policy its name. The clock, the source of randomness, the machine and the `cause` of an error stay behind. The length
 * is all that the bytes show.
 *
 * @param key 32 secret random bytes
 * @throws NtlmError `unexpected-call` while a service is at work; `invalid-argument`; `service-failed` where the
 * clock fails; `unsupported` where the platform has no cryptographic randomness
 */
export function sealSnapshot(actor: NtlmActor, key: Uint8Array): Uint8Array<ArrayBuffer> {
  if (typeof actor?.getSnapshot !== 'function') throw invalidArgument('actor', 'must be an actor of ntlmMachine', 'snapshot');
  const snapshot = actor.getSnapshot();
  if (snapshot.status === 'error' || snapshot.hasTag('busy')) {
    throw new NtlmError('a service is at work: seal before or after it', {
      code: 'unexpected-call',
      phase: 'snapshot',
      side: 'local',
    });
  }
  const described = describe(snapshot);
  const body = packBody(described);
  try {
    return seal(body, key);
  } finally {
    clean(body); // and the copy of the key: the hashes are still the handle's
    if (described.sessionKey?.bytes !== undefined) clean(described.sessionKey.bytes);
  }
}

/**
 * A started actor that goes on where the sealed one was. Nothing keeps the same bytes from being opened twice:
 * whoever stores them sees to that.
 *
 * @param bytes as `sealSnapshot` made them
 * @param key the same 32 bytes
 * @throws NtlmError `snapshot-refused` for a wrong key, an altered byte, another version, a snapshot that is too
 * old, or as far from now in the future, or a legacy policy that `policies` does not hold; `invalid-argument`; `service-failed` where the clock fails
 */
export function openSnapshot(bytes: Uint8Array, key: Uint8Array, options: OpenSnapshotOptions = {}): NtlmActor {
  checkObject('options', options);
  const { maxAge = FIVE_MINUTES, now, randomBytes, machine = ntlmMachine, inspect } = options;
  if (typeof maxAge !== 'number' || !(maxAge >= 0 && maxAge <= Number.MAX_SAFE_INTEGER)) {
    throw invalidArgument('maxAge', 'must be a number of milliseconds', 'snapshot');
  }
  const policies = resolvePolicies(options.policies);
  const body = unseal(bytes, key);
  const { sealedAt, value, ...described } = unpackBody(body) as Described;
  clean(body);
  const credentials = restoreCredentials(described.credentials);
  const sessionKey = described.sessionKey && restoreSessionKey(described.sessionKey);
  try {
    const policy = policyNamed(described.options.policy, policies);
    const context: NtlmContext = {
      ...described,
      credentials,
      options: resolveOptions({ ...described.options, policy, credentials, now, randomBytes }),
      sessionKey,
      error: described.error && new NtlmError(described.error.message, described.error),
    };
    const age = timeOf(context.options) - sealedAt;
    if ((age < 0n ? -age : age) > BigInt(Math.floor(maxAge)) * TICKS_PER_MILLISECOND) throw refused('the snapshot is too old');
    const actor = createActor(machine, {
      snapshot: machine.resolveState({ value, context }),
      // Not read where a snapshot is given; the type asks for it.
      input: { credentials },
      ...(inspect === undefined ? {} : { inspect }),
    });
    warnIfWeak(context.options.legacy);
    return actor.start();
  } catch (error) {
    credentials.wipe();
    sessionKey?.wipe();
    throw error;
  }
}

/** @throws NtlmError `invalid-argument`. */
function resolvePolicies(values: readonly Policy[] = []): readonly ResolvedPolicy[] {
  if (!Array.isArray(values)) throw invalidArgument('policies', 'must be an array of policies', 'snapshot');
  return values.map((value: Policy) => resolvePolicy(value, 'policies'));
}

/** The policy that was sealed by its name alone. @throws NtlmError `snapshot-refused`. */
function policyNamed(name: PolicyName, given: readonly ResolvedPolicy[]): Policy {
  const imported = legacyNameOf(name);
  const resolved = imported === undefined ? { policy: name, legacy: undefined } : given.find(({ policy }) => policy === name);
  if (resolved !== undefined) return policyOf(resolved);
  throw refused(
    `the snapshot's policy "${name}" is a weak one: give { policies: [${imported}] }, ` +
      `with import { ${imported} } from 'ntlmachine/legacy'`,
  );
}

/** A snapshot as plain data and byte strings. */
interface Described extends Omit<NtlmContext, 'options' | 'credentials' | 'sessionKey' | 'error'> {
  readonly sealedAt: Filetime;
  readonly value: NtlmStateValue;
  readonly options: Omit<NtlmOptions, 'credentials' | 'policy' | 'now' | 'randomBytes'> & { readonly policy: PolicyName };
  readonly credentials: DescribedCredentials;
  readonly sessionKey: { readonly bytes: Uint8Array | undefined } | undefined;
  readonly error: (NtlmErrorDetails & { readonly message: string }) | undefined;
}

interface DescribedCredentials {
  readonly username: string;
  readonly domain: string;
  readonly kind: 'account' | 'anonymous' | 'wiped';
  readonly ntHash: Uint8Array;
  readonly lmHash: Uint8Array | undefined;
}

function describe({ value, context }: NtlmSnapshot): Described {
  const { options, credentials, sessionKey, error, ...rest } = context;
  return {
    ...rest,
    sealedAt: timeOf(options),
    value,
    options: describeOptions(options),
    credentials: describeCredentials(credentials),
    sessionKey: sessionKey && { bytes: sessionKey.wiped ? undefined : sessionKey.bytes() },
    error: error && { message: error.message, code: error.code, phase: error.phase, side: error.side, offset: error.offset },
  };
}

function timeOf({ now }: ResolvedOptions): Filetime {
  try {
    return now();
  } catch (cause) {
    if (cause instanceof NtlmError) throw cause;
    throw new NtlmError('the clock failed', { code: 'service-failed', phase: 'snapshot', side: 'local', cause });
  }
}

function describeOptions(options: ResolvedOptions): Described['options'] {
  const { now: _now, randomBytes: _randomBytes, legacy: _legacy, channelBindings, version, ...data } = options;
  return { ...data, channelBindings: channelBindings && { hash: channelBindings }, version: version ?? false };
}

const NO_HASH = new Uint8Array(16);

function describeCredentials(credentials: Credentials): DescribedCredentials {
  const { username, domain, anonymous, wiped, hasLmHash } = credentials;
  if (anonymous || wiped) {
    const kind = wiped ? 'wiped' : 'anonymous';
    return { username, domain, kind, ntHash: NO_HASH, lmHash: hasLmHash ? NO_HASH : undefined };
  }
  const { ntHash, lmHash } = secretsOf(credentials);
  return { username, domain, kind: 'account', ntHash, lmHash };
}

function restoreCredentials({ kind, username, ...names }: DescribedCredentials): Credentials {
  const credentials = username === '' ? Credentials.anonymous() : Credentials.fromNtHash({ username, ...names });
  clean(names.ntHash, ...(names.lmHash ? [names.lmHash] : []));
  if (kind === 'wiped') credentials.wipe();
  return credentials;
}

function restoreSessionKey({ bytes }: { readonly bytes: Uint8Array | undefined }): SessionKey {
  const sessionKey = new SessionKey(bytes ?? NO_HASH);
  if (bytes === undefined) sessionKey.wipe();
  else clean(bytes);
  return sessionKey;
}
