/** The server's end, traced: what it received are requests, what it sent are answers. */
import { describe, expect, test } from 'vitest';
import { createActor, waitFor } from 'xstate';
import { acceptorMachine } from '../../../src/acceptor/index.ts';
import { Credentials, NtlmClient } from '../../../src/index.ts';
import { conversationOfTrace, explain, trace } from '../../../src/visualize/index.ts';
import { storyOf } from '../../../src/visualize/flow/story.ts';
import { drawLadder } from '../../../src/visualize/flow/ladder.ts';
import { layOut } from '../../../src/visualize/flow/ladder-layout.ts';
import { boxOf } from '../../../src/visualize/flow/six.ts';
import { toMarkup } from '../../../src/visualize/flow/svg.ts';

const login = (password: string) => Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });
const RIGHT = 'drawbridge-41';

async function accept(password: string) {
  const acceptor = createActor(acceptorMachine, { input: { credentials: login(RIGHT) } });
  const tracer = trace(acceptor);
  acceptor.start();
  const client = new NtlmClient({ credentials: login(password) });
  acceptor.send({ type: 'negotiate', token: client.negotiate() });
  const { context } = await waitFor(acceptor, (snapshot) => snapshot.matches('challenged'));
  acceptor.send({ type: 'authenticate', token: client.respond(context.challengeToken!) });
  await waitFor(acceptor, (snapshot) => snapshot.hasTag('settled'));
  return conversationOfTrace(tracer.toJSON());
}

describe('an acceptor that is traced', () => {
  test.each([
    ['accepts', RIGHT, false, 'accepted'],
    ['refuses', 'portcullis-41', true, 'refused'],
  ])('and %s: two requests, two answers, each message on the side of its sender', async (_, password, unauthorized, end) => {
    const conversation = await accept(password);
    const [connection] = conversation.connections;
    expect(connection!.exchanges.map(({ request, response }) => [request?.credentials.map(({ token }) => token?.message), response?.challenges.map(({ token }) => token?.message), response?.unauthorized])).toEqual([
      [['NEGOTIATE'], ['CHALLENGE'], true],
      [['AUTHENTICATE'], [], unauthorized],
    ]);
    expect(explain(conversation).outcome).toBe(unauthorized ? 'rejected' : 'accepted');

    const [thread] = storyOf(conversation).threads;
    expect(thread!.rows.map((row) => ('state' in row ? row.state : 'chip' in row ? `${row.from} ${row.chip?.token.message ?? row.label}` : row.label))).toEqual([
      'listening', 'client NEGOTIATE', 'challenging', 'server CHALLENGE', 'challenged', 'client AUTHENTICATE', 'verifying', expect.stringMatching(/^server (accepted|refused)$/), end,
    ]);
    expect(thread!.steps.every(({ now }) => boxOf(now) === undefined)).toBe(true); // it has a chart of its own
    const { places, frame, ...layout } = layOut(thread!, { width: 600, open: new Set() });
    const drawn = toMarkup(drawLadder({ places, frame, ...layout }, { step: 0, from: 0, to: layout.height }));
    expect([...drawn.matchAll(/class="pill-text" x="([\d.]+)"/g)].map(([, x]) => Number(x))).toEqual(Array(5).fill(frame.lanes.server));
  });
});
