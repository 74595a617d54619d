/**
 * One direction of a session: its keys, its keystream, its sequence numbers. MS-NLMP calls the keystream "Handle".
 * Without extended session security both directions share one flow, as every implementation has it.
 */
import { md5 } from '@noble/hashes/legacy.js';
import { clean, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { crc32 } from '../crypto/crc32.ts';
import { HmacMd5Key } from '../crypto/hmac-md5.ts';
import { sealKey, signKey, type Side } from '../crypto/keys.ts';
import { RC4 } from '../crypto/rc4.ts';
import { DatagramSequence, StreamSequence, type SequenceNumbers } from './sequence.ts';

// NegotiateFlags that choose between algorithms (MS-NLMP 2.2.2.5).
const NEGOTIATE_DATAGRAM = 0x00000040;
const NEGOTIATE_EXTENDED_SESSIONSECURITY = 0x00080000;
const NEGOTIATE_KEY_EXCH = 0x40000000;

/** NTLMSSP_MESSAGE_SIGNATURE (MS-NLMP 2.2.2.9), bytes. */
export const SIGNATURE_LENGTH = 16;
/** What ALWAYS_SIGN without SIGN puts where a signature goes: a version and nothing else. */
export const DUMMY_SIGNATURE: Uint8Array = /* @__PURE__ */ hexToBytes('01000000000000000000000000000000');

const VERSION = 1;
const RANDOM_PAD = 4;
const CHECKSUM = 4;
const SEQ_NUM = 12;

export interface Flow {
  readonly numbers: SequenceNumbers;
  /** Whether every message has a keystream of its own. */
  readonly datagram: boolean;
  /** The sequence number that a received signature shows, where it shows one. */
  numberIn(signature: Uint8Array): number | undefined;
  /** Gets the keystream ready for one message: first of all, once a message. */
  begin(number: number): void;
  /** Seals or unseals the message (3.4.3): before its MAC. */
  crypt(data: Uint8Array, output: Uint8Array): void;
  /** Writes the signature of a message in clear (3.4.4), given in parts, into 16 zero bytes. */
  mac(number: number, parts: readonly Uint8Array[], signature: Uint8Array): void;
  /** The received signature without what a verifier ignores. */
  comparable(signature: Uint8Array): Uint8Array;
  /** Returns what `run` does, with the keystream put back where it was if that is `false`. */
  attempt(run: () => boolean): boolean;
  /** Starts the keystream anew. */
  reset(): void;
  destroy(): void;
}

/** The two flows of a session, seen from one end. */
export interface Flows {
  readonly outgoing: Flow;
  readonly incoming: Flow;
}

export function flowsOf(flags: number, key: Uint8Array, side: Side): Flows {
  const peer = side === 'client' ? 'server' : 'client';
  if ((flags & NEGOTIATE_EXTENDED_SESSIONSECURITY) === 0) {
    const shared = new LegacyFlow(flags, key, side);
    return { outgoing: shared, incoming: shared };
  }
  return { outgoing: new ExtendedFlow(flags, key, side), incoming: new ExtendedFlow(flags, key, peer) };
}

abstract class SealingFlow {
  readonly numbers: SequenceNumbers;
  readonly datagram: boolean;
  readonly #sealKey: Uint8Array;
  #handle: RC4;

  constructor(flags: number, key: Uint8Array, sender: Side) {
    this.datagram = (flags & NEGOTIATE_DATAGRAM) !== 0;
    this.numbers = this.datagram ? new DatagramSequence() : new StreamSequence();
    this.#sealKey = sealKey(flags, key, sender);
    this.#handle = new RC4(this.#sealKey);
  }

  /** `SealingKey' = MD5(SealingKey || SequenceNumber)` for datagrams (3.4.3). */
  begin(number: number): void {
    if (!this.datagram) return;
    const sequenceNumber = new Uint8Array(4);
    writeUint32(sequenceNumber, 0, number);
    this.#rekey(md5(concatBytes(this.#sealKey, sequenceNumber)));
  }

  crypt(data: Uint8Array, output: Uint8Array): void {
    this.#handle.process(data, output);
  }

  attempt(run: () => boolean): boolean {
    const before = this.#handle.clone();
    if (run()) {
      before.destroy();
      return true;
    }
    this.#handle.destroy();
    this.#handle = before;
    return false;
  }

  reset(): void {
    this.#rekey(this.#sealKey.slice());
  }

  destroy(): void {
    this.#handle.destroy();
    clean(this.#sealKey);
  }

  #rekey(key: Uint8Array): void {
    this.#handle.destroy();
    this.#handle = new RC4(key);
    clean(key);
  }
}

/** MS-NLMP 3.4.4.2: Version, Checksum (8), SeqNum. */
class ExtendedFlow extends SealingFlow implements Flow {
  readonly #signing: HmacMd5Key;
  readonly #keyExchange: boolean;

  constructor(flags: number, key: Uint8Array, sender: Side) {
    super(flags, key, sender);
    const signing = signKey(key, sender);
    this.#signing = new HmacMd5Key(signing);
    clean(signing);
    this.#keyExchange = (flags & NEGOTIATE_KEY_EXCH) !== 0;
  }

  numberIn(signature: Uint8Array): number {
    return readUint32(signature, SEQ_NUM);
  }

  mac(number: number, parts: readonly Uint8Array[], signature: Uint8Array): void {
    writeUint32(signature, 0, VERSION);
    writeUint32(signature, SEQ_NUM, number);
    const checksum = this.#signing.digest(signature.subarray(SEQ_NUM), ...parts).subarray(0, 8);
    if (this.#keyExchange) this.crypt(checksum, checksum);
    signature.set(checksum, CHECKSUM);
  }

  comparable(signature: Uint8Array): Uint8Array {
    return signature;
  }

  override destroy(): void {
    super.destroy();
    this.#signing.destroy();
  }
}

/** MS-NLMP 3.4.4.1: Version, RandomPad, Checksum (4), SeqNum. */
class LegacyFlow extends SealingFlow implements Flow {
  numberIn(): undefined {
    return undefined; // encrypted
  }

  mac(number: number, parts: readonly Uint8Array[], signature: Uint8Array): void {
    writeUint32(signature, 0, VERSION);
    writeUint32(signature, 8, crc32(concatBytes(...parts)));
    writeUint32(signature, SEQ_NUM, number);
    const encrypted = signature.subarray(RANDOM_PAD);
    this.crypt(encrypted, encrypted);
    signature.fill(0, RANDOM_PAD, RANDOM_PAD + 4);
  }

  comparable(signature: Uint8Array): Uint8Array {
    return Uint8Array.from(signature).fill(0, RANDOM_PAD, RANDOM_PAD + 4);
  }
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

function readUint32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}
