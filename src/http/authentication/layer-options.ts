import type { NtlmOptions } from '../../machine/options.ts';
import type { ConnectionInspector } from './connection-context.ts';
import type { Limits } from './limits.ts';
import type { Negotiator } from './negotiator.ts';
import type { Realm } from './realm.ts';

/** What one side of a connection is made of. */
export interface LayerOptions {
  readonly realm: Realm;
  /** Whether a handshake may go there at all. */
  readonly allowed: boolean;
  readonly handshake: Omit<NtlmOptions, 'credentials'>;
  /** What goes before NTLM there, and what it starts from. */
  readonly negotiator?: { readonly of: Negotiator; readonly input: object } | undefined;
  readonly limits: Limits;
  readonly inspect: ConnectionInspector | undefined;
}
