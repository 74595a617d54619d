/**
 * Messages as literals of a language: Python's http.client with `debuglevel = 1`, which requests and urllib3 pass on, and
 * Ruby's Net::HTTP with `set_debug_output`.
 */
import type { TracedError } from '../trace/projection.ts';
import { ConversationBuilder } from './builder.ts';
import type { Conversation, Ending } from './conversation.ts';
import { endingSaid } from './ending-words.ts';
import { addHeads, linesOf } from './heads.ts';
import type { TokenVisibility } from './token.ts';

const SENT = /(?:(?:^|[\s|:\]])send: b|^<- )['"]([A-Z][A-Z_-]{1,20} \S+ HTTP\/1\.\d\\r\\n.*)$/;
const REPLY = /(?:(?:^|[\s|:\]])reply: |^-> )(['"])(.*)\1\s*$/;
const FIELD = /(?:^|[\s|:\]])header: ([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}:.*)$/;

export function isLiteral(text: string): boolean {
  return /(?:(?:^|[\s|:\]])send: b|^<- )['"][A-Z][A-Z_-]{1,20} \S+ HTTP\/1\.\d\\r\\n/m.test(text);
}

export function readLiterals(text: string, visibility: TokenVisibility): Conversation {
  const builder = new ConversationBuilder('heads', visibility);
  const state: { ending: Ending | undefined; unanswered: boolean } = { ending: undefined, unanswered: false };
  addHeads(builder, headsIn(text, state));
  if (/Starting new HTTPS connection/.test(text)) builder.tls(undefined, true);
  if (state.unanswered && state.ending !== undefined) builder.end(undefined, state.ending);
  if (/unsupported hash type md4/i.test(text)) builder.refuse(undefined, NO_MD4);
  return builder.build();
}

/** What ends a handshake of most Python packages since OpenSSL 3. */
const NO_MD4: TracedError = {
  name: 'NtlmError',
  code: 'unsupported',
  phase: 'authenticate',
  side: 'local',
  message: 'Python has no MD4 there, which OpenSSL 3 keeps in its legacy provider: activate that in openssl.cnf, or use a package with an MD4 of its own',
};

function* headsIn(text: string, state: { ending: Ending | undefined; unanswered: boolean }): Generator<string> {
  for (const line of linesOf(text)) {
    const sent = SENT.exec(line)?.[1];
    const reply = REPLY.exec(line)?.[2];
    const field = FIELD.exec(line)?.[1];
    if (sent !== undefined) {
      Object.assign(state, { unanswered: true, ending: undefined });
      yield* unescaped(sent).split('\r\n');
    } else if (reply === '') state.ending = 'closed';
    else if (reply !== undefined) {
      state.unanswered = false;
      yield unescaped(reply).trimEnd();
    } else if (field !== undefined) yield field;
    else if (state.unanswered) state.ending = endingSaid(line) ?? state.ending;
  }
}

/** As both write bytes. */
function unescaped(literal: string): string {
  return literal.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_, hex: string | undefined, char: string) =>
    hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : ({ r: '\r', n: '\n', t: '\t' })[char] ?? char,
  );
}
