import { Duplex } from 'node:stream';

/** As a Duplex is told that a chunk is written. */
export type Written = (error?: Error | null) => void;

/**
 * A Duplex that hands bytes on at once, past its buffers, while nothing has to wait, which is nearly always: what node's
 * streams do for what waits costs as much as all else of a small request. Where anything waits it is a Duplex and nothing else.
 */
export abstract class HandingDuplex extends Duplex {
  /** Handed to who is told of `readable`, and not taken yet. */
  #handed: Buffer | undefined;

  /** Takes a text, a character a byte, that nothing was written before. @returns whether it did. Throws what ends the stream. */
  protected abstract takeAtOnce(text: string): boolean;

  /** Takes what was written; `written` is told when there is room for more. */
  protected abstract takeParts(parts: readonly Buffer[], written: Written): void;

  override write(chunk: Buffer | string, encoding?: BufferEncoding | Written, written?: Written): boolean {
    const mayGo = encoding === 'latin1' && typeof chunk === 'string' && this.writable && this.writableLength === 0;
    if (!mayGo || !this.#takes(chunk, written)) return super.write(chunk, encoding as BufferEncoding, written);
    return !this.destroyed;
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, written: Written): void {
    this.takeParts([bytesOf(chunk, encoding)], written);
  }

  override _writev(chunks: { chunk: Buffer | string; encoding: BufferEncoding }[], written: Written): void {
    const parts = chunks.map(({ chunk, encoding }) => bytesOf(chunk, encoding));
    this.takeParts(parts, written);
  }

  #takes(text: string, written: Written | undefined): boolean {
    try {
      if (!this.takeAtOnce(text)) return false;
      if (written !== undefined) process.nextTick(written);
    } catch (error) {
      this.destroy(error as Error);
      if (written !== undefined) process.nextTick(written, error);
    }
    return true;
  }

  /** As push. @returns whether there is room for more. */
  protected hand(bytes: Buffer): boolean {
    return this.#isTaken(bytes) || this.push(bytes);
  }

  /** The first bytes are pushed, so that the stream knows itself read. */
  #isTaken(bytes: Buffer): boolean {
    if (this.readableLength > 0 || this.readableEncoding !== null || !this.readableDidRead) return false;
    if (this.readableFlowing === true) return this.emit('data', bytes);
    this.#handed = bytes;
    this.emit('readable');
    const taken = this.#handed === undefined;
    this.#handed = undefined;
    return taken;
  }

  override read(size?: number): ReturnType<Duplex['read']> {
    const handed = this.#handed;
    if (handed === undefined || size !== undefined) return super.read(size);
    this.#handed = undefined;
    this.emit('data', handed);
    return handed;
  }
}

function bytesOf(chunk: Buffer | string, encoding: BufferEncoding): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}
