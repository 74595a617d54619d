/** The part of the package `kerberos` 7 that is used here, as its code has it, which reads the flags from `flags`. */
export interface KerberosModule {
  initializeClient(
    service: string,
    options: { readonly principal?: string; readonly flags?: number; readonly mechOID?: number },
  ): Promise<KerberosClient>;
}

export interface KerberosClient {
  /** There with the last step of a context. */
  readonly username?: string | null;
  /** Base64 in and out; null: there is nothing to send. */
  step(challenge: string): Promise<string | null>;
}
