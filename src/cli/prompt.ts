/** A question whose answer is not shown. */
import { openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Writable, type Readable } from 'node:stream';
import { ReadStream, WriteStream } from 'node:tty';
import { Interrupted } from './interrupted.ts';

interface Console {
  readonly input: Readable;
  readonly output: Writable;
  readonly close: () => void;
}

/** The terminal of this process, wherever its standard input comes from; `undefined` where it has none. */
export function openConsole(): Console | undefined {
  try {
    const input = new ReadStream(openSync('/dev/tty', 'r'));
    const output = new WriteStream(openSync('/dev/tty', 'w'));
    return { input, output, close: () => (input.destroy(), output.destroy()) };
  } catch {
    if (!process.stdin.isTTY) return undefined; // Windows has no /dev/tty
    return { input: process.stdin, output: process.stderr, close: () => process.stdin.pause() };
  }
}

/**
 * The line typed after `question`; `undefined` at end of input. Readline edits it and draws it nowhere,
 * and gives the terminal back as it was, on Ctrl-C too.
 *
 * @throws Interrupted on Ctrl-C.
 */
export async function askHidden(
  question: string,
  { input, output }: Pick<Console, 'input' | 'output'>,
): Promise<string | undefined> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true, historySize: 0 });
  output.write(question);
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
      lines.once('SIGINT', () => reject(new Interrupted()));
    });
  } finally {
    lines.close();
    output.write('\n');
  }
}
