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

/** The same at the server's end. */
export interface KerberosServerModule {
  /** `service`: `HTTP@host`; empty: whatever the keytab has keys of. */
  initializeServer(service: string): Promise<KerberosPackageServer>;
}

export interface KerberosPackageServer {
  /** Whose ticket it was, once it is taken. */
  readonly username?: string | null | undefined;
  /** For which service, where none was named. */
  readonly targetName?: string | null | undefined;
  /** Base64 in and out; null: there is nothing to send. */
  step(challenge: string): Promise<string | null>;
}
