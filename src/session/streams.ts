/** Frames as web streams. */
import { checkBytes } from '../checks.ts';
import { checkMaxSize, FrameReader, framesOf, type Transform } from './frames.ts';

export interface StreamOptions {
  /**
   * The largest token in bytes, its 16 of signature included and the length prefix not: SASL's `maxbuf`.
   * Longer chunks are sent in several frames, longer frames refused. Default 65536; Active Directory's LDAP may
   * answer with more.
   */
  readonly maxSize?: number | undefined;
}

const DEFAULT_MAX_SIZE = 65_536;

/** @throws NtlmError `invalid-argument`, also as the stream's error for a chunk that is not bytes. */
export function wrapFrames(wrap: Transform, options?: StreamOptions): TransformStream<Uint8Array, Uint8Array> {
  const maxSize = checkMaxSize(options?.maxSize ?? DEFAULT_MAX_SIZE);
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      checkBytes('chunk', chunk, 'session');
      for (const frame of framesOf(chunk, wrap, maxSize)) controller.enqueue(frame);
    },
  });
}

/**
 * Errors with NtlmError `too-long` and `truncated` from the peer, `invalid-argument`, and as `unwrap` throws, once all
 * that was right before it was read.
 */
export function unwrapFrames(unwrap: Transform, options?: StreamOptions): TransformStream<Uint8Array, Uint8Array> {
  const frames = new FrameReader(checkMaxSize(options?.maxSize ?? DEFAULT_MAX_SIZE));
  let reached = (): void => {};

  // An error of a stream takes what is queued along: it goes through the queue itself first.
  async function orFailure(controller: Controller, work: () => void): Promise<void> {
    try {
      work();
    } catch (error) {
      controller.enqueue(new Failure(error));
      await new Promise<void>((resolve) => (reached = resolve));
      throw error;
    }
  }

  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array | Failure>({
    transform: (chunk, controller) =>
      orFailure(controller, () => {
        checkBytes('chunk', chunk, 'session');
        frames.push(chunk);
        for (let token = frames.next(); token !== undefined; token = frames.next()) {
          const message = unwrap(token);
          if (message.length > 0) controller.enqueue(message);
        }
      }),
    flush: (controller) => orFailure(controller, () => frames.end()),
  });
  const reader = readable.getReader();
  const messages = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else if (value instanceof Failure) {
          reached();
          throw value.reason;
        } else controller.enqueue(value);
      },
      cancel(reason) {
        reached();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return { readable: messages, writable };
}

type Controller = TransformStreamDefaultController<Uint8Array | Failure>;

/** Why a stream ends, on its way to who reads it. */
class Failure {
  readonly reason: unknown;
  constructor(reason: unknown) {
    this.reason = reason;
  }
}
