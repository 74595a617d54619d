/** Each program of examples is run by some test or script of this repository, which names it. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/documents.ts';

/** Without what an example has installed: the package itself is a link in there, in which all of this is found again. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return ['node_modules', 'dist'].includes(entry.name) ? [] : filesIn(path);
    return /\.(mjs|js|ts)$/.test(entry.name) ? [path] : [];
  });

/** What a program is made of: `react-login` is built whole and run in Chromium. */
const isPart = (path: string): boolean => /\/react-login\/(src\/|build-package|vite\.config)|\/server\/(listen|users)\.mjs$/.test(path);

test('there is none that nothing runs', () => {
  const runners = [...filesIn('test'), ...filesIn('scripts')].filter((path) => !path.endsWith('examples/all.test.ts')).map((path) => readFileSync(join(root, path), 'utf8'));
  const programs = filesIn('examples').filter((path) => !isPart(path));
  expect(programs.length).toBeGreaterThan(15);
  expect(programs.filter((path) => !runners.some((text) => text.includes(basename(path))))).toEqual([]);
});
