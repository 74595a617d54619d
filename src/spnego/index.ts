/** SPNEGO (RFC 4178, MS-SPNG): its tokens, and the negotiation around an NTLM handshake, both ends. */
export * from './messages/index.ts';
export {
  createSpnegoActor,
  createSpnegoActor as spnego,
  type SpnegoActor,
  type SpnegoMachine,
  type SpnegoSnapshot,
} from './actor.ts';
export type { SpnegoContext, SpnegoEmitted, SpnegoEvent, SpnegoInput } from './context.ts';
export { spnegoMachine } from './machine.ts';
export {
  SpnegoAcceptor,
  type SpnegoAcceptorActor,
  type SpnegoAcceptorState,
  type SpnegoAcceptorStep,
} from './acceptor/acceptor.ts';
export type {
  KerberosAccepted,
  KerberosAcceptor,
  KerberosContextRequest,
  KerberosServerContext,
  KerberosVerified,
} from './acceptor/kerberos.ts';
export type {
  AcceptorMechanism,
  ClientToken,
  RawKerberos,
  SpnegoAcceptorContext,
  SpnegoAcceptorEmitted,
  SpnegoAcceptorEvent,
  SpnegoAcceptorOptions,
  SpnegoRefusal,
} from './acceptor/context.ts';
export { spnegoAcceptorMachine } from './acceptor/machine.ts';
