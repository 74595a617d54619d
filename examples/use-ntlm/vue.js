/** Vue: the handshake's actor for the life of a scope. `send` carries its tokens: bytes in, nothing out. */
import { useMachine } from '@xstate/vue';
import { ntlmMachine } from 'ntlmachine';
import { onScopeDispose } from 'vue';

export function useNtlm(options, send) {
  const { snapshot, actorRef: actor } = useMachine(ntlmMachine, { input: options });
  const tokens = actor.on('token', ({ token }) => send(token));
  onScopeDispose(() => tokens.unsubscribe());
  return { snapshot, actor };
}
