/** A handshake drawn for a terminal: the client's states down the left, messages across, the server on the right. */
import { MessageType } from '../messages/header.ts';
import { decodeMessage } from '../messages/message.ts';
import { dateFromFiletime, type Filetime } from '../messages/filetime.ts';
import { AvFlags, describeTargetInfo, type AvPair } from '../messages/av-pairs.ts';
import { flagNames, hasFlag } from '../messages/flags.ts';
import { decodeNtlmV2Response } from '../messages/ntlmv2-response.ts';
import type { AuthenticateMessage } from '../messages/authenticate.ts';
import type { Version } from '../messages/version.ts';
import { harmless } from '../visualize/decode/text.ts';
import type { Terminal } from './terminal.ts';
import { wrap } from './verb.ts';

const LANES = 6; // columns outside of and for the lanes
const LABEL = 11;
const HEAD = 32; // bytes of a token that are shown; no response lies in them

export interface Picture {
  readonly title: (text: string) => void;
  readonly lanes: () => void;
  /** A state the client's machine has entered, and the event that led there. */
  readonly state: (name: string, note?: string) => void;
  readonly toServer: (text: string) => void;
  readonly toClient: (text: string) => void;
  /** What the server has to say for itself. */
  readonly server: (text: string) => void;
  /** The head of a token in hexadecimal and what it says. */
  readonly token: (bytes: Uint8Array) => void;
}

export function createPicture({ out, paint, width }: Terminal): Picture {
  const inner = width - LANES; // columns between the lanes
  const bytesALine = inner < 70 ? 8 : 16;
  const lane = paint('dim', '│');
  const line = (text: string): void => out(`${text}\n`);
  const row = (plain: string, painted = plain): void => {
    line(`  ${lane}${painted}${' '.repeat(inner - plain.length)}${lane}`);
  };
  const fitting = (text: string, room: number): string => (text.length <= room ? text : `${text.slice(0, room - 1)}…`);
  const dashes = (text: string): string => '─'.repeat(inner - 4 - text.length);
  const field = (label: string, text: string): void => {
    wrap(text, inner - LABEL - 6).forEach((part, i) => {
      const head = `    ${(i === 0 ? label : '').padEnd(LABEL)}`;
      row(head + part, paint('dim', head) + part);
    });
  };
  return {
    title: (text) => line(`\n${paint('bold', text)}\n`),
    lanes: () => line(`  ${paint('bold', 'client')}${' '.repeat(inner - 10)}${paint('bold', 'server')}`),
    state: (name, fullNote = '') => {
      const note = fitting(fullNote, Math.max(1, inner - 1 - Math.max(26, name.length + 2)));
      const gap = note === '' ? '' : ' '.repeat(Math.max(2, 26 - name.length));
      const colour = name.startsWith('failed') ? 'red' : name === 'authenticated' ? 'green' : 'cyan';
      const rest = ' '.repeat(inner - 1 - name.length - gap.length - note.length);
      line(`  ${paint(colour, `● ${name}`)}${gap}${paint('dim', note)}${rest}${lane}`);
    },
    toServer: (whole) => {
      const text = fitting(whole, inner - 5);
      line(`  ${paint('dim', '├─')} ${text} ${paint('dim', `${dashes(text)}▶│`)}`);
    },
    toClient: (whole) => {
      const text = fitting(whole, inner - 5);
      line(`  ${paint('dim', '│◀─')} ${text} ${paint('dim', `${dashes(text)}┤`)}`);
    },
    server: (whole) => {
      const text = fitting(whole, inner - 1);
      line(`  ${lane}${' '.repeat(inner - 1 - text.length)}${paint('yellow', `${text} ●`)}`);
    },
    token: (bytes) => {
      for (let at = 0; at < Math.min(HEAD, bytes.length); at += bytesALine) {
        const [hex, text] = hexLine(bytes.subarray(at, Math.min(at + bytesALine, HEAD)), bytesALine);
        const head = `    ${at.toString(16).padStart(4, '0')}   ${hex}   ${text}`;
        row(head, paint('dim', head));
      }
      for (const [label, text] of describeToken(bytes)) field(label, text);
    },
  };
}

