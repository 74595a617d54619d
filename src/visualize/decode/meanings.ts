import { AvFlags, avIdName } from '../../messages/av-pairs.ts';
import { dateFromFiletime } from '../../messages/filetime.ts';
import { flagNames } from '../../messages/flags.ts';
import { MessageType } from '../../messages/header.ts';
import { decodeUnicode, type Charset } from '../../messages/text.ts';
import { DerElement } from '../../der.ts';
import { mechTypeName, NEG_STATES } from '../../spnego/messages/index.ts';
import { TOKEN } from '../../spnego/messages/token-origin.ts';
import { toHex, toLatin1 } from '../bytes.ts';
import { kerberosMeaning } from '../kerberos/meanings.ts';
import { NEGOEX_TYPES } from './negoex.ts';
import { escaped, plural, quoted } from './text.ts';

/** What a field says. */
export interface Meaning {
  readonly value: string;
  /** One line for each part: a flag, a second reading. */
  readonly detail?: readonly string[];
}

export interface MeaningContext {
  readonly charset: Charset;
  /** Of the NT response: tells what the LM response is. */
  readonly ntLength: number;
  readonly extendedSessionSecurity: boolean;
}

type Describe = (bytes: Uint8Array, context: MeaningContext) => Meaning;

interface Rule {
  readonly name: RegExp;
  /** MS-NLMP's, or of the document named. */
  readonly section: string;
  readonly describe: Describe;
}

const number = (bytes: Uint8Array): number => bytes.reduceRight((total, byte) => total * 256 + byte, 0);
const hexNumber = (bytes: Uint8Array): string => `0x${number(bytes).toString(16).padStart(2 * bytes.length, '0')}`;
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const plain: Describe = (bytes) => ({ value: isZero(bytes) ? `${plural(bytes.length, 'zero byte')}` : toHex(bytes) });
const integer: Describe = (bytes) => ({ value: String(number(bytes)) });
const text: Describe = (bytes, { charset }) => ({
  value: quoted(charset === 'unicode' ? decodeUnicode(bytes) : toLatin1(bytes)),
  ...(charset === 'oem' ? { detail: ['OEM text; the code page is not named'] } : {}),
});
const unicode: Describe = (bytes) => ({ value: quoted(decodeUnicode(bytes)) });
const messageType: Describe = (bytes) => {
  const type = number(bytes);
  const name = Object.entries(MessageType).find(([, value]) => value === type)?.[0];
  return { value: name === undefined ? `${type}, unknown` : `${type}, ${name}` };
};
const flags: Describe = (bytes) => ({ value: hexNumber(bytes), detail: flagNames(number(bytes)) });
const descriptor: Describe = (bytes) => {
  const [length, most, offset] = [bytes.subarray(0, 2), bytes.subarray(2, 4), bytes.subarray(4, 8)].map(number);
  return { value: length === 0 ? 'empty' : `${plural(length!, 'byte')} at ${offset}`, ...(most === length ? {} : { detail: [`MaxLen ${most}`] }) };
};
const timestamp: Describe = (bytes) => {
  const ticks = bytes.reduceRight((total, byte) => (total << 8n) | BigInt(byte), 0n);
  const date = dateFromFiletime(ticks);
  return { value: Number.isNaN(date.getTime()) ? `${ticks} ticks` : date.toISOString(), detail: [`${ticks} ticks of 100 ns since 1601`] };
};
const avFlags: Describe = (bytes) => {
  const value = number(bytes);
  const names = Object.entries(AvFlags).filter(([, bit]) => (value & bit) !== 0);
  return { value: hexNumber(bytes), detail: names.map(([name]) => name) };
};
const avId: Describe = (bytes) => ({ value: `${number(bytes)}, ${avIdName(number(bytes))}` });
const channelBindings: Describe = (bytes) => ({
  value: isZero(bytes) ? '16 zero bytes: no channel bindings' : `MD5 of the channel bindings ${toHex(bytes)}`,
});
const singleHost: Describe = (bytes) => ({ value: `size ${number(bytes.subarray(0, 4))}, machine id ${toHex(bytes.subarray(16, 48))}` });
const revision: Describe = (bytes) => ({ value: bytes[0] === 0x0f ? '15, NTLMSSP_REVISION_W2K3' : String(bytes[0]) });
const lmResponse: Describe = (bytes, { ntLength, extendedSessionSecurity }) => {
  if (bytes.length !== 24) return { value: bytes.length === 1 ? '1 byte: anonymous' : plural(bytes.length, 'byte') };
  if (isZero(bytes)) return { value: '24 zero bytes: nothing for LM' };
  if (ntLength > 24) return { value: 'LMv2 response', detail: [`proof ${toHex(bytes.subarray(0, 16))}`, `client challenge ${toHex(bytes.subarray(16))}`] };
  if (extendedSessionSecurity && isZero(bytes.subarray(8))) return { value: `client challenge ${toHex(bytes.subarray(0, 8))} of the NTLM2 session response` };
  return { value: `LM or NTLMv1 response ${toHex(bytes)}` };
};
const ntResponse: Describe = (bytes, { extendedSessionSecurity }) => ({
  value: bytes.length !== 24 ? plural(bytes.length, 'byte') : extendedSessionSecurity ? 'NTLM2 session response' : 'NTLMv1 response',
  detail: [toHex(bytes)],
});
const mic: Describe = (bytes) => ({ value: isZero(bytes) ? '16 zero bytes: no MIC' : toHex(bytes) });
const objectIdentifier: Describe = (bytes) => {
  const element = DerElement.decode(bytes, TOKEN);
  const oid = (element.isUniversal(6) ? element : element.inner()).objectIdentifier();
  return { value: `${oid}, ${mechTypeName(oid)}` };
};
const negState: Describe = (bytes) => ({ value: NEG_STATES[bytes.at(-1) ?? -1] ?? 'unknown' });
/** SEQUENCE of [0] GeneralString and [1] OCTET STRING (MS-SPNG 2.2.1). */
const hints: Describe = (bytes) => {
  const fields = DerElement.decode(bytes, TOKEN).inner().fields();
  const name = fields.get(0)?.inner();
  const address = fields.get(1)?.inner().octetString();
  return {
    value: name === undefined ? 'no hintName' : quoted(toLatin1(name.contents)),
    ...(address === undefined ? {} : { detail: [`hintAddress ${toHex(address)}`] }),
  };
};
const negoExType: Describe = (bytes) => ({ value: `${number(bytes)}, ${NEGOEX_TYPES[number(bytes)] ?? 'unknown'}` });
const envelope: Describe = (bytes) => ({ value: `tags and lengths, ${plural(bytes.length, 'byte')}` });

