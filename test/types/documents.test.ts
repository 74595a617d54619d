/** What the documents say by name (verbs, flags, scripts, codes, entry points) against the tables of the sources. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verbs as listed } from '../../src/cli/verbs.ts';
import type { Verb } from '../../src/cli/verb.ts';
import { documents, read, root, type Document } from '../support/documents.ts';

const verbs: readonly Verb[] = await Promise.all(listed.map(({ load }) => load()));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, string>>;
};

const codeIn = (line: string): string[] => Array.from(line.matchAll(/`([^`]+)`/g), ([, code]) => code!);

/** The code of the first column, row by row, of each table whose head begins with `head`. */
function columnsUnder(head: string, { lines }: Document): string[][] {
  const starts = lines.flatMap((line, i) => (line.startsWith(`| ${head} |`) ? [i + 2] : []));
  return starts.map((start) => {
    const rows = lines.slice(start, lines.findIndex((line, i) => i >= start && !line.startsWith('|')));
    return rows.flatMap((row) => codeIn(row.split('|')[1]!));
  });
}

interface Command {
  readonly place: string;
  readonly words: readonly string[];
}

/** What is shown for a shell: the lines of `sh` blocks, and code within a line. */
function commandsIn({ path, lines }: Document): Command[] {
  let shell = false;
  return lines.flatMap((line, i) => {
    if (/^\s*```/.test(line)) shell = line.trim() === '```sh';
    const shown = shell ? line.replace(/\s#.*/, '').split(/[|;]|&&/) : codeIn(line);
    return shown.map((text) => ({ place: `${path}:${i + 1}`, words: text.trim().replace(/^npx /, '').split(/\s+/) }));
  });
}

/** Every flag of a verb as its help lists it. */
function flagsOf({ help }: Verb): string[] {
  return Array.from(help.matchAll(/^ {2}(?:(-\w), | {4})--(\[no-\])?([\w-]+)/gm)).flatMap(([, short, no, name]) => [
    ...(short === undefined ? [] : [short]),
    ...(no === undefined ? [] : [`--no-${name}`]),
    `--${name}`,
  ]);
}

/** Verbs and flags that do not exist. `VERB` stands for any, and so does nothing before a flag. */
function mistakesIn(document: Document): string[] {
  return commandsIn(document).flatMap(({ place, words: [first = '', ...rest] }) => {
    if (!first.startsWith('-') && (first !== 'ntlmachine' || rest.length === 0)) return [];
    const verb = first === 'ntlmachine' ? rest[0] : 'VERB';
    const meant = verbs.filter(({ name }) => verb === 'VERB' || verb === name);
    if (meant.length === 0) return [`${place}: no verb ${verb}`];
    const flags = [first, ...rest].filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.replace(/=.*/, ''));
    return flags.filter((flag) => !meant.flatMap(flagsOf).includes(flag)).map((flag) => `${place}: no flag ${flag}`);
  });
}

describe('the command line', () => {
  test('each verb goes by the name it is listed by', () => {
    expect(verbs.map(({ name }) => name)).toEqual(listed.map(({ name }) => name));
  });

  test('the page of the command line lists every verb, in the order of the help', () => {
    expect(columnsUnder('Verb', read('docs/command-line.md'))).toEqual([verbs.map(({ name }) => `ntlmachine ${name}`)]);
  });

  test('every verb and flag shown exists', () => {
    expect(documents.flatMap(mistakesIn)).toEqual([]);
  });

  test('one that does not exist is told at its line', () => {
    const lines = ['`ntlmachine request -v`, `ntlmachine login`', '```sh', 'npx ntlmachine decode --force', '```'];
    const mistakes = mistakesIn({ path: 'wrong.md', lines });
    expect(mistakes).toEqual(['wrong.md:1: no verb login', 'wrong.md:3: no flag --force']);
  });

  test('every npm script shown exists', () => {
    const run = documents
      .flatMap(commandsIn)
      .filter(({ words: [first, second] }) => first === 'npm' && /^(run|start|test)$/.test(second!))
      .map(({ words: [, second, third] }) => (second === 'run' ? third! : second!));
    expect(run).toEqual(expect.arrayContaining(['start', 'test', 'fuzz']));
    expect(run.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });
});

describe('error codes', () => {
  const [, union = ''] = /export type NtlmErrorCode =\n([^]+?)\n\n/.exec(read('src/errors.ts').lines.join('\n')) ?? [];
  const codes = Array.from(union.matchAll(/^ {2}\| '([a-z-]+)'/gm), ([, code]) => code!);

  test('their page explains each once', () => {
    expect(codes).toContain('truncated');
    expect(columnsUnder('Code', read('docs/errors.md')).flat().sort()).toEqual([...codes].sort());
  });

  test('no document names one that does not exist', () => {
    const named = documents.flatMap((document) => columnsUnder('Code', document).flat());
    expect(named.filter((code) => !codes.includes(code))).toEqual([]);
  });
});

test('README lists every entry point', () => {
  const importable = Object.keys(manifest.exports).filter((path) => path !== './package.json');
  const listed = columnsUnder('Import', read('README.md')).flat();
  expect(listed.map((name) => name.replace(/^ntlmachine/, '.')).sort()).toEqual(importable.sort());
});
