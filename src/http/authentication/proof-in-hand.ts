import type { NtlmErrorCode } from '../../errors.ts';
import type { Proof } from './proofs.ts';

/** Leave to send a type 3, from before type 1 until the server's word; and what that word makes of it. */
export class ProofInHand {
  /** What is asked for: its method and path. */
  place = '';
  #proof: Proof | undefined;
  /** Whether the type 3 left. */
  #sent = false;

  take(proof: Proof | undefined): void {
    this.#proof = proof;
    this.#sent = false;
  }

  /** The type 3 goes out now. */
  leaving(): void {
    this.#sent = true;
  }

  /** The type 3 was answered, and by no refusal. */
  answered(status: number): void {
    if (!saysNothing(status)) this.#proof?.accepted(this.place);
  }

  /** It is over with the handshake, the connection with it or not; `code`: how, where it failed. */
  settle(code: NtlmErrorCode | undefined): void {
    const proof = this.#proof;
    this.#proof = undefined;
    if (code === 'credentials-refused') proof?.refused(this.place);
    else if (this.#sent && (code === 'timed-out' || code === 'connection-closed')) proof?.lost();
    else proof?.withdraw();
  }
}

/** Neither that the credentials were right nor that they were not: another server, a fault, or more than a name is wanted. */
const saysNothing = (status: number): boolean => status === 400 || status === 403 || status >= 500;
