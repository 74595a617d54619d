import { useState, type FormEvent, type RefObject } from 'react';
import { Credentials, NtlmError } from 'ntlmachine';
import { reasonOf } from './reasons.ts';

interface SignInFormProps {
  readonly working: boolean;
  /** Why the last handshake failed. */
  readonly error: NtlmError | undefined;
  /** Whether other credentials may help. */
  readonly blamesCredentials: boolean;
  readonly password: RefObject<HTMLInputElement | null>;
  readonly cancel: RefObject<HTMLButtonElement | null>;
  onSignIn(credentials: Credentials): void;
  onCancel(): void;
  onReset(): void;
}

/** The inputs are uncontrolled: React never holds the password, and the names outlive a refusal. */
export function SignInForm(props: SignInFormProps) {
  const { working, blamesCredentials, password, cancel, onSignIn, onCancel, onReset } = props;
  const [misfit, setMisfit] = useState<NtlmError>();
  const error = misfit ?? props.error;
  const reason = error && reasonOf(error);
  const blamed = { 'aria-invalid': blamesCredentials, 'aria-describedby': blamesCredentials ? 'reason' : undefined };

  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    try {
      onSignIn(credentialsFrom(new FormData(form)));
      setMisfit(undefined);
    } catch (problem) {
      if (!(problem instanceof NtlmError)) throw problem;
      setMisfit(problem);
    } finally {
      if (password.current) password.current.value = '';
    }
  };
  const reset = (): void => {
    setMisfit(undefined);
    onReset();
  };

  return (
    <form method="post" onSubmit={submit} onReset={reset}>
      <div role="alert">
        {reason && (
          <div className="reason" id="reason">
            <strong>{reason.title}</strong> {reason.advice}
          </div>
        )}
      </div>
      <fieldset disabled={working}>
        <legend>Your account</legend>
        <label htmlFor="username">User name</label>
        <input
          id="username"
          name="username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          maxLength={256}
          {...blamed}
        />
        <label htmlFor="domain">Domain</label>
        <small id="domain-hint">unless the user name has it</small>
        <input
          id="domain"
          name="domain"
          autoComplete="organization"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={256}
          aria-describedby="domain-hint"
        />
        <label htmlFor="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          maxLength={256}
          ref={password}
          {...blamed}
        />
      </fieldset>
      <div className="buttons">
        <button type="submit" className="primary" disabled={working}>
          {working ? 'Signing in' : 'Sign in'}
        </button>
        {working ? (
          <button key="cancel" type="button" ref={cancel} onClick={onCancel}>
            Cancel
          </button>
        ) : (
          <button key="reset" type="reset">
            Start over
          </button>
        )}
      </div>
    </form>
  );
}

/** The password goes from the form into the handle, which hashes it, and nowhere else. */
function credentialsFrom(form: FormData): Credentials {
  const text = (name: string): string => String(form.get(name));
  return Credentials.fromPassword({
    username: text('username').trim(),
    domain: text('domain').trim() || undefined,
    password: text('password'),
  });
}
