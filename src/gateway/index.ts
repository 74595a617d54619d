/** A local proxy, or a local stand-in for one server, that speaks NTLM for programs that do not. */
export { createGateway, type Gateway } from './gateway.ts';
export { renderEntry, type GatewayEntry } from './log.ts';
export type { ForwardOptions, GatewayLimits, GatewayOptions, ReverseOptions, UpstreamHandshake } from './options.ts';
