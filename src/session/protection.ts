/**
 * How one end of a session protects its messages and opens the other's: numbers, keystreams, signatures, and what a
 * message that is not right means for all that follow (MS-NLMP 3.4).
 */
import { equalBytes } from '@noble/ciphers/utils.js';
import { clean } from '@noble/hashes/utils.js';
import { invalidArgument, NtlmError, type NtlmErrorCode } from '../errors.ts';
import { DUMMY_SIGNATURE, SIGNATURE_LENGTH, type Flow, type Flows } from './flow.ts';
import type { MessageOptions } from './types.ts';

/** A part of a message at work. */
export interface Stretch {
  /** As it comes in here: in clear to be protected, as received to be opened. */
  readonly input: Uint8Array;
  /** Where it goes encrypted or decrypted, as long as `input`; `undefined` where it is only signed. */
  readonly output: Uint8Array | undefined;
}

export class Protection {
  /** `undefined` where signatures are dummies. */
  readonly #flows: Flows | undefined;
  #end: NtlmError | undefined;

  constructor(flows: Flows | undefined) {
    this.#flows = flows;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Whether signatures are constants that prove nothing. */
  get pretends(): boolean {
    return this.#flows === undefined;
  }

  /** Encrypts what is to be, and writes the signature of all of it into 16 zero bytes. */
  protect(message: readonly Stretch[], signature: Uint8Array, options: MessageOptions | undefined): void {
    this.assertOpen();
    if (this.#flows === undefined) {
      signature.set(DUMMY_SIGNATURE);
      return;
    }
    const { outgoing } = this.#flows;
    const number = outgoing.numbers.send(sequenceNumber(outgoing, options));
    outgoing.begin(number);
    for (const { input, output } of message) if (output !== undefined) outgoing.crypt(input, output);
    outgoing.mac(number, message.map(inputOf), signature);
  }

  /**
   * Decrypts what is encrypted, and returns if the signature is that of all of it.
   *
   * @param forms - what the message may be, looked at in this order. What was written for one that it is not is
   * overwritten.
   * @returns the form it is
   * @throws NtlmError as `NtlmSession.unwrap`
   */
  open<Form extends readonly Stretch[]>(
    forms: readonly Form[],
    signature: Uint8Array,
    options: MessageOptions | undefined,
  ): Form {
    this.assertOpen();
    const flow = this.#flows?.incoming;
    const told = flow && sequenceNumber(flow, options);
    if (signature.length !== SIGNATURE_LENGTH) throw this.failed('wrong-length', 'the signature is not 16 bytes long');
    if (flow === undefined) {
      if (!equalBytes(signature, DUMMY_SIGNATURE)) throw this.failed('signature-mismatch', 'not a dummy signature');
      return forms[0]!;
    }
    const shown = flow.numberIn(signature);
    if (told !== undefined && shown !== undefined && told !== shown) {
      throw this.failed('out-of-sequence', 'the message bears another number than its carrier says');
    }
    const number = shown ?? told ?? flow.numbers.next;
    const objection = flow.numbers.objection(number);
    if (objection !== undefined) throw this.failed('out-of-sequence', objection);

    for (const form of forms) {
      const check = (): boolean => isGenuine(flow, number, form, signature);
      // what fails last ends a stream, and a datagram has a keystream of its own
      if (!(form === forms.at(-1) ? check() : flow.attempt(check))) continue;
      flow.numbers.received(number);
      return form;
    }
    throw this.failed('signature-mismatch', 'the signature is not the one of this message');
  }

  /** Starts the keystream anew. */
  reset(direction: 'outgoing' | 'incoming' | undefined): void {
    this.assertOpen();
    if (direction !== 'incoming') this.#flows?.outgoing.reset();
    if (direction !== 'outgoing') this.#flows?.incoming.reset();
  }

  /** The error to throw for a message from the peer, after what it means for the session. */
  failed(code: NtlmErrorCode, message: string): NtlmError {
    const error = new NtlmError(message, { code, phase: 'session', side: 'peer' });
    if (!this.#flows?.incoming.datagram) this.end(unavailable('a message from the peer ended the session', error));
    return error;
  }

  /** Wipes the keys for good; `reason` is what every later call hears. */
  end(reason: NtlmError): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#flows?.outgoing.destroy();
    this.#flows?.incoming.destroy();
  }

  assertOpen(): void {
    if (this.#end !== undefined) throw unavailable(this.#end.message, this.#end.cause);
  }
}

export function unavailable(message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code: 'session-unavailable', phase: 'session', side: 'local', cause });
}

function isGenuine(flow: Flow, number: number, message: readonly Stretch[], signature: Uint8Array): boolean {
  flow.begin(number);
  for (const { input, output } of message) if (output !== undefined) flow.crypt(input, output);
  const expected = new Uint8Array(SIGNATURE_LENGTH);
  flow.mac(number, message.map(clearOf), expected);
  if (equalBytes(expected, flow.comparable(signature))) return true;
  for (const { output } of message) if (output !== undefined) clean(output);
  return false;
}

const inputOf = ({ input }: Stretch): Uint8Array => input;
const clearOf = ({ input, output }: Stretch): Uint8Array => output ?? input;

function sequenceNumber(flow: Flow, options: MessageOptions | undefined): number | undefined {
  const number = options?.sequenceNumber;
  if (number === undefined) return undefined;
  if (!flow.datagram) throw invalidArgument('sequenceNumber', 'is for datagrams: a stream counts itself', 'session');
  if (Number.isInteger(number) && number >= 0 && number <= 0xffffffff) return number;
  throw invalidArgument('sequenceNumber', 'must be an unsigned 32-bit integer', 'session');
}
