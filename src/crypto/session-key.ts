/** A handle around ExportedSessionKey: prints, serializes and clones as a redaction. */
import { clean } from '@noble/hashes/utils.js';
import { localError } from '../errors.ts';
import { checkBytes } from '../checks.ts';

/** ExportedSessionKey (MS-NLMP 3.1.5.1.2), 16 bytes, shown only by {@link bytes}. */
export class SessionKey {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /**
   * @param bytes - 16 bytes, copied
   * @throws NtlmError `invalid-argument` for another size
   */
  constructor(bytes: Uint8Array) {
    checkBytes('bytes', bytes, 'session', 16);
    this.#bytes = new Uint8Array(new ArrayBuffer(16)); // beside V8's heap: what lies there is moved, and left behind
    this.#bytes.set(bytes);
  }

  /**
   * The key itself, as a copy that is the caller's to protect.
   * @returns 16 bytes
   * @throws NtlmError `session-unavailable` after {@link wipe}
   */
  bytes(): Uint8Array<ArrayBuffer> {
    if (this.#wiped) {
      throw localError('the session key was wiped', 'session-unavailable', 'session');
    }
    return this.#bytes.slice();
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  /** Zeroes the key for good. */
  wipe(): void {
    clean(this.#bytes);
    this.#wiped = true;
  }

  toJSON(): string {
    return this.#wiped ? '[wiped session key]' : '[redacted session key]';
  }

  toString(): string {
    return this.toJSON();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `SessionKey ${this.toJSON()}`;
  }
}
