/** The texts that show how the package is used: its documents, and the sources for their docstrings. */
import { readFileSync, readdirSync } from 'node:fs';
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

export const documents = ['README.md', 'SECURITY.md', ...within('docs', '.md')].map(read);
export const sources = within('src', '.ts').map(read);
