/**
 * What it costs an app to be watched: processor time of the app for each request, with a page that is looked at and without,
 * in turns. The server and whoever looks are processes of their own.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Credentials } from 'ntlmachine';
import { NtlmAgent, createNtlmServer } from 'ntlmachine/http';
import { visualize } from 'ntlmachine/visualize';

const REQUESTS = 1500;
const CONNECTIONS = 8;

const credentials = Credentials.fromPassword({ username: 'alice', password: 'drawbridge-41' });

/** Microseconds of processor time a request, by round, the fewest first. */
export async function watchingCost(rounds: number): Promise<{ readonly unwatched: readonly number[]; readonly watched: readonly number[] }> {
  const server = fork(fileURLToPath(import.meta.url), ['server']);
  const [port] = (await once(server, 'message')) as [number];
  const url = `http://127.0.0.1:${port}`;
  const agent = new NtlmAgent({ allow: url, credentials, maxSockets: CONNECTIONS });
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => void get(`${url}/orders`, { agent }, (response) => void response.resume().once('end', resolve)).once('error', reject));
  const burst = async (requests: number): Promise<void> => {
    let left = requests;
    await Promise.all(Array.from({ length: CONNECTIONS }, async () => {
      while (left-- > 0) await ask();
    }));
  };
  const round = async (): Promise<number> => {
    const before = process.cpuUsage();
    await burst(REQUESTS);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / REQUESTS;
  };
  await burst(2 * REQUESTS);
  const taken: { unwatched: number[]; watched: number[] } = { unwatched: [], watched: [] };
  for (let done = 0; done < rounds; done++) {
    taken.unwatched.push(await round());
    await using page = await visualize(agent);
    const viewer = fork(fileURLToPath(import.meta.url), ['viewer', page.url]);
    await once(viewer, 'message');
    await burst(200);
    taken.watched.push(await round());
    viewer.kill();
  }
  agent.destroy();
  server.kill();
  return { unwatched: taken.unwatched.sort((a, b) => a - b), watched: taken.watched.sort((a, b) => a - b) };
}

const tell = (message: number | string): void => void (process as Pick<ChildProcess, 'send'>).send?.(message);

async function look(url: string): Promise<void> {
  const { body } = await fetch(`${url}events`);
  tell('looking');
  for await (const _piece of body as AsyncIterable<Uint8Array>);
}

const [, , role, at = ''] = process.argv;
if (role === 'server') {
  const server = createNtlmServer({ credentials }, (_, response) => void response.end('orders'));
  server.listen(0, '127.0.0.1', () => tell((server.address() as AddressInfo).port));
} else if (role === 'viewer') await look(at);
