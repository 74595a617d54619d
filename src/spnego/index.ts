/** SPNEGO (RFC 4178, MS-SPNG): the negotiation that carries NTLM in `Negotiate`, SMB, LDAP and others. */
export * from './messages/index.ts';
