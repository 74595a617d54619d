/** All of `ntlmachine/sasl`, with what needs Node's streams. */
export * from './index.ts';
export { secureSocket } from './socket.ts';
