import { useActorRef, useSelector } from '@xstate/react';
import { useRef } from 'react';
import { Credentials, ntlmMachine } from 'ntlmachine';
import { connect } from './server.ts';

/** The actor, and the one loop that carries its tokens. The states decide everything; this hook decides nothing. */
export function useLogin() {
  const actor = useActorRef(ntlmMachine, { input: { credentials: Credentials.anonymous(), workstation: 'BROWSER' } });
  const snapshot = useSelector(actor, (current) => current);
  const attempt = useRef<AbortController>(undefined);

  const cancel = (): void => {
    attempt.current?.abort();
    actor.send({ type: 'reset', credentials: Credentials.anonymous() });
  };

  const logIn = async (username: string, password: string): Promise<void> => {
    attempt.current?.abort();
    const { signal } = (attempt.current = new AbortController());
    actor.send({ type: 'reset', credentials: Credentials.fromPassword({ username, password }) });
    const transport = connect();
    try {
      actor.send({ type: 'negotiate' });
      actor.send({ type: 'challenge', token: await transport.challenge(actor.getSnapshot().context.token!, signal) });
      if (!actor.getSnapshot().matches('responded')) return;
      const accepted = await transport.accepts(actor.getSnapshot().context.token!, signal);
      actor.send({ type: accepted ? 'accepted' : 'rejected' });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  };

  return { snapshot, logIn, cancel };
}
