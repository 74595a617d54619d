/** Processes of these parts, ended together. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export class Processes {
  readonly #children: ChildProcess[] = [];

  start(file: string, ...args: readonly string[]): ChildProcess {
    const child = fork(fileURLToPath(new URL(`${file}.js`, import.meta.url)), args, { execArgv: profiled(args[0]) });
    this.#children.push(child);
    return child;
  }

  close(): void {
    for (const child of this.#children) if (child.connected) child.disconnect();
  }
}

/** What a process says next. */
export async function told<T>(child: ChildProcess): Promise<T> {
  return ((await once(child, 'message')) as [T])[0];
}

/** `GATEWAY_PROFILE=DIRECTORY`: the gateway's own process leaves a profile there. */
function profiled(kind: string | undefined): string[] {
  const directory = process.env['GATEWAY_PROFILE'];
  return kind === 'forward' && directory !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${directory}`] : [];
}

/** Seconds of processor time that a process has had, all its threads; Linux alone tells. */
export function processorTime(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}
