/** The texts that show how the package is used: its documents, and the sources for their docstrings. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Document {
  /** From the package's root. */
  readonly path: string;
  readonly lines: readonly string[];
}

export const read = (path: string): Document => ({ path, lines: readFileSync(join(root, path), 'utf8').split('\n') });

const within = (folder: string, ending: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .sort()
    .map((path) => join(folder, path));

const examples = readdirSync(join(root, 'examples')).map((name) => `examples/${name}/README.md`);

export const documents = ['README.md', 'SECURITY.md', 'CONTRIBUTING.md', 'site/pages/index.md', ...examples, ...within('docs', '.md')]
  .filter((path) => existsSync(join(root, path)))
  .map(read);
export const sources = within('src', '.ts').map(read);

/** A fenced block of code. */
export interface Fence {
  readonly path: string;
  /** Of its first line of code, from 0. */
  readonly line: number;
  /** What stands before each of its lines: a docstring's star, or nothing. */
  readonly indent: number;
  /** `ts`, `sh`, … */
  readonly language: string;
  /** What follows the language: `run`. */
  readonly words: readonly string[];
  readonly lines: readonly string[];
}

export function fencesOf({ path, lines }: Document): Fence[] {
  const fences: Fence[] = [];
  for (let line = 0; line < lines.length; line += 1) {
    const [, before, info] = /^([\s*]*)```(\w.*)$/.exec(lines[line]!) ?? [];
    if (before === undefined || info === undefined) continue;
    const start = line + 1;
    while (!lines[++line]!.slice(before.length).startsWith('```'));
    const [language = '', ...words] = info.trim().split(/\s+/);
    fences.push({ path, line: start, indent: before.length, language, words, lines: lines.slice(start, line).map((each) => each.slice(before.length)) });
  }
  return fences;
}
