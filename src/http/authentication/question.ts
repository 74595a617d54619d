/** Who asks for authentication, and what whoever provides credentials is told. */
import type { Credentials } from '../../crypto/credentials.ts';
import type { NtlmError } from '../../errors.ts';
import type { HttpScheme } from './schemes.ts';

/** Who asks for authentication: the server by 401, the proxy by 407. */
export type ConnectionSide = 'server' | 'proxy';

/** What an app is told when credentials are wanted. */
export interface CredentialsQuestion {
  /** Of the server, or of the proxy: `https://host:port`. */
  readonly origin: string;
  readonly side: ConnectionSide;
  readonly scheme: HttpScheme;
  /** 1 when first asked; one more after each refusal. */
  readonly attempt: number;
  /** Why the credentials before were refused. */
  readonly reason: NtlmError | undefined;
}

/** `undefined` gives up: the 401 or 407 is handed back. */
export type CredentialsProvider = (
  question: CredentialsQuestion,
) => Credentials | undefined | Promise<Credentials | undefined>;

/** Where credentials come from. */
export interface CredentialsSource {
  readonly ask: CredentialsProvider;
  /** Whether others may follow a refusal. */
  readonly others: boolean;
}

/** Why credentials are wanted, as a connection puts it. `undefined` for the reason: none were refused on it. */
export interface RealmQuestion {
  readonly scheme: HttpScheme;
  /** What the server refused on this connection. */
  readonly refused: Credentials | undefined;
  readonly reason: NtlmError | undefined;
}
