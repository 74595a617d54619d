import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Interrupted } from '../../src/cli/interrupted.ts';
import { askHidden } from '../../src/cli/prompt.ts';

/** A terminal of two streams that remembers what was drawn and whether it was raw. */
function terminal() {
  const modes: boolean[] = [];
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => void modes.push(raw) });
  const output = new PassThrough();
  return { input, output, modes, drawn: () => String(output.read() ?? '') };
}

describe('askHidden', () => {
  it('returns the line typed and draws nothing of it', async () => {
    const { input, output, modes, drawn } = terminal();
    const answer = askHidden('Password: ', { input, output });
    input.write('Jürgen 日本 hunter');
    input.write('3\u007f2\r');
    expect(await answer).toBe('Jürgen 日本 hunter2');
    expect(drawn()).toBe('Password: \n');
    expect(modes).toEqual([true, false]);
  });

  it('returns an empty line for an empty line', async () => {
    const { input, output } = terminal();
    const answer = askHidden('', { input, output });
    input.write('\r');
    expect(await answer).toBe('');
  });

  it('returns nothing at the end of input', async () => {
    const { input, output, modes } = terminal();
    const answer = askHidden('', { input, output });
    input.write('\u0004');
    expect(await answer).toBeUndefined();
    expect(modes.at(-1)).toBe(false);
  });

  it('gives the terminal back on Ctrl-C', async () => {
    const { input, output, modes, drawn } = terminal();
    const answer = askHidden('', { input, output });
    input.write('hunter2\u0003');
    await expect(answer).rejects.toBeInstanceOf(Interrupted);
    expect(modes).toEqual([true, false]);
    expect(drawn()).toBe('\n');
  });
});
