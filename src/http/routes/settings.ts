/** What a door was opened with: its options, read and checked. */
import type { NtlmOptions } from '../../machine/options.ts';
import type { ConnectionInspector } from '../authentication/connection-context.ts';
import type { Limits } from '../authentication/limits.ts';
import type { HttpScheme } from '../authentication/schemes.ts';
import type { Negotiator } from '../authentication/negotiator.ts';
import type { ProofLimits } from '../authentication/proofs.ts';
import type { CredentialsSource } from '../authentication/question.ts';
import type { Field } from '../wire/head.ts';
import type { Allow } from './origins.ts';
import type { Spn } from './spn.ts';

export interface ProxySettings {
  readonly url: URL;
  readonly credentials: CredentialsSource;
  readonly negotiator?: Negotiator | undefined;
  readonly handshake: Omit<NtlmOptions, 'credentials'>;
  readonly spn: Spn | undefined;
  /** Of a CONNECT. */
  readonly headers: readonly Field[];
  /** Extra certificate authorities of a proxy that itself speaks TLS. */
  readonly ca: string | Buffer | (string | Buffer)[] | undefined;
}

/** Which proxy stands before an origin. */
export type ProxyRule = (origin: URL) => ProxySettings | undefined;

export interface RouteSettings {
  readonly credentials: CredentialsSource;
  readonly negotiator?: Negotiator | undefined;
  readonly allow: Allow | undefined;
  readonly proxy: ProxyRule;
  readonly spn: Spn | undefined;
  readonly channelBindings: boolean;
  readonly prefer: HttpScheme;
  readonly handshake: Omit<NtlmOptions, 'credentials'>;
  readonly limits: Limits;
  readonly refusals: ProofLimits;
  readonly inspect: ConnectionInspector | undefined;
}
