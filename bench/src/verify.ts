import { Credentials } from 'ntlmachine';
import { verifyAuthenticate } from 'ntlmachine/acceptor';
import { lm } from 'ntlmachine/legacy';
import { account, challenge as sent, channelBindings } from './scenario.ts';

const credentials = Credentials.fromPassword(account);

export interface Exchange {
  readonly negotiate: Uint8Array;
  readonly authenticate: Uint8Array;
  readonly challenge?: Uint8Array;
}

/** What must be in a type 3 for its maker to be timed at all. */
export interface Expected {
  readonly mic?: boolean;
  readonly channelBindings?: boolean;
  /** Whether NTLMv1 counts. */
  readonly old?: boolean;
}

/** Nobody is timed doing nothing: @throws Error where the type 3 does not answer the challenge. */
export function assertRight(name: string, { negotiate, authenticate, challenge = sent }: Exchange, expected: Expected = {}): void {
  const result = verifyAuthenticate({
    negotiate,
    challenge,
    authenticate,
    credentials,
    channelBindings,
    policy: expected.old ? lm : 'ntlmv2',
    requireMic: expected.mic ?? false,
    requireChannelBindings: expected.channelBindings ?? false,
  });
  if (!result.ok) throw new Error(`the type 3 of ${name} is wrong: ${result.reason}`, { cause: result.error });
}

export function tokenOf(header: string): Uint8Array {
  return new Uint8Array(Buffer.from(header.slice('NTLM '.length), 'base64'));
}
