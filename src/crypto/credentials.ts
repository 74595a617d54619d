/**
 * Who logs on, as an opaque handle. The names are readable; the hashes sit in private storage, which JSON,
 * inspection, cloning and spreading do not reach. A password is hashed at once and not kept.
 */
import { clean } from '@noble/hashes/utils.js';
import { invalidArgument, localError } from '../errors.ts';
import { checkBytes, checkName, checkObject, checkText } from '../checks.ts';
import { HmacMd5Key } from './hmac-md5.ts';
import { ntowfV1, ntowfV2 } from './owf.ts';

/** Names of an account. No name has a control character: `'CORP\bob'` lost its backslash, and is refused. */
export interface Identity {
  /** `user`, `DOMAIN\user` without a `domain` beside it, or `user@realm`, which stays whole with no domain. */
  readonly username: string;
  /** NetBIOS or DNS name of the account's domain; empty or left out when the server shall find it. */
  readonly domain?: string | undefined;
}

/**
 * Input of {@link Credentials.fromPassword}.
 *
 * ```ts
 * import { Credentials } from 'ntlmachine';
 *
 * Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });
 * Credentials.fromPassword({ username: 'CASTLE\\alice', password });
 * Credentials.fromPassword({ username: 'alice@castle.example', password });
 * ```
 */
export interface PasswordCredentials extends Identity {
  /**
   * Any string of at most 64 KiB in UTF-16, the empty one too, that ends with no line break: files and shells add one that is
   * none of it. `fromNtHash` takes `ntowfV1` of a password that does end so.
   */
  readonly password: string;
  /** Nothing but `false`: credentials with an LM hash are made by `credentialsWithLmHash` of `ntlmachine/legacy`. */
  readonly lmHash?: false | undefined;
}

/**
 * Input of {@link Credentials.fromNtHash}. Hashes are 16 bytes or 32 hexadecimal digits.
 *
 * ```ts
 * import { Credentials } from 'ntlmachine';
 *
 * Credentials.fromNtHash({ username: 'alice', domain: 'CASTLE', ntHash: process.env.NT_HASH ?? '' });
 * ```
 */
export interface HashCredentials extends Identity {
  readonly ntHash: Uint8Array | string;
  readonly lmHash?: Uint8Array | string | undefined;
}

/** What a handle shows of itself. */
export interface RedactedCredentials {
  readonly username: string;
  readonly domain: string;
  readonly secret: '[redacted]' | '[wiped]' | '[none]';
}

/** What the responses are made of. For the library's own services; the arrays are the handle's, not copies. */
export interface CredentialSecrets {
  /** NTOWFv1, 16 bytes. */
  readonly ntHash: Uint8Array;
  /** LMOWFv1, 16 bytes, where the handle was told to keep it. */
  readonly lmHash: Uint8Array | undefined;
  /** NTOWFv2 as a keyed state; made once for the handle's own domain, which is the default. */
  responseKeyNT(domain?: string): HmacMd5Key;
}

/** 64 KiB of UTF-16. */
const MAX_PASSWORD_UNITS = 32768;

/** The way into each handle, for {@link secretsOf}. A static block would be shorter; React Native's bundler refuses them. */
const vaults = /* @__PURE__ */ new WeakMap<object, () => CredentialSecrets>();

/** Made by {@link Credentials.fromPassword}, {@link Credentials.fromNtHash} and {@link Credentials.anonymous}. */
export class Credentials {
  readonly username: string;
  readonly domain: string;
  readonly anonymous: boolean;
  #secrets: Secrets | undefined;
  #wiped = false;

