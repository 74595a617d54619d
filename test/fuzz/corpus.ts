import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Inputs kept between runs: a file for each target, a line for each input, hexadecimal, shortest first. */
export function readInputs(folder: string, target: string): Uint8Array[] {
  const file = join(folder, `${target}.txt`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => Uint8Array.from(Buffer.from(line === '-' ? '' : line, 'hex')));
}

export function writeInputs(folder: string, target: string, inputs: readonly Uint8Array[]): void {
  if (inputs.length === 0) return;
  mkdirSync(folder, { recursive: true });
  const lines = [...new Set(inputs.map((input) => Buffer.from(input).toString('hex') || '-'))];
  lines.sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  writeFileSync(join(folder, `${target}.txt`), `${lines.join('\n')}\n`);
}
