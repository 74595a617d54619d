/** Part 6: what a browser downloads. The limits stand in `.size-limit.js`. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { progress } from '../measure.ts';
import { kilobytes, table, type Section } from '../section.ts';

interface Entry {
  readonly name: string;
  readonly size: number;
  readonly sizeLimit: number;
}

const GOALS: Readonly<Record<string, number>> = {
  'ntlmachine, with xstate': 26.8,
  'ntlmachine/messages and ntlmachine/crypto': 11.3,
};

export function sizePart(): Section {
  progress('size-limit');
  const bench = fileURLToPath(new URL('../..', import.meta.url));
  // It ends with 1 where a limit is passed, and says so in its JSON too.
  const { stdout } = spawnSync(process.execPath, ['node_modules/size-limit/bin.js', '--json'], { cwd: bench, encoding: 'utf8' });
  progress('');
  const entries = JSON.parse(stdout) as Entry[];
  return {
    id: 'size',
    title: 'Size',
    method: 'Bundled by esbuild as for a browser, every dependency inside, minified, gzipped; by size-limit.',
    tables: [
      table(
        ['entry point', 'min+gzip', 'the build fails beyond'],
        entries.map(({ name, size, sizeLimit }) => [name, kilobytes(size), kilobytes(sizeLimit)]),
      ),
    ],
    goals: entries
      .filter(({ name }) => name in GOALS)
      .map(({ name, size }) => ({ what: name, result: size / 1000, limit: GOALS[name] ?? 0, unit: 'kB' as const })),
    remarks: [],
  };
}
