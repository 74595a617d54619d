/**
 * The initiator's machine against a table of states and happenings, written from RFC 4178 4.2.2 and 5 and from
 * MS-SPNG 3.1.5.1, with the machine itself nowhere in it.
 */
import { describe, expect, it } from 'vitest';
import { Credentials } from '../../src/index.ts';
import { createSpnegoActor, type SpnegoActor, type SpnegoEvent } from '../../src/spnego/index.ts';
import { other, stateOf } from './support.ts';
import { happenings, next, SpnegoBystander, states, table, tags, type Happening, type State } from './model.ts';

/** The shortest way to each state. */
const ways: Record<State, readonly Happening[]> = {
  idle: [],
  'negotiated.waiting': ['negotiate'],
  'responded.waiting': ['negotiate', 'a challenge'],
  authenticated: ['negotiate', 'a challenge', 'the end'],
  'failed.faulted': ['negotiate', 'a malformed challenge'],
  'failed.refused': ['negotiate', 'a rejected mechanism'],
  'failed.rejected': ['negotiate', 'a challenge', 'rejected'],
};

describe.each(states)('in %s', (state) => {
  it.each(happenings)('%s leads where the table says', (happening) => {
    const bystander = new SpnegoBystander();
    for (const step of ways[state]) bystander.happen(step);
    expect(bystander.state).toBe(state);
    const before = bystander.actor.getSnapshot();
    const emitted = bystander.tokens.length;

    bystander.happen(happening);

    const expected = next(state, happening);
    const after = bystander.actor.getSnapshot();
    expect(bystander.state).toBe(expected);
    expect(after.status).toBe('active');
    for (const tag of ['awaiting-server', 'busy', 'needs-credentials', 'settled'] as const) {
      expect(after.hasTag(tag), tag).toBe(tags[expected].includes(tag));
    }
    if (table[state][happening] === undefined && happening !== 'reset') expect(after).toBe(before);
    const makes = happening === 'negotiate' || happening === 'a challenge' || happening === 'accept-incomplete';
    expect(bystander.tokens.length - emitted).toBe(makes && table[state][happening] !== undefined ? 1 : 0);
  });
});

describe('what no state knows', () => {
  const nonsense: readonly object[] = [
    { type: 'unknown' },
    { type: '' },
    { type: 'token', token: new Uint8Array(4) },
    { type: 'xstate.snapshot.ntlm' },
    { type: 'xstate.snapshot.ntlm', snapshot: {} },
    { type: 'xstate.done.actor.ntlm' },
    { type: 'reset', credentials: null },
    { type: 'reset', credentials: { username: 'Other' } },
  ];

  it.each(states)('changes nothing in %s', (state) => {
    for (const event of nonsense) {
      const bystander = new SpnegoBystander();
      for (const step of ways[state]) bystander.happen(step);
      const { value, context } = bystander.actor.getSnapshot();
      bystander.actor.send(event as SpnegoEvent);
      expect(bystander.actor.getSnapshot()).toMatchObject({ status: 'active', value });
      expect(bystander.actor.getSnapshot().context).toBe(context);
    }
  });

  it.each([undefined, null, 'token', 7, {}])('and a token that is %o is a malformed one', (token) => {
    const ask = (type: 'challenge' | 'finish'): SpnegoActor => {
      const bystander = new SpnegoBystander();
      for (const step of ways[type === 'challenge' ? 'negotiated.waiting' : 'responded.waiting'])
        bystander.happen(step);
      bystander.actor.send({ type, token } as never);
      return bystander.actor;
    };
    for (const type of ['challenge', 'finish'] as const) expect(stateOf(ask(type))).toBe('failed.faulted');
  });
});

it('takes other credentials along with a reset', () => {
  const actor = createSpnegoActor({ credentials: Credentials.anonymous() });
  actor.send({ type: 'reset', credentials: other });
  expect(actor.getSnapshot().children.ntlm!.getSnapshot().context.credentials).toBe(other);
});
