import { Credentials } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';

/**
 * What stands at the other end. A page has no connection of its own to authenticate, so a real app hands its tokens to
 * whatever has one: a desktop shell, a WebSocket to a mail or LDAP gateway. Here it is an acceptor that takes its time.
 */
export interface Transport {
  challenge(negotiate: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  accepts(authenticate: Uint8Array, signal: AbortSignal): Promise<boolean>;
}

export function connect(milliseconds = 400): Transport {
  const acceptor = new NtlmAcceptor({
    credentials: Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge-41' }),
    target: { nbDomainName: 'CASTLE', nbComputerName: 'KEEP' },
  });
  const pause = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      setTimeout(() => (signal.aborted ? reject(signal.reason as Error) : resolve()), milliseconds);
    });
  return {
    challenge: async (negotiate, signal) => {
      await pause(signal);
      return acceptor.challenge(negotiate);
    },
    accepts: async (authenticate, signal) => {
      await pause(signal);
      return (await acceptor.authenticate(authenticate)).ok;
    },
  };
}
