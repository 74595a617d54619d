import type { FormEvent } from 'react';
import { useLogin } from './use-login.ts';

export function App() {
  const { snapshot, logIn, cancel } = useLogin();
  const waiting = snapshot.hasTag('awaiting-server') || snapshot.hasTag('busy');
  const { error, credentials } = snapshot.context;

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    void logIn(String(form.get('user')), String(form.get('password')));
  };

  if (snapshot.matches('authenticated')) {
    return (
      <main>
        <h1>Welcome</h1>
        <p role="status">Logged in as {credentials.domain}\{credentials.username}.</p>
        <button type="button" onClick={cancel}>Log out</button>
      </main>
    );
  }
  return (
    <main>
      <h1>Log in</h1>
      <form onSubmit={submit}>
        <label>User <input name="user" required autoComplete="username" defaultValue="CASTLE\alice" disabled={waiting} /></label>
        <label>Password <input name="password" type="password" autoComplete="current-password" disabled={waiting} /></label>
        {error !== undefined && (
          <p role="alert">{snapshot.hasTag('needs-credentials') ? 'The server refused these credentials. Try again.' : error.message}</p>
        )}
        <p role="status">{waiting ? progressOf(snapshot.matches('responded')) : ''}</p>
        <button type="submit" disabled={waiting}>Log in</button>
        {waiting && <button type="button" onClick={cancel}>Cancel</button>}
      </form>
    </main>
  );
}

function progressOf(answered: boolean): string {
  return answered ? 'The server is checking the response…' : 'Asking the server for its challenge…';
}
