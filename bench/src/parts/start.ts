/** What it takes to start: processes of Node that load an entry point and end. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { progress, quantile, shuffled, type MeasureOptions } from '../measure.ts';
import { figure, table, type Section } from '../section.ts';

const command = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
const BARE = 'node, an empty module';
const programs: Readonly<Record<string, string>> = {
  [BARE]: '',
  'import xstate': 'xstate',
  'import ntlmachine': 'ntlmachine',
  'import ntlmachine/http': 'ntlmachine/http',
  'import ntlmachine/fetch': 'ntlmachine/fetch',
};
const HELP = 'ntlmachine --help';

export function startPart({ rounds }: MeasureOptions): Section {
  const folder = mkdtempSync(join(tmpdir(), 'ntlmachine-bench-'));
  try {
    const runs = Object.entries(programs).map(([name, specifier], at) => {
      const file = join(folder, `${at}.mjs`);
      writeFileSync(file, specifier === '' ? '' : `import ${JSON.stringify(import.meta.resolve(specifier))};\n`);
      return { name, args: [file], times: [] as number[] };
    });
    runs.push({ name: HELP, args: [command, '--help'], times: [] });
    for (let round = 1; round <= rounds; round++) {
      progress(`starts, round ${round} of ${rounds}`);
      for (const { name, args, times } of shuffled(runs)) {
        const start = performance.now();
        const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
        times.push(performance.now() - start);
        if (status !== 0) throw new Error(`${name} ended with ${status}`);
      }
    }
    progress('');
    const median = (wanted: string): number => quantile(runs.find(({ name }) => name === wanted)!.times, 0.5);
    const times = (name: string): number => median(name) / median(BARE);
    return {
      id: 'start',
      title: 'Start',
      method: `Whole processes by the clock on the wall. Median of ${rounds} interleaved rounds.`,
      tables: [
        table(
          ['process', 'median', 'fastest tenth', 'against bare node'],
          runs.map((run) => [run.name, `${figure(median(run.name))} ms`, `${figure(quantile(run.times, 0.1))} ms`, figure(times(run.name))]),
        ),
      ],
      goals: [
        { what: 'import ntlmachine, against bare node', result: times('import ntlmachine'), limit: 1.7, unit: 'times' },
        { what: 'import ntlmachine/http, against bare node', result: times('import ntlmachine/http'), limit: 2, unit: 'times' },
        { what: 'ntlmachine --help, against bare node', result: times(HELP), limit: 1.5, unit: 'times' },
      ],
      remarks: [],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
