import { useEffect, useRef } from 'react';
import { SignInForm } from './sign-in-form.tsx';
import { Passages } from './passages.tsx';
import { Welcome } from './welcome.tsx';
import { useLogin, type Notice } from './use-login.ts';
import keep from './keep.svg';

const URL = `ws://${location.host}/ntlm`;

const NOTICES: Record<Notice, string> = {
  cancelled: 'Cancelled. The connection is closed.',
  'connection-lost': 'The connection was lost before the server gave its verdict.',
  'session-over': 'The connection was closed, and your session with it. Please sign in again.',
  'signed-out': 'You are signed out.',
};

export function App() {
  const { actor, snapshot, notice, signIn, stop } = useLogin(URL);
  const waiting = snapshot.hasTag('awaiting-server');
  const working = waiting || snapshot.hasTag('busy');
  const place = snapshot.matches('authenticated') ? 'inside' : working ? 'at the gate' : 'outside';

  const password = useRef<HTMLInputElement>(null);
  const cancel = useRef<HTMLButtonElement>(null);
  const welcome = useRef<HTMLHeadingElement>(null);
  const before = useRef(place);
  useEffect(() => {
    if (before.current === place) return;
    before.current = place;
    ({ outside: password, 'at the gate': cancel, inside: welcome })[place].current?.focus();
  }, [place]);

  const status =
    waiting ? 'Waiting for the server…'
    : working ? 'Working out the answer…'
    : notice ? NOTICES[notice]
    : '';

  return (
    <>
      <header>
        <img src={keep} alt="" width="32" height="32" />
        <p>
          The Keep <span>ntlmachine in React</span>
        </p>
      </header>
      <main>
        <section className="card" aria-labelledby={place === 'inside' ? 'welcome' : 'sign-in'}>
          <div className="outside" hidden={place === 'inside'}>
            <h1 id="sign-in">Sign in</h1>
            <SignInForm
              working={working}
              error={snapshot.context.error}
              blamesCredentials={snapshot.hasTag('needs-credentials')}
              password={password}
              cancel={cancel}
              onSignIn={signIn}
              onCancel={() => stop('cancelled')}
              onReset={() => stop()}
            />
          </div>
          {place === 'inside' && <Welcome snapshot={snapshot} heading={welcome} onSignOut={() => stop('signed-out')} />}
          <p className="status" role="status" data-working={working}>
            {status}
          </p>
        </section>
        <Passages actor={actor} />
      </main>
    </>
  );
}
