/**
 * What a request carries for one side of its connection: type 1 and type 3 of NTLM, bare or in SPNEGO; or a token of what
 * goes before NTLM, `INITIATE` the first of its context and `CONTINUE` each other.
 */
export type AuthorizeMessage = 'NEGOTIATE' | 'AUTHENTICATE' | 'INITIATE' | 'CONTINUE';

/** What follows from it. */
export interface Meaning {
  /** By what it says who asks: a refusal of a password counts against its account, one of a ticket against its mechanism. */
  readonly proves: 'password' | 'ticket' | undefined;
  /** Whether it answers what came on this connection, and is worth nothing on another. */
  readonly bound: boolean;
}

export const MEANINGS: Readonly<Record<AuthorizeMessage | 'nothing', Meaning>> = {
  nothing:      { proves: undefined,  bound: false },
  NEGOTIATE:    { proves: undefined,  bound: false },
  AUTHENTICATE: { proves: 'password', bound: true },
  INITIATE:     { proves: 'ticket',   bound: false },
  CONTINUE:     { proves: 'ticket',   bound: true },
};
