/** What `decode` and `explain` share: where tokens come from and how text is coloured. */
import { NtlmError } from '../errors.ts';
import type { Palette } from '../visualize/decode/render.ts';
import { harmless } from '../visualize/decode/text.ts';
import { readAll, type Terminal } from './terminal.ts';

const LARGEST_INPUT = 64 * 1024 * 1024; // bytes

/** Exit code for input that holds no well-formed token. */
export const BAD_INPUT = 2;

/** The operands as one text, else all of standard input: text where it is some, else bytes. */
export async function readInput(operands: readonly string[], terminal: Terminal): Promise<string | Uint8Array> {
  if (operands.length > 0) return operands.join(' ');
  if (terminal.stdin.isTTY === true) terminal.say('Paste tokens, headers or a hex dump, then press Ctrl-D:');
  const bytes = await readAll(terminal.stdin, 'standard input', LARGEST_INPUT);
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? bytes : text;
  } catch {
    return bytes;
  }
}

/** Runs `work`; an error about the input becomes one sentence and the exit code for it. */
export async function reportingBadInput(verb: string, terminal: Terminal, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof NtlmError) || error.code === 'credentials-missing') throw error;
    terminal.say(`ntlmachine ${verb}: ${error.code}: ${harmless(error.message)}`);
    return BAD_INPUT;
  }
}

export function paletteOf({ paint }: Terminal): Palette {
  return {
    heading: (text) => paint(['bold', 'cyan'], text),
    name: (text) => paint('bold', text),
    bytes: (text) => paint('yellow', text),
    dim: (text) => paint('dim', text),
    good: (text) => paint('green', text),
    bad: (text) => paint('red', text),
  };
}
