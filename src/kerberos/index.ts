/** Kerberos for the scheme Negotiate (RFC 4559), in NTLM's place: by the package `kerberos`, which is loaded when it is first wanted. */
export type { Negotiator, NegotiatorRequest } from '../http/authentication/negotiator.ts';
export type { NtlmAfter } from '../http/authentication/ntlm-after.ts';
export type { KerberosEmitted, KerberosEvent, KerberosInput, KerberosMachineContext, KerberosTag } from './context.ts';
export { currentUser, kerberos, type KerberosMachine, type KerberosOptions } from './kerberos.ts';
export { kerberosMachine } from './machine.ts';
export type { KerberosClient, KerberosModule, KerberosPackageServer, KerberosServerModule } from './kerberos-module.ts';
export { kerberosPackage, type KerberosPackageOptions } from './package.ts';
export { kerberosServer, type KerberosServerOptions } from './server.ts';
export type { ContextRequest, KerberosContext, KerberosProvider, KerberosStep } from './provider.ts';
