import { toLatin1 } from '../visualize/bytes.ts';
import { decodeToken } from '../visualize/decode/decode.ts';
import { findTokens } from '../visualize/decode/find.ts';
import { explain as explainExchange, renderExplanation } from '../visualize/explain/explain.ts';
import type { ExchangeTokens } from '../visualize/explain/exchange.ts';
import { parseTrace } from '../visualize/trace/parse.ts';
import type { Trace } from '../visualize/trace/trace.ts';
import { paletteOf, readInput, reportingBadInput } from './tokens.ts';
import { defineVerb } from './verb.ts';

export const explain = defineVerb({
  name: 'explain',
  summary: 'Say what was negotiated, and why a server may have answered 401.',
  description:
    'Reads a saved trace, or the tokens of a handshake in base64, header lines or a hex dump, from its operands or from ' +
    'standard input. Says what was negotiated and refused, and what may have led to a 401, likeliest first, each with ' +
    'its evidence.',
  operands: '[TOKEN...]',
  operandCount: [0, 1000],
  options: {
    tls: { type: 'boolean', negatable: true, help: 'Whether the exchange went over TLS.' },
    json: { type: 'boolean', help: 'Plain data instead of text.' },
  },
  run: async ({ tls, json }, terminal, operands) =>
    reportingBadInput('explain', terminal, async () => {
      const explanation = explainExchange(read(await readInput(operands, terminal)), { tls });
      terminal.out(json === true ? `${JSON.stringify(explanation, null, 2)}\n` : renderExplanation(explanation, paletteOf(terminal)));
      return 0;
    }),
});

function read(input: string | Uint8Array): Trace | ExchangeTokens {
  const text = typeof input === 'string' ? input : toLatin1(input);
  if (/^\s*\{/.test(text)) return parseTrace(text);
  const tokens = findTokens(input).map(({ token }) => ({ token, message: decodeToken(token).message }));
  const last = (name: string): Uint8Array | undefined => tokens.findLast(({ message }) => message === name)?.token;
  return { negotiate: last('NEGOTIATE'), challenge: last('CHALLENGE'), authenticate: last('AUTHENTICATE') };
}
