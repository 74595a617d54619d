import type { NtlmActor } from 'ntlmachine';

export interface Connection {
  close(): void;
}

/**
 * Carries one handshake of the actor over one WebSocket: its tokens out, the server's challenge and verdict in.
 * `onLost` is called when the other end hangs up, and not after `close()`.
 */
export function connect(url: string, actor: NtlmActor, onLost: () => void): Connection {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const listening = new AbortController();
  const { signal } = listening;
  const opened = new Promise((resolve) => socket.addEventListener('open', resolve, { signal }));

  const tokens = actor.on('token', ({ token }) => {
    void opened.then(() => socket.send(new Uint8Array(token)));
  });
  socket.addEventListener(
    'message',
    ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (typeof data === 'string') actor.send({ type: isAccepted(data) ? 'accepted' : 'rejected' });
      else actor.send({ type: 'challenge', token: new Uint8Array(data) });
    },
    { signal },
  );
  socket.addEventListener('close', () => (close(), onLost()), { signal });

  const states = actor.subscribe((snapshot) => {
    if (snapshot.hasTag('settled')) snapshot.context.credentials.wipe(); // of no more use
    if (snapshot.matches('failed')) close();
  });

  function close(): void {
    listening.abort();
    tokens.unsubscribe();
    states.unsubscribe();
    socket.close();
  }
  return { close };
}

function isAccepted(verdict: string): boolean {
  try {
    return (JSON.parse(verdict) as { accepted?: unknown }).accepted === true;
  } catch {
    return false;
  }
}
