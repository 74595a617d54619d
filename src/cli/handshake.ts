/** The options of a handshake made by hand: `negotiate` and `respond` share them, so that both make the same type 1. */
import type { NtlmOptions } from '../machine/options.ts';
import { NTLMSSP_REVISION_W2K3, type Version } from '../messages/version.ts';
import { tokensIn } from '../visualize/conversation/found.ts';
import { decodeToken } from '../visualize/decode/decode.ts';
import { userOptions } from './credentials.ts';
import { policyFrom, policyOption } from './policy.ts';
import type { Terminal } from './terminal.ts';
import { readInputs } from './tokens.ts';
import { UsageError, type OptionTable, type OptionValues } from './verb.ts';

export const handshakeOptions = {
  ...userOptions,
  anonymous: { type: 'boolean', help: 'Log on as nobody instead.' },
  workstation: { type: 'string', short: 'w', value: 'NAME', help: 'Name of this machine as the server may log it.' },
  spn: { type: 'string', value: 'SPN', help: 'Service principal name, HTTP/host for HTTP.' },
  target: { type: 'string', value: 'HOST', help: 'The same as --spn HTTP/HOST.' },
  policy: policyOption('The weakest response sent; default ntlmv2.'),
  unicode: { type: 'boolean', negatable: true, help: 'Whether UTF-16 text is offered; default yes.' },
  'request-target': { type: 'boolean', negatable: true, help: 'Whether the server is asked for its name; default yes.' },
  'os-version': { type: 'string', value: 'VERSION', help: 'What to call ourselves: 10.0.0, the default, or none.' },
  connectionless: { type: 'boolean', help: 'The challenge came without a negotiate before it.' },
  raw: { type: 'boolean', help: 'Print bytes instead of base64.' },
} as const satisfies OptionTable;

export type HandshakeValues = OptionValues<typeof handshakeOptions>;

/** The library's options, without the credentials. @throws UsageError. */
export function handshakeInput(values: HandshakeValues): Omit<NtlmOptions, 'credentials'> {
  const { workstation, spn, target, unicode, connectionless } = values;
  if (spn !== undefined && target !== undefined) throw new UsageError('--spn and --target exclude each other');
  return {
    workstation,
    spn: target === undefined ? spn : `HTTP/${target}`,
    policy: policyFrom(values.policy),
    unicode,
    requestTarget: values['request-target'],
    version: osVersion(values['os-version']),
    connectionless,
  };
}

function osVersion(text: string | undefined): Version | false | undefined {
  if (text === undefined) return undefined;
  if (text === 'none') return false;
  const [, major, minor, build] = /^(\d{1,5})\.(\d{1,5})\.(\d{1,5})$/.exec(text) ?? [];
  if (major === undefined) throw new UsageError('--os-version must look like 10.0.19041, or be none');
  return {
    productMajorVersion: Number(major),
    productMinorVersion: Number(minor),
    productBuild: Number(build),
    ntlmRevisionCurrent: NTLMSSP_REVISION_W2K3,
  };
}

export function writeMessage(terminal: Terminal, message: Uint8Array, raw = false): void {
  terminal.out(raw ? message : `${Buffer.from(message).toString('base64')}\n`);
}

/**
 * The last challenge in what `decode` would find too: a token, header lines, a log, a capture.
 *
 * @throws NtlmError `malformed-token` where there is no token at all; what is no challenge is told by who answers it.
 */
export async function readChallenge(operands: readonly string[], terminal: Terminal): Promise<Uint8Array> {
  const found = (await readInputs(operands, terminal)).flatMap(tokensIn);
  const tokens = found.map(({ token, masked }) => ({ token, ...decodeToken(token, masked) }));
  const last = tokens.findLast(({ message }) => message === 'CHALLENGE') ?? tokens.at(-1)!;
  const { token, ntlm, spnego } = last;
  if (!spnego || ntlm === undefined) return token;
  terminal.say('the challenge came inside SPNEGO; this is its answer without it');
  return token.subarray(ntlm.offset, ntlm.offset + ntlm.length);
}
