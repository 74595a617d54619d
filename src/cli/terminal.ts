/** The ends of a command: data on standard output, talk on standard error. */
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import { NtlmError } from '../errors.ts';

type Format = Parameters<typeof styleText>[0];

export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean | undefined };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Data. */
  readonly out: (data: string | Uint8Array) => void;
  /** Talk, one line. */
  readonly say: (line: string) => void;
  /** Columns that text is folded to: those of the terminal, 60 at least and 80 at most. */
  readonly width: number;
  /** Text for `out` in a colour, where the reader of it wants colours. */
  readonly paint: (format: Format, text: string) => string;
}

interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Of a terminal; honours NO_COLOR. */
  readonly hasColors?: () => boolean;
}

interface TerminalStreams {
  readonly stdin: Terminal['stdin'];
  readonly stdout: Output;
  readonly stderr: Writable;
  readonly env: Terminal['env'];
}

const WIDEST = 80;
const NARROWEST = 60;

export function createTerminal({ stdin, stdout, stderr, env }: TerminalStreams): Terminal {
  const forced = env['FORCE_COLOR'];
  const coloured = forced === undefined ? stdout.isTTY === true && stdout.hasColors?.() === true : !['0', 'false'].includes(forced);
  return {
    stdin,
    env,
    width: Math.min(WIDEST, Math.max(NARROWEST, stdout.columns ?? (Number(env['COLUMNS']) || WIDEST))),
    out: (data) => void stdout.write(data),
    say: (line) => void stderr.write(`${line}\n`),
    paint: (format, text) => (coloured ? styleText(format, text, { validateStream: false }) : text),
  };
}

/**
 * All bytes of `source`, which must not be more than `limit`.
 *
 * @throws NtlmError `too-long`.
 */
export async function readAll(source: AsyncIterable<unknown>, name: string, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    const bytes = chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length > limit) {
      const details = { code: 'too-long', phase: 'configure', side: 'local' } as const;
      throw new NtlmError(`${name} has more than ${limit} bytes`, details);
    }
    chunks.push(bytes);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
