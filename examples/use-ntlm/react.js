/** React: the handshake's actor for the life of a component. `send` carries its tokens: bytes in, nothing out. */
import { useMachine } from '@xstate/react';
import { ntlmMachine } from 'ntlmachine';
import { useEffect } from 'react';

export function useNtlm(options, send) {
  const [snapshot, , actor] = useMachine(ntlmMachine, { input: options });
  useEffect(() => {
    const tokens = actor.on('token', ({ token }) => send(token));
    return () => tokens.unsubscribe();
  }, [actor, send]);
  return { snapshot, actor };
}
