import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';

/** What a request carries. */
export interface Body {
  /** Bytes; `undefined` where nobody knows before the end. */
  readonly length: number | undefined;
  /** Whether it can be opened again. */
  readonly repeatable: boolean;
  open(): Readable;
}

/** What `--data` says: texts, a file with its length, or standard input. */
export async function bodyOf(data: readonly string[] | undefined, stdin: Readable): Promise<Body | undefined> {
  const [only = ''] = data ?? [];
  if (data?.length === 1 && only === '@-') return { length: undefined, repeatable: false, open: () => stdin };
  if (data?.length === 1 && only.startsWith('@')) {
    const path = only.slice(1);
    const found = await stat(path);
    const length = found.isFile() ? found.size : undefined; // of a pipe or a device nobody knows
    // A file that grows meanwhile must not say more than was promised.
    const open = (): Readable => createReadStream(path, length === undefined || length === 0 ? {} : { end: length - 1 });
    return { length, repeatable: length !== undefined, open: length === 0 ? () => Readable.from([]) : open };
  }
  if (data === undefined) return undefined;
  const bytes = Buffer.from(data.join('&'));
  return { length: bytes.length, repeatable: true, open: () => Readable.from([bytes], { objectMode: false }) };
}
