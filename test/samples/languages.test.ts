/** What stands in fences besides samples of this package in TypeScript (run.test.ts) and for a shell (shell.test.ts). */
import { expect, test } from 'vitest';
import { documents, fencesOf, read, sources } from '../support/documents.ts';
import { placeOf } from './samples.ts';

const fences = [...documents, ...sources].flatMap(fencesOf);

test('every fence says what it is: a sample, what one prints, a configuration, or the code of somebody else', () => {
  const said = new Set(fences.map(({ language }) => language));
  expect([...said].sort()).toEqual(['c', 'ini', 'javascript', 'python', 'sh', 'text', 'ts']);
});

/** Code of other libraries is run by test/interop/before.test.ts, in JavaScript and Python. */
test('other languages are for the code of other libraries, beside what replaces it, and for parts of examples', () => {
  for (const { path, line, language, words, lines } of fences.filter(({ language }) => ['c', 'javascript', 'python'].includes(language))) {
    const [example] = words;
    if (example === undefined) {
      const before = read(path).lines.slice(0, line - 1).findLast((each) => each.trim() !== '');
      expect([path, language === 'c' || before?.startsWith('Before')]).toEqual([expect.stringMatching(/^docs\/(migrating|from-ntlmclient)\.md$/), true]);
    } else {
      const whole = read(example).lines;
      expect(lines.filter((each) => !whole.includes(each)), placeOf({ path, line })).toEqual([]);
    }
  }
});
