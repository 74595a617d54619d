/** What a page demonstrates is said on the page, and nowhere else. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { explain } from '../../src/visualize/index.ts';
import { demonstrations, perform, type DemonstrationName } from '../../src/visualize/page/demonstrations.ts';

const warnings: string[] = [];
const note = (warning: Error): void => void warnings.push(`${warning.name}: ${warning.message}`);
beforeEach(() => void process.on('warning', note));
afterEach(() => void process.off('warning', note));

const SENTENCES: Readonly<Record<DemonstrationName, RegExp>> = {
  right: /accepted/,
  'wrong-then-right': /accepted/,
  proxy: /accepted/,
  downgrade: /EXTENDED_SESSIONSECURITY|weaker|policy/i,
  broken: /challenge/i,
  'altered-mic': /refused/,
};

test.each(Object.keys(demonstrations) as DemonstrationName[])('%s ends in a sentence of its own, and in no warning of the process', async (name) => {
  const { sentence, causes } = explain(await perform(name));
  await new Promise((resolve) => setTimeout(resolve, 20)); // warnings come a turn later
  expect(`${sentence} ${causes.map(({ summary }) => summary).join(' ')}`).toMatch(SENTENCES[name]);
  expect(warnings).toEqual([]);
});
