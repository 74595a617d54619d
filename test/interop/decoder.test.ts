/** Our decoder against Wireshark's: the same names at the same places with the same values, field by field. */
import { credentialsWithLmHash, lmAndNtlmv1 } from '../../src/legacy/index.ts';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials, createNtlmActor, type NtlmActor, type NtlmOptions } from '../../src/index.ts';
import { MechType, encodeNegTokenInit, encodeNegTokenResp } from '../../src/spnego/index.ts';
import { decodeToken, type DecodedField, type DecodedToken } from '../../src/visualize/index.ts';
import { challengeToken } from '../support/handshake.ts';
import { startApache } from './support/apache.ts';
import { decodeWithTshark, type TsharkField } from './support/tshark.ts';
import { alice, juergen, nihon, type TestUser } from './support/users.ts';

type Compare = (theirs: TsharkField, ours: readonly DecodedField[]) => void;
type Row = readonly [names: readonly string[], compare: Compare];

const bytes: Compare = ({ value }, ours) => expect(ours.map(({ hex }) => hex).join('')).toBe(value.replaceAll(':', ''));
const text: Compare = ({ value }, [ours]) => expect(ours?.value).toBe(JSON.stringify(value));
const number: Compare = ({ value }, [ours]) => expect(Number.parseInt(ours?.value ?? '', 10)).toBe(Number(value));
const flags: Compare = ({ value }, [ours]) => expect(ours?.value).toBe(value);
const time: Compare = ({ value }, [ours]) => expect(ours?.value).toBe(new Date(value.replace(/(\.\d{3})\d*/, '$1')).toISOString());

const PAIRS: readonly (readonly [theirs: string, ours: string, compare: Compare])[] = [
  ['nb_domain_name', 'MsvAvNbDomainName', text],
  ['nb_computer_name', 'MsvAvNbComputerName', text],
  ['dns_domain_name', 'MsvAvDnsDomainName', text],
  ['dns_computer_name', 'MsvAvDnsComputerName', text],
  ['dns_tree_name', 'MsvAvDnsTreeName', text],
  ['timestamp', 'MsvAvTimestamp', time],
  ['flags', 'MsvAvFlags', flags],
  ['channel_bindings', 'MsvAvChannelBindings', bytes],
  ['target_name', 'MsvAvTargetName', text],
];

/** Wireshark's names, and ours for the same bytes. */
const TABLE: Readonly<Record<string, Row>> = {
  'ntlmssp.identifier': [['Signature'], ({ value }, [ours]) => expect(ours?.value).toContain(value)],
  'ntlmssp.messagetype': [['MessageType'], number],
  'ntlmssp.negotiateflags': [['NegotiateFlags'], flags],
  'ntlmssp.version.major': [['Version.ProductMajorVersion'], number],
  'ntlmssp.version.minor': [['Version.ProductMinorVersion'], number],
  'ntlmssp.version.build_number': [['Version.ProductBuild'], number],
  'ntlmssp.version.ntlm_current_revision': [['Version.NTLMRevisionCurrent'], number],
  'ntlmssp.challenge.target_name': [['TargetName'], text],
  'ntlmssp.ntlmserverchallenge': [['ServerChallenge'], bytes],
  'ntlmssp.reserved': [['Reserved'], bytes],
  'ntlmssp.auth.lmresponse': [['LmChallengeResponse'], bytes],
  'ntlmssp.ntlmv2_response.ntproofstr': [['NTLMv2Response.NTProofStr'], bytes],
  'ntlmssp.ntlmv2_response.rversion': [['NTLMv2Response.RespType'], number],
  'ntlmssp.ntlmv2_response.hirversion': [['NTLMv2Response.HiRespType'], number],
  'ntlmssp.ntlmv2_response.time': [['NTLMv2Response.TimeStamp'], time],
  'ntlmssp.ntlmv2_response.chal': [['NTLMv2Response.ChallengeFromClient'], bytes],
  'ntlmssp.ntlmv2_response.pad': [['unread'], bytes],
  'ntlmssp.auth.domain': [['DomainName'], text],
  'ntlmssp.auth.username': [['UserName'], text],
  'ntlmssp.auth.hostname': [['Workstation'], text],
  'ntlmssp.auth.sesskey': [['EncryptedRandomSessionKey'], bytes],
  'ntlmssp.authenticate.mic': [['MIC'], bytes],
  ...Object.fromEntries(
    PAIRS.flatMap(([theirs, ours, compare]) => [
      [`ntlmssp.challenge.target_info.${theirs}`, [[`TargetInfo.${ours}.Value`], compare] as const],
      [`ntlmssp.ntlmv2_response.${theirs}`, [[`NTLMv2Response.${ours}.Value`], compare] as const],
    ]),
  ),
};

function inRange({ fields }: DecodedToken, { offset, length }: TsharkField): DecodedField[] {
  return fields.filter((field) => field.offset >= offset && field.offset + field.length <= offset + length);
}

/** The descriptor that holds a length or an offset which Wireshark shows one by one. */
function descriptorAt({ fields }: DecodedToken, { offset }: TsharkField): DecodedField {
  return fields.find((field) => field.name.endsWith('Fields') && field.offset <= offset && offset < field.offset + 8)!;
}