  private constructor(identity: { username: string; domain: string }, secrets: Secrets | undefined) {
    if (secrets !== undefined && !(secrets instanceof Secrets)) {
      throw invalidArgument('Credentials', 'is made by fromPassword, fromNtHash or anonymous');
    }
    this.username = identity.username;
    this.domain = identity.domain;
    this.anonymous = secrets === undefined;
    this.#secrets = secrets;
    vaults.set(this, () => this.#open());
    Object.freeze(this);
  }

  /**
   * Credentials of an account and its password.
   * @throws NtlmError `invalid-argument` for a missing value, a wrong type or a password over 64 KiB;
   * `too-long` for a name that fits no message
   */
  static fromPassword(options: PasswordCredentials): Credentials {
    const identity = identityOf(options);
    const { password, lmHash } = options;
    checkText('password', password, 'configure');
    if (/[\r\n]$/.test(password)) throw invalidArgument('password', 'ends with a line break: give it trimmed');
    if (password.length > MAX_PASSWORD_UNITS) throw invalidArgument('password', 'must not exceed 64 KiB');
    if (lmHash !== undefined && lmHash !== false) {
      throw invalidArgument('lmHash', "must be left out: import { credentialsWithLmHash } from 'ntlmachine/legacy'");
    }
    return new Credentials(identity, new Secrets(identity, ntowfV1(password), undefined));
  }

  /**
   * Credentials of an account and its NT hash.
   * @throws NtlmError `invalid-argument` for a missing value, a wrong type or a hash of another size;
   * `too-long` for a name that fits no message
   */
  static fromNtHash(options: HashCredentials): Credentials {
    const identity = identityOf(options);
    const { ntHash, lmHash } = options;
    const nt = hashOf(ntHash, 'ntHash');
    const lm = lmHash === undefined ? undefined : hashOf(lmHash, 'lmHash');
    return new Credentials(identity, new Secrets(identity, nt, lm));
  }

  /** The anonymous user (MS-NLMP 3.2.5.1.2): no name, no hash. */
  static anonymous(): Credentials {
    return new Credentials({ username: '', domain: '' }, undefined);
  }

  /** Whether the handle can make an LM response. */
  get hasLmHash(): boolean {
    return this.#secrets?.lmHash !== undefined;
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  #open(): CredentialSecrets {
    if (this.#wiped) throw localError('the credentials were wiped', 'credentials-missing', 'authenticate');
    if (this.#secrets) return this.#secrets;
    throw localError('anonymous credentials have no hash', 'credentials-unsuitable', 'authenticate');
  }

  /** Zeroes the hashes for good; every later use is `credentials-missing`. */
  wipe(): void {
    this.#secrets?.wipe();
    this.#wiped = true;
  }

  toJSON(): RedactedCredentials {
    const { username, domain, anonymous } = this;
    return { username, domain, secret: this.#wiped ? '[wiped]' : anonymous ? '[none]' : '[redacted]' };
  }

  toString(): string {
    return `Credentials ${JSON.stringify(this)}`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/**
 * The hashes behind a handle. Not part of the public surface.
 * @throws NtlmError `credentials-missing` after `wipe()`; `credentials-unsuitable` for the anonymous user;
 * `invalid-argument` for anything but a handle
 */
export function secretsOf(credentials: Credentials): CredentialSecrets {
  const open = vaults.get(credentials);
  if (open === undefined) throw invalidArgument('credentials', 'must be Credentials', 'authenticate');
  return open();
}

/** The private part of a handle; its own fields are private too, should it ever be printed. */
class Secrets implements CredentialSecrets {
  readonly #username: string;
  readonly #domain: string;
  readonly #ntHash: Uint8Array;
  readonly #lmHash: Uint8Array | undefined;
  #responseKey: HmacMd5Key | undefined;

  constructor(identity: { username: string; domain: string }, ntHash: Uint8Array, lmHash: Uint8Array | undefined) {
    this.#username = identity.username;
    this.#domain = identity.domain;
    this.#ntHash = ntHash;
    this.#lmHash = lmHash;
  }

  get ntHash(): Uint8Array {
    return this.#ntHash;
  }

  get lmHash(): Uint8Array | undefined {
    return this.#lmHash;
  }

  responseKeyNT(domain: string = this.#domain): HmacMd5Key {
    if (domain === this.#domain) return (this.#responseKey ??= this.#makeResponseKey(domain));
    return this.#makeResponseKey(domain);
  }

  wipe(): void {
    clean(this.#ntHash);
    if (this.#lmHash) clean(this.#lmHash);
    this.#responseKey?.destroy();
  }

  #makeResponseKey(domain: string): HmacMd5Key {
    const responseKey = ntowfV2(this.#ntHash, this.#username, domain);
    const keyed = new HmacMd5Key(responseKey);
    clean(responseKey);
    return keyed;
  }
}

function identityOf(options: Identity): { username: string; domain: string } {
  checkObject('options', options);
  let { username, domain } = options;
  checkText('username', username, 'configure');
  const slash = username.indexOf('\\');
  if (domain === undefined) {
    domain = username.slice(0, Math.max(slash, 0));
    username = username.slice(slash + 1);
  } else if (domain && slash >= 0) throw invalidArgument('username', 'names a domain: leave "domain" out');
  checkName('username', username);
  checkName('domain', domain);
  if (username === '') throw invalidArgument('username', 'must not be empty; see Credentials.anonymous()');
  return { username, domain };
}

function hashOf(hash: Uint8Array | string, argument: string): Uint8Array<ArrayBuffer> {
  if (typeof hash === 'string') {
    if (!/^[0-9a-f]{32}$/i.test(hash)) throw invalidArgument(argument, 'must be 16 bytes or 32 hexadecimal digits');
    return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hash.slice(2 * i, 2 * i + 2), 16));
  }
  checkBytes(argument, hash, 'configure', 16);
  return Uint8Array.from(hash);
}
