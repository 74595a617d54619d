/**
 * Every sample of the documents and docstrings, type-checked by the compiler as one project, in the package's own
 * strictness and against what is built of it, under its public names (`npm run build` comes first).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { documents, fencesOf, read, root, sources, type Document, type Fence } from '../support/documents.ts';

/** What a sample leaves to its reader. The package's own names have to be imported. */
const own = read('test/samples/readers-own.ts').lines.flatMap((line) => /^export (?:const|async function|function) (\w+)/.exec(line)?.[1] ?? []);
const READERS_OWN = `
import * as own from '../test/samples/readers-own.ts';
declare global {
${own.map((name) => `  const ${name}: typeof own.${name};`).join('\n')}
}
`;

const CONFIG = {
  extends: '../tsconfig.json',
  // A sample may name a value and leave its use to the reader; each has names of its own.
  compilerOptions: { noUnusedLocals: false, moduleDetection: 'force' },
};

interface Sample {
  readonly file: string;
  /** As many lines and columns as the document has before it, so that a complaint has the document's own place. */
  readonly code: string;
}

/** Fenced blocks, imports within a line, and the tables that say what an entry point holds. */
function samplesOf(document: Document): Sample[] {
  const { path, lines } = document;
  const samples: Sample[] = [];
  const add = (line: number, code: string, ending = 'ts'): void =>
    void samples.push({ file: `${path}/${samples.length}.${ending}`, code: '\n'.repeat(line) + code });
  for (const { line, indent, language, lines: block } of fencesOf(document).filter(isSample)) {
    add(line, block.map((each) => ' '.repeat(indent) + each).join('\n'), language.replace('js', 'ts'));
  }
  for (const [line, text] of lines.entries()) {
    for (const [, statement] of text.matchAll(/`(import [^`]+ from '[^'`]+')`/g)) add(line, `${statement};`);
    const [, entry, held] = /^\| `(ntlmachine(?:\/[\w-]+)?)` \| (.+?) \|/.exec(text) ?? [];
    if (held !== undefined) {
      const names = Array.from(held.matchAll(/`(\w+)`/g), ([, name]) => name);
      add(line, `import { ${names.join(', ')} } from '${entry}';`);
    }
  }
  return samples;
}

const isSample = ({ language }: Fence): boolean => /^[jt]sx?$/.test(language);

/** What the compiler has to say, each complaint led by the place in the document: `README.md:40:7: error …`. */
function complaintsAbout(samples: readonly Sample[]): string[] {
  const folder = mkdtempSync(join(root, '.samples-'));
  try {
    const modules = [...samples, { file: 'readers-own.ts', code: READERS_OWN }];
    const config = JSON.stringify({ ...CONFIG, files: modules.map(({ file }) => file), include: [] });
    for (const { file, code } of [...modules, { file: 'tsconfig.json', code: config }]) {
      mkdirSync(join(folder, dirname(file)), { recursive: true });
      writeFileSync(join(folder, file), code);
    }
    const tsc = join(root, 'node_modules/.bin/tsc');
    const { stdout, error } = spawnSync(tsc, ['--pretty', 'false'], { cwd: folder, encoding: 'utf8' });
    if (error) throw error;
    const complaints = stdout.trim() === '' ? [] : stdout.trimEnd().split(/\n(?=\S)/);
    return complaints.map((each) => each.replace(/^(.+)\/\d+\.tsx?\((\d+),(\d+)\)/, '$1:$2:$3'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const WRONG = `A sample that is wrong:

 * \`\`\`ts
 * import { Credentials, NtlmClient } from 'ntlmachine';
 *
 * new NtlmClient({ credentials: Credentials.anonymous(), policy: 'ntlmv3' });
 * \`\`\`
`;

const shown = [...documents, ...sources].flatMap(samplesOf);
const complaints = complaintsAbout([...shown, ...samplesOf({ path: 'wrong.md', lines: WRONG.split('\n') })]);

test('samples are found in documents and docstrings', () => {
  const places = shown.map(({ file }) => dirname(file));
  expect(places).toEqual(expect.arrayContaining(['README.md', 'docs/http.md', 'src/client/client.ts']));
  const fences = [...documents, ...sources].flatMap(({ lines }) => lines).filter((text) => /```[tj]sx?\b/.test(text));
  expect([...documents, ...sources].flatMap(fencesOf).filter(isSample).length).toBe(fences.length);
});

test('every sample compiles', () => {
  expect(complaints.filter((each) => !each.startsWith('wrong.md'))).toEqual([]);
});

test('a wrong sample is told at its place in the document', () => {
  const told = complaints.filter((each) => each.startsWith('wrong.md'));
  expect(told).toEqual([expect.stringMatching(/^wrong\.md:6:59: error TS2820: Type '"ntlmv3"' is not assignable/)]);
});
