/** Part 2: the same handshake through the machine. */
import { createNtlmActor, Credentials, NtlmClient, type NtlmActor, type NtlmActorOptions } from 'ntlmachine';
import { bareActor, bareHandshake } from '../bare-machine.ts';
import { measure, type Contender, type Makers, type MeasureOptions } from '../measure.ts';
import { account, challenge, channelBindings, spn, workstation } from '../scenario.ts';
import { table, type Section } from '../section.ts';
import { assertRight } from '../verify.ts';
import { TIMES, againstPeers, peerMakers, timeOf, timeRow, timing } from './handshake.ts';

const options = { credentials: Credentials.fromPassword(account), workstation, spn, channelBindings };
const NEW = 'new actor per handshake';
const KEPT = 'one actor, reset';
const BARE = 'XState alone';

type Tokens = readonly [negotiate: Uint8Array | undefined, authenticate: Uint8Array | undefined];

function handshake(actor: NtlmActor): Tokens {
  actor.send({ type: 'negotiate' });
  const { negotiateToken } = actor.getSnapshot().context;
  actor.send({ type: 'challenge', token: challenge });
  const { token } = actor.getSnapshot().context;
  actor.send({ type: 'accepted' });
  return [negotiateToken, token];
}

function withNewActor(actorOptions?: NtlmActorOptions): () => Tokens {
  return () => handshake(createNtlmActor(options, actorOptions));
}

function withKeptActor(actorOptions?: NtlmActorOptions): () => Tokens {
  const actor = createNtlmActor(options, actorOptions);
  return () => {
    const tokens = handshake(actor);
    actor.send({ type: 'reset' });
    return tokens;
  };
}

function withClient(): Tokens {
  const client = new NtlmClient(options);
  const tokens = [client.negotiate(), client.respond(challenge)] as const;
  client.accepted();
  return tokens;
}

function contender(name: string, once: () => Tokens): Contender {
  const [negotiate, authenticate] = once();
  if (negotiate === undefined || authenticate === undefined) throw new Error(`${name} made no tokens`);
  assertRight(name, { negotiate, authenticate }, { mic: true, channelBindings: true });
  return {
    note: 'NTLMv2, MIC, SPN, channel bindings',
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) once();
    },
  };
}

const note = 'the same states, services that do nothing';
const inspect = (): void => {};

export const makers: Makers = {
  [NEW]: () => contender(NEW, withNewActor()),
  'new NtlmClient per handshake': () => contender('new NtlmClient per handshake', withClient),
  [KEPT]: () => contender(KEPT, withKeptActor()),
  [`${NEW}, inspected`]: () => contender(`${NEW}, inspected`, withNewActor({ inspect })),
  [`${KEPT}, inspected`]: () => contender(`${KEPT}, inspected`, withKeptActor({ inspect })),
  [`${BARE}, ${NEW}`]: () => ({
    note,
    run: (iterations) => {
      for (let i = 0; i < iterations; i++) bareHandshake(bareActor());
    },
  }),
  [`${BARE}, ${KEPT}`]: () => {
    const kept = bareActor();
    return {
      note,
      run: (iterations) => {
        for (let i = 0; i < iterations; i++) {
          bareHandshake(kept);
          kept.send({ type: 'reset' });
        }
      },
    };
  },
  ...peerMakers,
};

export async function actorPart(options: MeasureOptions): Promise<Section> {
  const results = await measure('actor', Object.keys(makers), options);
  return {
    id: 'actor',
    title: 'Handshake through the actor',
    method:
      'negotiate, challenge, accepted: the machine decides, its services make the bytes. The npm peers, which have no ' +
      `machine, ran in the same rounds. ${timing(options)}`,
    tables: [table(TIMES, results.map(timeRow))],
    goals: [
      { what: 'a kept actor against the fastest npm peer, fastest slices', result: againstPeers(results, KEPT, 'fastest'), limit: 5, unit: 'times' },
      { what: 'new actor per handshake, fastest slices', result: timeOf(results, NEW, 'fastest') / 1000, limit: 100, unit: 'µs' },
    ],
    remarks: [],
  };
}
