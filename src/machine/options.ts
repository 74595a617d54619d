import { Credentials } from '../crypto/credentials.ts';
import { invalidArgument } from '../errors.ts';
import { checkName, checkObject, isBytes } from '../checks.ts';
import type { Filetime } from '../messages/filetime.ts';
import { NTLMSSP_REVISION_W2K3, checkVersion, type Version } from '../messages/version.ts';
import { resolvePolicy, type Policy, type ResolvedPolicy } from './policy.ts';
import { checkedClock, checkedRandomness, systemClock, systemRandomBytes } from './sources.ts';

/** What the user wants to do with the session after authentication; `offer` asks for signing and does without. */
export type SessionSecurity = 'none' | 'offer' | 'sign' | 'seal';

/**
 * Options of a handshake. Everything but the credentials has a default.
 *
 * ```ts
 * import { createNtlmActor, type NtlmOptions } from 'ntlmachine';
 *
 * const options: NtlmOptions = { credentials, workstation: 'LAPTOP', spn: 'HTTP/keep.castle.example', sessionSecurity: 'seal' };
 * const actor = createNtlmActor(options);
 * ```
 */
export interface NtlmOptions {
  readonly credentials: Credentials;
  /** Name of this machine as the server may log it; default: none. */
  readonly workstation?: string | undefined;
  /** Service principal name, `HTTP/host` for HTTP, sent as MsvAvTargetName; default: absent. From the caller's URL, never from the challenge. */
  readonly spn?: string | undefined;
  /** Hash of the TLS channel (16 bytes), sent as MsvAvChannelBindings; default: absent. */
  readonly channelBindings?: { readonly hash: Uint8Array } | undefined;
  /** The weakest response that may leave this machine: a name, or a value of `ntlmachine/legacy`; default `ntlmv2`. */
  readonly policy?: Policy | undefined;
  /** `false` allows an OEM character set only, with ASCII names; default `true`. */
  readonly unicode?: boolean | undefined;
  /** Whether the server is asked to name itself (REQUEST_TARGET); default `true`. */
  readonly requestTarget?: boolean | undefined;
  /** What to call ourselves in the Version field; `false` leaves it out of type 3 and zero in type 1. Default 10.0.0. */
  readonly version?: Version | false | undefined;
  /** `sign` and `seal` ask for session keys and demand them, `offer` only asks; default `none`, inside SPNEGO `offer`. */
  readonly sessionSecurity?: SessionSecurity | undefined;
  /** Whether a challenge may come without a negotiate before it; default `false`. */
  readonly connectionless?: boolean | undefined;
  /** The clock: FILETIME ticks; default: the system's. */
  readonly now?: (() => Filetime) | undefined;
  /** Cryptographic randomness; default: `crypto.getRandomValues`. Drawn for the client challenge (8) first, then the exported session key (16). */
  readonly randomBytes?: ((length: number) => Uint8Array) | undefined;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedOptions extends ResolvedPolicy {
  readonly workstation: string;
  readonly spn: string | undefined;
  readonly channelBindings: Uint8Array | undefined;
  readonly unicode: boolean;
  readonly requestTarget: boolean;
  readonly version: Version | undefined;
  readonly sessionSecurity: SessionSecurity;
  readonly connectionless: boolean;
  readonly now: () => Filetime;
  readonly randomBytes: (length: number) => Uint8Array;
}

const SESSION_SECURITY: readonly SessionSecurity[] = ['none', 'offer', 'sign', 'seal'];
const DEFAULT_VERSION: Version = {
  productMajorVersion: 10,
  productMinorVersion: 0,
  productBuild: 0,
  ntlmRevisionCurrent: NTLMSSP_REVISION_W2K3,
};

/** @throws NtlmError `invalid-argument` or `too-long`, naming the option. */
export function resolveOptions(options: NtlmOptions): ResolvedOptions {
  checkObject('options', options);
  checkCredentials(options.credentials);
  const { policy, legacy } = resolvePolicy(options.policy);
  const { sessionSecurity = 'none', version = DEFAULT_VERSION } = options;
  if (!SESSION_SECURITY.includes(sessionSecurity)) {
    throw invalidArgument('sessionSecurity', `must be one of ${SESSION_SECURITY.join(', ')}`);
  }
  const hash = options.channelBindings?.hash;
  if (options.channelBindings !== undefined && !(isBytes(hash) && hash.length === 16)) {
    throw invalidArgument('channelBindings', 'must carry a "hash" of 16 bytes');
  }
  const randomBytes = callable('randomBytes', options.randomBytes);
  if (version !== false) checkVersion(version, 'configure');
  return {
    workstation: text('workstation', options.workstation) ?? '',
    spn: text('spn', options.spn),
    channelBindings: hash && new Uint8Array(hash),
    policy,
    legacy,
    unicode: boolean('unicode', options.unicode, true),
    requestTarget: boolean('requestTarget', options.requestTarget, true),
    version: version === false ? undefined : { ...version },
    sessionSecurity,
    connectionless: boolean('connectionless', options.connectionless, false),
    now: checkedClock(callable('now', options.now) ?? systemClock),
    randomBytes: randomBytes === undefined ? systemRandomBytes : checkedRandomness(randomBytes),
  };
}

/** @throws NtlmError `invalid-argument`. */
export function checkCredentials(credentials: unknown): asserts credentials is Credentials {
  if (!(credentials instanceof Credentials)) {
    throw invalidArgument('credentials', 'must be made by Credentials.fromPassword, fromNtHash or anonymous');
  }
}

function text(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  checkName(name, value);
  return value;
}

function boolean(name: string, value: boolean | undefined, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== 'boolean') throw invalidArgument(name, 'must be true or false');
  return value;
}

function callable<T>(name: string, value: T | undefined): T | undefined {
  if (value !== undefined && typeof value !== 'function') throw invalidArgument(name, 'must be a function');
  return value;
}
