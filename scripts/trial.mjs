/**
 * What scripts that try the package elsewhere share: a temporary folder, installs from npm, a table in a document, and a
 * count that a run of tests can add to its own.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';

export const root = resolve(import.meta.dirname, '..');
const quietly = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 * 1024 * 1024 };

export const run = (command, args, cwd) => execFileSync(command, args, { ...quietly, cwd });

/** Runs to its end, beside others. @returns what it says; rejects with what it says of its failure. */
export async function start(command, args, { cwd, env = {}, timeout = 300_000 }) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout, killSignal: 'SIGKILL' });
  const ended = new Promise((done, fail) => child.on('error', fail).on('close', done));
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (status !== 0) throw Object.assign(new Error(`${command.split('/').at(-1)} ${args[0] ?? ''} ended with ${status}\n${out}${err}`.trim()), { out, err });
  return out;
}

/** A folder with a package of its own and, in it, what is installed from npm: names, or paths of tarballs. */
export async function project(parent, name, packages, { type = 'module', files = {}, manifest = {} } = {}) {
  const cwd = join(parent, name.replace(/\W+/g, '-'));
  mkdirSync(cwd, { recursive: true });
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ private: true, type, ...manifest }));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(cwd, file), content);
  await start('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--silent', '--force', '--prefer-offline', ...packages], { cwd });
  return cwd;
}

export const versionOf = (cwd, name) => JSON.parse(readFileSync(join(cwd, 'node_modules', name, 'package.json'), 'utf8')).version;

export const pack = (folder) => join(folder, run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], root).trim());

/** Calls `work` for each of the items, so many at a time. */
export async function each(items, work, atOnce = 2) {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

export const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Cells that are as they should be, and those that are not. */
export class Score {
  #passed = 0;
  #failures = [];

  /** One cell; `problem` says why it is not as it should be. */
  add(name, problem) {
    if (problem === undefined) this.#passed += 1;
    else this.#failures.push(`${name}: ${problem}`);
  }

  /** Tells, and sets the exit code; with `--outputFile.json=FILE` in the form of vitest's. */
  close() {
    for (const failure of this.#failures) console.error(failure);
    console.log(`${this.#passed} passed, ${this.#failures.length} failed`);
    const file = process.argv.find((arg) => arg.startsWith('--outputFile.json='))?.split('=')[1];
    const counts = { numPassedTests: this.#passed, numPendingTests: 0, numTodoTests: 0 };
    const assertionResults = this.#failures.map((failure) => ({ fullName: failure.split(':')[0], status: 'failed', failureMessages: [failure] }));
    const testResults = [{ name: process.argv[1], status: this.#failures.length > 0 ? 'failed' : 'passed', message: '', assertionResults }];
    if (file !== undefined) writeFileSync(file, JSON.stringify({ ...counts, testResults }));
    if (this.#failures.length > 0) process.exitCode = 1;
  }
}

/** With `--write`: puts a table between its marks in docs/runtimes.md. */
export function publish(mark, text) {
  console.log(text);
  if (!process.argv.includes('--write')) return;
  const file = join(root, 'docs/runtimes.md');
  const before = readFileSync(file, 'utf8');
  const after = before.replace(new RegExp(`(?<=<!-- ${mark} -->\\n)[^]*?(?=\\n<!-- end -->)`), () => `\n${text}\n`);
  if (!before.includes(`<!-- ${mark} -->`)) throw new Error(`docs/runtimes.md has no place for ${mark}`);
  writeFileSync(file, after);
}

/** A folder that is gone when `work` is done. */
export async function inFolder(name, work) {
  const folder = mkdtempSync(join(tmpdir(), `ntlmachine-${name}-`));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
