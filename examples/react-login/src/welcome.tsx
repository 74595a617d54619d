import type { RefObject } from 'react';
import type { NtlmSnapshot } from 'ntlmachine';
import { describeTargetInfo } from 'ntlmachine/messages';

interface WelcomeProps {
  readonly snapshot: NtlmSnapshot;
  readonly heading: RefObject<HTMLHeadingElement | null>;
  onSignOut(): void;
}

export function Welcome({ snapshot, heading, onSignOut }: WelcomeProps) {
  const { credentials, challenge, response } = snapshot.context;
  const server = describeTargetInfo(challenge?.targetInfo ?? []).dnsComputerName ?? challenge?.targetName;
  return (
    <>
      <h1 id="welcome" tabIndex={-1} ref={heading}>
        Welcome, {credentials.username}
      </h1>
      <dl>
        <dt>Signed in as</dt>
        <dd>{credentials.domain === '' ? credentials.username : `${credentials.domain}\\${credentials.username}`}</dd>
        <dt>Server</dt>
        <dd>{server}</dd>
        <dt>Answered with</dt>
        <dd>{response}</dd>
      </dl>
      <p className="note">
        The session belongs to this connection and ends with it. The app no longer holds the password or its hash.
      </p>
      <div className="buttons">
        <button type="button" onClick={onSignOut}>
          Sign out
        </button>
      </div>
    </>
  );
}
