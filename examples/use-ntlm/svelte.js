/** Svelte: the handshake's actor for the life of a component. `send` carries its tokens: bytes in, nothing out. */
import { useMachine } from '@xstate/svelte';
import { ntlmMachine } from 'ntlmachine';
import { onDestroy } from 'svelte';

export function useNtlm(options, send) {
  const { snapshot, actorRef: actor } = useMachine(ntlmMachine, { input: options });
  const tokens = actor.on('token', ({ token }) => send(token));
  onDestroy(() => tokens.unsubscribe());
  return { snapshot, actor };
}