/** How many fields were compared. Of an empty field Wireshark shows the descriptor; a mechListMIC it takes for NTLMSSP. */
function compare(ours: DecodedToken, theirs: readonly TsharkField[]): number {
  let compared = 0;
  const { offset: start, length } = ours.ntlm!;
  for (const field of theirs) {
    if (field.offset < start || field.offset + field.length > start + length) continue;
    const row = TABLE[field.name];
    const [only, ...others] = inRange(ours, field);
    if (field.length === 8 && others.length === 0 && only?.name.endsWith('Fields') === true) {
      expect(only.value).toBe('empty');
      expect(only.hex.slice(0, 4)).toBe('0000');
      compared++;
    } else if (row !== undefined && field.length > 0) {
      const own = inRange(ours, field);
      expect(own.map(({ name }) => name), field.name).toEqual(row[0]);
      row[1](field, own);
      compared++;
    } else if (/\.item\.type$/.test(field.name)) {
      expect(Number.parseInt(inRange(ours, field)[0]!.value, 10)).toBe(Number(field.value));
      compared++;
    } else if (/\.item\.length$/.test(field.name)) {
      expect(inRange(ours, field)[0]).toMatchObject({ value: field.value, name: expect.stringMatching(/\.AvLen$/) });
      compared++;
    } else if (/\.(string|blob|target_info)\.length$/.test(field.name)) {
      expect(descriptorAt(ours, field).value).toMatch(field.value === '0' ? /^empty$/ : new RegExp(`^${field.value} bytes? at `));
      compared++;
    } else if (/\.(string|blob|target_info)\.offset$/.test(field.name)) {
      const { value } = descriptorAt(ours, field);
      if (value !== 'empty') expect(value).toMatch(new RegExp(` at ${field.value}$`));
      compared++;
    }
  }
  return compared;
}

const handle = (user: TestUser) => (user === alice ? credentialsWithLmHash(user) : Credentials.fromPassword(user));

function exchange(challenge: (negotiate: Uint8Array) => Uint8Array, options: Partial<NtlmOptions> = {}): Uint8Array[] {
  const actor = createNtlmActor({ credentials: handle(alice), workstation: 'WS', ...options });
  actor.send({ type: 'negotiate' });
  const negotiate = actor.getSnapshot().context.token!;
  const token = challenge(negotiate);
  actor.send({ type: 'challenge', token });
  return [negotiate, token, actor.getSnapshot().context.token!];
}

const target = { nbDomainName: 'TESTDOM', nbComputerName: 'SERVER', dnsDomainName: 'test.example', dnsComputerName: 'server.test.example' };
const acceptor = (user: TestUser) => (negotiate: Uint8Array) => new NtlmAcceptor({ credentials: handle(user), target }).challenge(negotiate);

describe('field by field with Wireshark', () => {
  test.each<readonly [string, () => Uint8Array[]]>([
    ['a sealed session with all that NTLMv2 can carry', () => exchange(acceptor(alice), { sessionSecurity: 'seal', spn: 'HTTP/server.test.example', channelBindings: { hash: new Uint8Array(16).fill(7) } })],
    ['the challenge of a Windows server', () => exchange(() => challengeToken())],
    ['a challenge without a timestamp', () => exchange(() => challengeToken({ targetInfo: [] }), { policy: 'ntlmv2-compatible' })],
    ['names beyond ASCII', () => exchange(acceptor(juergen), { credentials: handle(juergen) })],
    ['names beyond Latin', () => exchange(acceptor(nihon), { credentials: handle(nihon), workstation: '端末' })],
    ['NTLMv1 with an LM response', () => exchange(() => challengeToken({ flags: 0xa2818205 }), { policy: lmAndNtlmv1 })],
    ['an OEM character set', () => exchange(acceptor(alice), { unicode: false })],
  ])('%s', async (_, make) => {
    const tokens = make();
    const messages = await decodeWithTshark(tokens);
    const counts = messages.map((message, i) => compare(decodeToken(tokens[i]!), message.fields));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(8);
  });

  test('messages in SPNEGO, at their places in the envelope', async () => {
    const [negotiate, challenge, authenticate] = exchange(acceptor(alice), { sessionSecurity: 'sign' });
    const tokens = [
      encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken: negotiate! }),
      encodeNegTokenResp({ negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP, responseToken: challenge! }),
      encodeNegTokenResp({ responseToken: authenticate!, mechListMIC: new Uint8Array(16).fill(9) }),
    ];
    const messages = await decodeWithTshark(tokens, { scheme: 'Negotiate' });
    messages.forEach((message, i) => expect(compare(decodeToken(tokens[i]!), message.fields)).toBeGreaterThanOrEqual(8));
    expect(messages[1]!.value('spnego.negResult')).toBe('1');
    expect(decodeToken(tokens[1]!).fields.find(({ name }) => name === 'NegTokenResp.negState')?.value).toBe('accept-incomplete');
  });
});

describe('what Apache and our client say to each other', () => {
  let tokens: Uint8Array[];

  beforeAll(async () => {
    await using apache = await startApache();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const actor: NtlmActor = createNtlmActor({ credentials: handle(alice), spn: 'HTTP/localhost' });
    actor.send({ type: 'negotiate' });
    const negotiate = actor.getSnapshot().context.token!;
    const headers = { authorization: `NTLM ${Buffer.from(negotiate).toString('base64')}` };
    const [response] = (await once(get(apache.http, { agent, headers }), 'response')) as [IncomingMessage];
    response.resume();
    const [, offered = ''] = /NTLM ([^,\s]+)/.exec(response.headers['www-authenticate'] ?? '') ?? [];
    const challenge = new Uint8Array(Buffer.from(offered, 'base64'));
    actor.send({ type: 'challenge', token: challenge });
    tokens = [negotiate, challenge, actor.getSnapshot().context.token!];
    agent.destroy();
  });

  test('is decoded as Wireshark decodes it, without a problem', async () => {
    const messages = await decodeWithTshark(tokens);
    messages.forEach((message, i) => {
      const ours = decodeToken(tokens[i]!);
      expect(ours.problems).toEqual([]);
      expect(compare(ours, message.fields)).toBeGreaterThanOrEqual(8);
    });
  });
});
