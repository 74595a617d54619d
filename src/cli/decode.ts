import { lm } from '../legacy/policies.ts';
import { decodeAuthenticate } from '../messages/authenticate.ts';
import { decodeToken, type DecodedToken } from '../visualize/decode/decode.ts';
import type { FoundToken } from '../visualize/decode/find.ts';
import { tokensIn } from '../visualize/conversation/found.ts';
import { renderToken, renderVerdicts } from '../visualize/decode/render.ts';
import { isLmAlone, verifyTokens, type Verdict, type VerifyTokensInput } from '../visualize/decode/verify.ts';
import { PASSWORD_HELP, readCredentials, userOptions } from './credentials.ts';
import type { Terminal } from './terminal.ts';
import { BAD_INPUT, paletteOf, readInputs, reportingBadInput } from './tokens.ts';
import { defineVerb, type OptionValues } from './verb.ts';

type Decoded = DecodedToken & Pick<FoundToken, 'where'>;

export const decode = defineVerb({
  name: 'decode',
  description:
    'Finds NTLMSSP and SPNEGO tokens in its operands, in files or on standard input (base64, hexadecimal, header lines, a hex ' +
    'dump of packets) and prints what they say, field by field; with --all every byte, and where it is specified.\n\n' +
    'With --user, and where a challenge and its answer are there, it says whether the response and the MIC are right. ' +
    PASSWORD_HELP,
  operands: '[TOKEN...|FILE...]',
  operandCount: [0, 1000],
  options: {
    ...userOptions,
    all: { type: 'boolean', short: 'a', help: 'Every field, with its bytes and section.' },
    json: { type: 'boolean', help: 'Plain data instead of text.' },
  },
  run: async (values, terminal, operands) =>
    reportingBadInput('decode', terminal, async () => {
      const found = (await readInputs(operands, terminal)).flatMap(tokensIn);
      const tokens = found.map(({ token, where, masked }): Decoded => ({ where, ...decodeToken(token, masked) }));
      const answered = values.user === undefined ? undefined : answeredChallenge(found, tokens);
      const verdicts = answered && (await verify(answered, values, terminal));
      if (values.json === true) writeJson(terminal, tokens, verdicts);
      else write(terminal, tokens, verdicts, values.all === true);
      if (values.user !== undefined && verdicts === undefined) terminal.say('no challenge with its answer, nothing to verify');
      return tokens.some(({ problems }) => problems.length > 0) ? BAD_INPUT : 0;
    }),
});

type Answered = Omit<VerifyTokensInput, 'credentials'>;

/** The last answer and what came before it. */
function answeredChallenge(found: readonly FoundToken[], tokens: readonly DecodedToken[]): Answered | undefined {
  const answer = tokens.findLastIndex(({ message }) => message === 'AUTHENTICATE');
  const bytes = (index: number): Uint8Array | undefined => {
    const ntlm = tokens[index]?.ntlm;
    return ntlm && found[index]?.token.subarray(ntlm.offset, ntlm.offset + ntlm.length);
  };
  const before = (name: DecodedToken['message']): Uint8Array | undefined =>
    bytes(tokens.slice(0, Math.max(answer, 0)).findLastIndex(({ message }) => message === name));
  const [negotiate, challenge, authenticate] = [before('NEGOTIATE'), before('CHALLENGE'), bytes(answer)];
  return challenge && authenticate && { negotiate, challenge, authenticate };
}

async function verify(
  answered: Answered,
  values: OptionValues<typeof userOptions>,
  terminal: Terminal,
): Promise<readonly Verdict[]> {
  const lmHash = isLmAlone(decodeAuthenticate(answered.authenticate));
  const credentials = await readCredentials(values, terminal, { lmHash });
  try {
    return verifyTokens({ ...answered, credentials, policy: lm });
  } finally {
    credentials.wipe();
  }
}

function writeJson(terminal: Terminal, tokens: readonly Decoded[], verdicts: readonly Verdict[] | undefined): void {
  terminal.out(`${JSON.stringify({ tokens, ...(verdicts === undefined ? {} : { verdicts }) }, null, 2)}\n`);
}

function write(terminal: Terminal, tokens: readonly Decoded[], verdicts: readonly Verdict[] | undefined, all: boolean): void {
  const palette = paletteOf(terminal);
  const { width } = terminal;
  const parts = tokens.map((token) => renderToken(token, token.where, palette, { all, width }));
  if (verdicts !== undefined) parts.push(renderVerdicts(verdicts, palette, width));
  terminal.out(parts.join('\n'));
}
