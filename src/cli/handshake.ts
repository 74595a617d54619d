/** The options of a handshake made by hand: `negotiate` and `respond` share them, so that both make the same type 1. */
import { NtlmError } from '../errors.ts';
import type { NtlmOptions } from '../machine/options.ts';
import { NTLMSSP_REVISION_W2K3, type Version } from '../messages/version.ts';
import { userOptions } from './credentials.ts';
import { policyFrom, policyOption } from './policy.ts';
import { readAll, type Terminal } from './terminal.ts';
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
  raw: { type: 'boolean', help: 'Bytes instead of base64, in and out.' },
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

const LARGEST_INPUT = 1024 * 1024; // bytes; no message is longer than a few 16-bit fields

/** @throws NtlmError `malformed-token`, `too-long`. */
export async function readChallenge(terminal: Terminal, raw = false): Promise<Uint8Array> {
  const { stdin } = terminal;
  if (stdin.isTTY === true) terminal.say('Paste the challenge, then press Ctrl-D:');
  const bytes = await readAll(stdin, 'the challenge', LARGEST_INPUT);
  if (bytes.length === 0) throw malformed('no challenge on standard input');
  if (raw) return bytes;
  const text = Buffer.from(bytes).toString('latin1').replace(/\s+/g, '');
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw malformed('the challenge on standard input is not base64');
  }
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function malformed(message: string): NtlmError {
  return new NtlmError(message, { code: 'malformed-token', phase: 'challenge', side: 'peer' });
}
