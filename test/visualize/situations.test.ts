import { describe, expect, test } from 'vitest';
import { explain, readConversation } from '../../src/visualize/index.ts';
import { recordingsOf } from '../support/recordings.ts';
import { SITUATIONS } from './situations.ts';

describe.each(SITUATIONS)('$name', ({ legs, tls = false, sentence, outcome, except = {}, never = [] }) => {
  test.each(Object.entries(recordingsOf(legs, { tls })))('%s', (recorder, recording) => {
    const explanation = explain(readConversation(recording));
    expect(explanation.sentence).toMatch(except[recorder] ?? sentence);
    if (except[recorder] === undefined) expect(explanation.outcome).toBe(outcome);
    expect(explanation.causes.map(({ id }) => id).filter((id) => never.includes(id))).toEqual([]);
    expect(explanation.sentence.match(/\.(?:\s|$)/g)).toHaveLength(1);
    if (outcome === 'accepted') expect(explanation.causes).toEqual([]);
  });
});
