/** Part 7, run by name: whether the heap grows while handshakes and requests go on for ten minutes. */
import { createNtlmActor, Credentials } from 'ntlmachine';
import { loadsFor, NTLM_AGENT } from '../loads.ts';
import { progress, type MeasureOptions } from '../measure.ts';
import { account, challenge, channelBindings, spn, workstation } from '../scenario.ts';
import { kilobytes, table, type Section } from '../section.ts';
import { startServers } from '../servers.ts';
import { memoryInUse } from './scale.ts';

const MINUTES = 10;
const options = { credentials: Credentials.fromPassword(account), workstation, spn, channelBindings };

interface Mark {
  readonly minute: number;
  readonly bytes: number;
  readonly handshakes: number;
  readonly requests: number;
}

export async function soakPart({ rounds }: MeasureOptions): Promise<Section> {
  const minutes = rounds < 10 ? 1 : MINUTES;
  const servers = await startServers();
  const load = loadsFor(servers.urls, 8).find(({ name }) => name === NTLM_AGENT);
  if (load === undefined) throw new Error('no such load');
  const kept = createNtlmActor(options);
  const marks: Mark[] = [];
  let handshakes = 0;
  let requests = 0;
  const start = performance.now();
  const minute = (): number => (performance.now() - start) / 60_000;
  while (minute() < minutes + 0.5) {
    for (const actor of [kept, createNtlmActor(options)]) {
      actor.send({ type: 'negotiate' });
      actor.send({ type: 'challenge', token: challenge });
      actor.send({ type: 'accepted' });
      handshakes++;
    }
    kept.send({ type: 'reset' });
    await Promise.all(Array.from({ length: 8 }, load.request));
    requests += 8;
    // The first half minute fills caches and pools.
    if (minute() < marks.length + 0.5) continue;
    marks.push({ minute: marks.length, bytes: memoryInUse(), handshakes, requests });
    progress(`soak, minute ${marks.length} of ${minutes}`);
  }
  load.close();
  servers.close();
  progress('');
  const growth = (marks.at(-1)?.bytes ?? 0) - (marks[0]?.bytes ?? 0);
  return {
    id: 'soak',
    title: 'A long run',
    method:
      `${minutes} minutes of handshakes, on a kept actor and on new ones, and of requests over 8 authenticated connections; ` +
      'heap and array buffers after a full collection.',
    tables: [
      table(
        ['minute', 'memory', 'handshakes', 'requests'],
        marks.map(({ minute, bytes, ...counts }) => [
          String(minute),
          kilobytes(bytes),
          counts.handshakes.toLocaleString('en'),
          counts.requests.toLocaleString('en'),
        ]),
      ),
    ],
    goals: [],
    remarks: [`From the first mark to the last: ${growth < 0 ? 'minus ' : ''}${kilobytes(Math.abs(growth))}.`],
  };
}
