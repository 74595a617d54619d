import { useMachine } from '@xstate/react';
import { useEffect, useRef, useState } from 'react';
import { Credentials, ntlmMachine, type NtlmActor, type NtlmSnapshot } from 'ntlmachine';
import { connect, type Connection } from './connection.ts';

/** What happened outside the handshake, for the reader of the page. */
export type Notice = 'cancelled' | 'connection-lost' | 'session-over' | 'signed-out';

export interface Login {
  readonly actor: NtlmActor;
  readonly snapshot: NtlmSnapshot;
  readonly notice: Notice | undefined;
  /** Opens a connection and authenticates it; the handle is wiped when the handshake is over. */
  signIn(credentials: Credentials): void;
  /** Ends connection and handshake, wherever they are. */
  stop(notice?: Notice): void;
}

// Nobody yet: each reset brings the credentials of the next handshake.
const input = { credentials: Credentials.anonymous(), spn: `HTTP/${location.hostname}` };

/** The NTLM actor and the connection it authenticates. */
export function useLogin(url: string): Login {
  const [snapshot, , actor] = useMachine(ntlmMachine, { input });
  const connection = useRef<Connection>(undefined);
  const [notice, setNotice] = useState<Notice>();

  const startOver = (credentials: Credentials): void => {
    connection.current?.close();
    actor.getSnapshot().context.credentials.wipe();
    actor.send({ type: 'reset', credentials });
  };
  const stop = (why?: Notice): void => {
    startOver(Credentials.anonymous());
    setNotice(why);
  };
  const signIn = (credentials: Credentials): void => {
    startOver(credentials);
    setNotice(undefined);
    connection.current = connect(url, actor, () =>
      stop(actor.getSnapshot().matches('authenticated') ? 'session-over' : 'connection-lost'),
    );
    actor.send({ type: 'negotiate' });
  };

  useEffect(() => () => connection.current?.close(), []);
  return { actor, snapshot, notice, signIn, stop };
}
