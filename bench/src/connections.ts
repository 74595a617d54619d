/** The machine of one HTTP connection, taken through a whole handshake without a socket. */
import { createActor, type Actor } from 'xstate';
import { Credentials } from 'ntlmachine';
import { connectionMachine } from 'ntlmachine/http';
import { account, challenge, spn, workstation } from './scenario.ts';

const credentials = Credentials.fromPassword(account);
const input = {
  side: 'server',
  origin: 'http://server.domain.test',
  handshake: { spn, workstation },
  ask: () => Promise.resolve(credentials),
  legTimeout: 30_000,
  answerTimeout: 300_000,
  maxAttempts: 5,
} as const;

export type ConnectionActor = Actor<typeof connectionMachine>;

/** Authenticated, and still alive: a connection of a warm pool. */
export async function authenticatedConnection(): Promise<ConnectionActor> {
  const actor = createActor(connectionMachine, { input }).start();
  const negotiated = new Promise((resolve) => void actor.on('authorize', resolve));
  actor.send({ type: 'authenticate', scheme: 'NTLM' });
  await negotiated;
  actor.send({ type: 'unauthorized', scheme: 'NTLM', token: challenge });
  actor.send({ type: 'sent' });
  actor.send({ type: 'passed' });
  if (!actor.getSnapshot().matches('authenticated')) throw new Error('the connection did not authenticate');
  return actor;
}