/** The first rule that matches the whole name counts. Sections are MS-NLMP's where no document is named. */
const LISTED: readonly Rule[] = [
  { name: /NEGOEX\.Signature/, section: 'MS-NEGOEX 2.2.6.2', describe: (bytes) => ({ value: quoted(toLatin1(bytes)) }) },
  { name: /NEGOEX\.MessageType/, section: 'MS-NEGOEX 2.2.6.1', describe: negoExType },
  { name: /Signature/, section: '2.2.1', describe: (bytes) => ({ value: quoted(toLatin1(bytes)) }) },
  { name: /MessageType/, section: '2.2.1', describe: messageType },
  { name: /NegotiateFlags/, section: '2.2.2.5', describe: flags },
  { name: /.*Fields/, section: '', describe: descriptor },
  { name: /ServerChallenge/, section: '2.2.1.2', describe: plain },
  { name: /TargetName|DomainName|UserName|Workstation/, section: '', describe: text },
  { name: /Version\.NTLMRevisionCurrent/, section: '2.2.2.10', describe: revision },
  { name: /Version\.Reserved/, section: '2.2.2.10', describe: plain },
  { name: /Version\..*/, section: '2.2.2.10', describe: integer },
  { name: /MIC/, section: '3.1.5.1.2', describe: mic },
  { name: /LmChallengeResponse/, section: '2.2.2.3', describe: lmResponse },
  { name: /NtChallengeResponse/, section: '2.2.2.6', describe: ntResponse },
  { name: /EncryptedRandomSessionKey/, section: '3.4.5.1', describe: plain },
  { name: /.*\.AvId/, section: '2.2.2.1', describe: avId },
  { name: /.*\.AvLen/, section: '2.2.2.1', describe: integer },
  { name: /.*\.MsvAv(?:Nb|Dns).*\.Value|.*\.MsvAvTargetName\.Value/, section: '2.2.2.1', describe: unicode },
  { name: /.*\.MsvAvFlags\.Value/, section: '2.2.2.1', describe: avFlags },
  { name: /.*\.MsvAvTimestamp\.Value/, section: '2.2.2.1', describe: timestamp },
  { name: /.*\.MsvAvSingleHost\.Value/, section: '2.2.2.2', describe: singleHost },
  { name: /.*\.MsvAvChannelBindings\.Value/, section: '2.2.2.1', describe: channelBindings },
  { name: /.*\.Value/, section: '2.2.2.1', describe: plain },
  { name: /NTLMv2Response\.NTProofStr/, section: '2.2.2.8', describe: plain },
  { name: /NTLMv2Response\.TimeStamp/, section: '2.2.2.7', describe: timestamp },
  { name: /NTLMv2Response\.(?:Hi)?RespType/, section: '2.2.2.7', describe: integer },
  { name: /NTLMv2Response\..*/, section: '2.2.2.7', describe: plain },
  { name: /NegTokenInit\.mechTypes\.\d+|.*\.thisMech/, section: 'RFC 4178 4.2.1', describe: objectIdentifier },
  { name: /NegTokenResp\.supportedMech/, section: 'RFC 4178 4.2.2', describe: objectIdentifier },
  { name: /NegTokenResp\.negState/, section: 'RFC 4178 4.2.2', describe: negState },
  { name: /NegTokenInit\.negHints/, section: 'MS-SPNG 2.2.1', describe: hints },
  { name: /.*\.mechListMIC/, section: 'RFC 4178 5', describe: plain },
  { name: /InitialContextToken/, section: 'RFC 2743 3.1', describe: envelope },
  { name: /NegTokenInit.*/, section: 'RFC 4178 4.2.1', describe: envelope },
  { name: /NegTokenResp.*/, section: 'RFC 4178 4.2.2', describe: envelope },
];
const RULES = LISTED.map((rule) => ({ ...rule, name: new RegExp(`^(?:${rule.name.source})$`) }));

const MESSAGE_SECTIONS: Readonly<Record<string, string>> = { NEGOTIATE: '2.2.1.1', CHALLENGE: '2.2.1.2', AUTHENTICATE: '2.2.1.3' };

/** What the bytes of a field say, and where it is written. */
export function describeField(name: string, bytes: Uint8Array, message: string | undefined, context: MeaningContext): Meaning & { readonly section: string } {
  const rule = RULES.find((candidate) => candidate.name.test(name));
  const own = rule?.section || (MESSAGE_SECTIONS[message ?? ''] ?? '2.2.1');
  const section = /^\d/.test(own) ? `MS-NLMP ${own}` : own;
  try {
    const { value, detail = [] } = (rule?.describe ?? plain)(bytes, context);
    return kerberosMeaning(name, bytes) ?? { value, detail, section };
  } catch {
    return { value: escaped(toHex(bytes)), detail: [], section }; // a part of a field that was cut
  }
}
