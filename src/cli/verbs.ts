/** The verbs of the command line, in the order of the help. Each is loaded when it is called. */
import type { Verb } from './verb.ts';

export interface ListedVerb {
  readonly name: string;
  /** One line of the overview. */
  readonly summary: string;
  readonly load: () => Promise<Verb>;
}

export const verbs: readonly ListedVerb[] = [
  { name: 'demo', summary: 'Watch a client and a server authenticate over HTTP.', load: async () => (await import('./demo.ts')).demo },
  { name: 'request', summary: 'Request a URL, authenticating with NTLM if it asks.', load: async () => (await import('./request.ts')).request },
  { name: 'negotiate', summary: 'Print a type 1 message.', load: async () => (await import('./negotiate.ts')).negotiate },
  { name: 'respond', summary: 'Answer the type 2 message on standard input with a type 3.', load: async () => (await import('./respond.ts')).respond },
  { name: 'serve', summary: 'Serve HTTP to one user who authenticates with NTLM.', load: async () => (await import('./serve.ts')).serve },
  { name: 'gateway', summary: 'Speak NTLM for programs that do not: a local proxy.', load: async () => (await import('./gateway.ts')).gateway },
  { name: 'decode', summary: 'Show the tokens in base64, headers or a hex dump, field by field.', load: async () => (await import('./decode.ts')).decode },
  { name: 'explain', summary: 'Say why a server answered 401, or what else went wrong.', load: async () => (await import('./explain.ts')).explain },
  { name: 'diagram', summary: 'Draw a state machine of this library.', load: async () => (await import('./diagram.ts')).diagram },
  { name: 'visualize', summary: 'Open a page on which the handshake can be watched.', load: async () => (await import('./visualize.ts')).visualize },
];
