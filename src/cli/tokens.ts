/** What `decode` and `explain` share: where tokens come from and how text is coloured. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { NtlmError } from '../errors.ts';
import type { Palette } from '../visualize/decode/render.ts';
import { unpacked } from '../visualize/conversation/gzip.ts';
import { harmless } from '../visualize/decode/text.ts';
import { readAll, type Terminal } from './terminal.ts';

const LARGEST_INPUT = 64 * 1024 * 1024; // bytes
const LONGEST_PATH = 4096;

/** Exit code for input that holds no well-formed token. */
export const BAD_INPUT = 2;

/**
 * What each operand names: a file, else the text that it is, tokens and header lines; standard input without operands.
 *
 * @throws NtlmError for a file that cannot be read or is too large, and for an operand that is neither.
 */
export async function readInputs(operands: readonly string[], terminal: Terminal): Promise<readonly [string | Uint8Array, ...(string | Uint8Array)[]]> {
  if (operands.length === 0) {
    if (terminal.stdin.isTTY === true) terminal.say('Paste tokens, headers or a hex dump, then press Ctrl-D:');
    return [textOrBytes(await readAll(terminal.stdin, 'standard input', LARGEST_INPUT), 'standard input')];
  }
  const [first, ...others] = operands;
  const kinds = await Promise.all(operands.map(kindOf));
  if (kinds.every((kind) => kind === 'text')) return [operands.join(' ')];
  const wrong = operands.find((_, index) => kinds[index] !== 'file');
  if (wrong !== undefined) throw unreadable(wrong, kinds[operands.indexOf(wrong)] === 'other' ? 'is no file that can be read' : 'is no such file, and no token');
  return [await readFileOf(first!), ...(await Promise.all(others.map(readFileOf)))];
}

/** A token or a header line may stand where a file does; what looks like neither was meant to be a file. */
async function kindOf(operand: string): Promise<'file' | 'text' | 'other' | 'missing'> {
  const found = operand.length > LONGEST_PATH || operand.includes('\0') ? undefined : await stat(operand).catch(() => undefined);
  if (found !== undefined) return found.isDirectory() ? 'other' : 'file';
  return /\s|^[A-Za-z0-9+/]{16,}={0,2}$|^(?:[0-9a-f]{2}[\s:,-]?){12,}$/i.test(operand) ? 'text' : 'missing';
}

async function readFileOf(path: string): Promise<string | Uint8Array> {
  const { size } = await stat(path);
  if (size > LARGEST_INPUT) throw tooLarge(path);
  try {
    return textOrBytes(await readAll(createReadStream(path), path, LARGEST_INPUT), path);
  } catch (error) {
    if (error instanceof NtlmError) throw error;
    throw unreadable(path, 'cannot be read', error);
  }
}

function unreadable(operand: string, problem: string, cause?: unknown): NtlmError {
  return new NtlmError(`"${operand.slice(0, 64)}" ${problem}`, { code: 'invalid-argument', phase: 'configure', side: 'local', cause });
}

function tooLarge(path: string): NtlmError {
  return new NtlmError(`"${path.slice(-64)}" has more than 64 MiB; cut it down to the connection in question`, { code: 'too-long', phase: 'configure', side: 'local' });
}

function textOrBytes(packed: Uint8Array, name: string): string | Uint8Array {
  const bytes = unpacked(packed, LARGEST_INPUT);
  if (bytes === undefined) throw tooLarge(name);
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
