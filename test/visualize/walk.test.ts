import { describe, expect, test } from 'vitest';
import { and, createMachine, fromPromise, not, setup } from 'xstate';
import { ntlmMachine } from '../../src/index.ts';
import { toMermaid, toSvg, toTable, walk } from '../../src/visualize/index.ts';

const machine = setup({
  actors: { look: fromPromise(async () => 1) },
  guards: { light: () => true, awake: () => true },
  actions: { note: () => {} },
}).createMachine({
  id: 'door',
  initial: 'shut',
  on: { knock: { actions: 'note' } },
  states: {
    shut: { tags: 'quiet', on: { open: { guard: and(['light', not('awake')]), target: 'ajar' } } },
    ajar: { invoke: { src: 'look', onDone: 'wide.left', onError: 'shut' }, after: { 5000: 'shut' } },
    wide: { type: 'parallel', states: { left: {}, right: {} }, always: { guard: 'light', target: 'gone' } },
    gone: { type: 'final' },
  },
});

describe('walking a machine', () => {
  const { states, transitions } = walk(machine);
  const ways = transitions.map(({ source, label, guard, target }) => [source, label, guard, target]);

  test('finds every state with its kind, tags and services', () => {
    expect(states.map(({ id, kind, initial, tags, services }) => [id, kind, initial, tags, services])).toEqual([
      ['door', 'compound', false, [], []],
      ['door.shut', 'atomic', true, ['quiet'], []],
      ['door.ajar', 'atomic', false, [], ['look']],
      ['door.wide', 'parallel', false, [], []],
      ['door.wide.left', 'atomic', false, [], []],
      ['door.wide.right', 'atomic', false, [], []],
      ['door.gone', 'final', false, [], []],
    ]);
  });

  test('names events, guards, delays and the ends of services as a person would', () => {
    expect(ways).toContainEqual(['door', 'knock', undefined, undefined]);
    expect(ways).toContainEqual(['door.shut', 'open', 'and(light, not(awake))', 'door.ajar']);
    expect(ways).toContainEqual(['door.ajar', 'look done', undefined, 'door.wide.left']);
    expect(ways).toContainEqual(['door.ajar', 'look failed', undefined, 'door.shut']);
    expect(ways).toContainEqual(['door.ajar', 'after 5000', undefined, 'door.shut']);
    expect(ways).toContainEqual(['door.wide', 'always', 'light', 'door.gone']);
  });

  test('misses no guard of the handshake machine', () => {
    const { transitions: all } = walk(ntlmMachine);
    const guards = new Set(all.map(({ guard }) => guard).filter((guard) => guard !== undefined));
    expect(guards).toEqual(new Set(Object.keys(ntlmMachine.implementations.guards)));
  });
});

describe('drawings', () => {
  test('an XML drawing escapes what names may hold', () => {
    const hostile = createMachine({ id: 'x', initial: 'a<script>', states: { 'a<script>': { on: { '"&': 'b' } }, b: {} } });
    const svg = toSvg(walk(hostile));
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('a&#60;script&#62;');
  });

  test('a machine that nobody laid out is a column of all its states', () => {
    const svg = toSvg(walk(machine));
    for (const { id } of walk(machine).states.slice(1)) expect(svg).toContain(`data-state="${id}"`);
  });

  test('mermaid and tables name every state', () => {
    for (const { key } of walk(machine).states.slice(1)) {
      expect(toMermaid(walk(machine))).toContain(key);
      expect(toTable(walk(machine))).toContain(key);
    }
  });
});