function hexLine(bytes: Uint8Array, bytesALine: number): readonly [string, string] {
  const hex = toHex(bytes).match(/.{1,8}/g) ?? [];
  const text = Array.from(bytes, (byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
  return [hex.join(' ').padEnd(2 * bytesALine + bytesALine / 4 - 1), text];
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

type Fields = (readonly [label: string, text: string])[];

/** The key fields of a token; of the responses only the kind, because they can be cracked offline. */
function describeToken(bytes: Uint8Array): Fields {
  const decoded = decodeMessage(bytes);
  const fields: Fields = [['message', `${decoded.type}, type ${MessageType[decoded.type]}, ${bytes.length} bytes`]];
  if (decoded.type === 'CHALLENGE') {
    const { targetName, serverChallenge, targetInfo = [] } = decoded.message;
    fields.push(['target', harmless(targetName)], ['nonce', toHex(serverChallenge)], ...describePairs(targetInfo));
  }
  if (decoded.type === 'AUTHENTICATE') fields.push(...describeAnswer(decoded.message));
  const { negotiateFlags, version } = decoded.message;
  fields.push(['flags', describeFlags(negotiateFlags)]);
  if (version !== undefined) fields.push(['version', describeVersion(version)]);
  return fields;
}

function describeAnswer(message: AuthenticateMessage): Fields {
  const { userName, domainName, workstation, lmChallengeResponse: lm, ntChallengeResponse: nt, mic } = message;
  const response = nt.length > 24 ? decodeNtlmV2Response(nt) : undefined;
  const pairs = response === undefined ? [] : describePairs(response.avPairs);
  const claimed = response === undefined ? undefined : describeTargetInfo(response.avPairs);
  const hasMic = mic !== undefined && hasFlag(claimed?.flags ?? 0, AvFlags.MIC_PROVIDED);
  return [
    ['user', harmless(`${domainName}\\${userName}`)],
    ['from', harmless(workstation)],
    ['response', `${response === undefined ? 'older than NTLMv2' : 'NTLMv2'}, ${nt.length} bytes (not shown)`],
    ['LM', lm.every((byte) => byte === 0) ? `${lm.length} zero bytes` : `${lm.length} bytes (not shown)`],
    ['MIC', hasMic ? 'yes, over all three messages' : 'no'],
    ...pairs.filter(([label]) => label === 'SPN' || label === 'time'),
  ];
}

function describePairs(pairs: readonly AvPair[]): Fields {
  const info = describeTargetInfo(pairs);
  const names = (parts: readonly (string | undefined)[], separator: string) =>
    harmless(parts.filter((part) => part !== undefined).join(separator));
  const fields: Fields = [
    ['NetBIOS', names([info.nbDomainName, info.nbComputerName], '\\')],
    ['DNS', names([info.dnsDomainName, info.dnsComputerName], ', ')],
    ['time', info.timestamp === undefined ? '' : describeTime(info.timestamp)],
    ['SPN', harmless(info.targetName ?? '')],
  ];
  return fields.filter(([, text]) => text !== '');
}

function describeTime(ticks: Filetime): string {
  const date = dateFromFiletime(ticks);
  return Number.isNaN(date.getTime()) ? `${ticks} ticks` : date.toISOString();
}

function describeFlags(flags: number): string {
  const names = flagNames(flags).map((name) => name.replace(/^NTLMSSP_(NEGOTIATE_)?/, ''));
  return `${flags.toString(16).padStart(8, '0')} ${names.join(' ')}`;
}

function describeVersion({ productMajorVersion, productMinorVersion, productBuild }: Version): string {
  return `${productMajorVersion}.${productMinorVersion}.${productBuild}`;
}
