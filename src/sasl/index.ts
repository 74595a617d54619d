/** NTLM as a SASL mechanism, and the protected connection after it, for line and frame protocols. */
export { chooseMechanism, SaslClient, saslMechanisms, type SaslClientOptions, type SaslMechanism } from './client.ts';
export { secureStreams, type ByteStreams, type SecureOptions } from './streams.ts';
