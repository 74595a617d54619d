/** What a malformed token is refused with: the offset, and the sentence that a person reads. */
import { describe, expect, test } from 'vitest';
import {
  MechType,
  decodeNegTokenInit,
  decodeNegTokenResp,
  decodeSpnegoToken,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  mechTypeName,
} from '../../src/spnego/messages/index.ts';
import { hex, toHex } from '../support/bytes.ts';
import { thrown } from '../support/thrown.ts';

/** An element of DER as hexadecimal, of fewer than 128 bytes. */
const tlv = (tag: string, ...parts: string[]): string => {
  const contents = parts.join('');
  return tag + (contents.length / 2).toString(16).padStart(2, '0') + contents;
};
const SPNEGO = '06062b0601050502';
const NTLM = '060a2b06010401823702020a';
const MECHS = tlv('a0', tlv('30', NTLM));
const init = (...fields: string[]): string => tlv('60', SPNEGO, tlv('a0', tlv('30', ...fields)));
const resp = (...fields: string[]): string => tlv('a1', tlv('30', ...fields));

describe('a token from the other end', () => {
  test.each([
    ['', 0, 'is empty'],
    ['a1', 0, 'is cut or is not DER'],
    ['a10200', 0, 'is cut or is not DER'],
    ['bf2100', 0, 'has a tag number above 30'],
    ['a18100', 0, 'has a length that is not the shortest'],
    [`${resp()}00`, 4, 'is cut or is not DER'],
    [`${resp()}0500`, 4, 'has bytes after its end'],
    ['3000', 0, 'is neither an InitialContextToken nor a NegTokenResp'],
    ['a100', 0, 'holds a tag around nothing'],
    ['a10430003000', 4, 'holds a tag around more than one value'],
    ['a1020400', 2, 'holds something else where SEQUENCE is due'],
    [resp('0500'), 4, 'holds a value without its tag'],
    [resp('8000'), 4, 'holds a value without its tag'],
    [resp('6000'), 4, 'holds a value without its tag'],
    [resp('a1030601', '2a', tlv('a0', '0a0100')), 9, 'repeats a field or has its fields out of order'],
    [resp('a2020400', 'a2020400'), 8, 'repeats a field or has its fields out of order'],
    [resp(tlv('a0', '040100')), 6, 'holds something else where ENUMERATED is due'],
    [resp(tlv('a0', '0a00')), 6, 'holds an unknown ENUMERATED'],
    [resp(tlv('a0', '0a020000')), 6, 'holds an unknown ENUMERATED'],
    [resp(tlv('a0', '0a0180')), 6, 'holds an unknown ENUMERATED'],
    [resp(tlv('a0', '0a017f')), 6, 'has an unknown negState'],
    [resp(tlv('a0', '0a0104')), 6, 'has an unknown negState'],
    [resp(tlv('a1', '040100')), 6, 'holds something else where OBJECT IDENTIFIER is due'],
    [resp(tlv('a1', '0600')), 6, 'holds a malformed OBJECT IDENTIFIER'],
    [resp(tlv('a1', '06028001')), 6, 'holds a malformed OBJECT IDENTIFIER'],
    [resp(tlv('a1', '06032a8001')), 6, 'holds a malformed OBJECT IDENTIFIER'],
    [resp(tlv('a1', '06022a81')), 6, 'holds a malformed OBJECT IDENTIFIER'],
    [resp(tlv('a2', '0a0100')), 6, 'holds something else where OCTET STRING is due'],
    [tlv('60'), 0, 'names no mechanism'],
    [tlv('60', '040100'), 0, 'names no mechanism'],
    [tlv('60', SPNEGO), 0, 'holds no NegTokenInit'],
    [tlv('60', SPNEGO, tlv('a1', '3000')), 0, 'holds no NegTokenInit'],
    [tlv('60', SPNEGO, tlv('a0', tlv('30', MECHS)), '0500'), 30, 'has bytes after its NegTokenInit'],
    [init(), 12, 'has no mechTypes'],
    [init(tlv('a0', '3000')), 16, 'offers no mechanism'],
    [init(tlv('a0', '0400')), 16, 'holds something else where SEQUENCE is due'],
    [init(MECHS, tlv('a3', tlv('30', tlv('a0', '0c0141')))), 36, 'holds something else where GeneralString is due'],
    [init(MECHS, tlv('a3', tlv('30', tlv('a1', '0c0141')))), 36, 'holds something else where OCTET STRING is due'],
  ])('%s at byte %i: %s', (token, offset, problem) => {
    expect(thrown(() => decodeSpnegoToken(hex(token))).toJSON()).toEqual({
      name: 'NtlmError',
      message: `the SPNEGO token ${problem} (at byte ${offset})`,
      code: 'malformed-token',
      phase: 'spnego',
      side: 'peer',
      offset,
    });
  });

  test('of another kind than was asked for', () => {
    expect(thrown(() => decodeNegTokenInit(hex(resp()))).message).toBe('the SPNEGO token is not an InitialContextToken (at byte 0)');
    expect(thrown(() => decodeNegTokenResp(hex(init(MECHS)))).message).toBe('the SPNEGO token is not a NegTokenResp (at byte 0)');
  });

  test('keeps a mechListMIC that is the responseToken in part only', () => {
    const token = resp(tlv('a2', '04020102'), tlv('a3', '04020103'));
    expect(decodeNegTokenResp(hex(token)).mechListMIC).toEqual(Uint8Array.of(1, 3));
  });

  test('an object identifier of 128 bytes is the longest', () => {
    const frame = (size: number): Uint8Array => {
      const oid = `0681${size.toString(16)}${'01'.repeat(size)}`;
      const field = `a181${(oid.length / 2).toString(16)}${oid}`;
      const body = `3081${(field.length / 2).toString(16)}${field}`;
      return hex(`a181${(body.length / 2).toString(16)}${body}`);
    };
    expect(decodeNegTokenResp(frame(128)).supportedMech?.split('.')).toHaveLength(129);
    expect(thrown(() => decodeNegTokenResp(frame(129))).message).toContain('holds a malformed OBJECT IDENTIFIER');
  });
});

describe('a value of the wrong kind is refused in these words', () => {
  const oids = (count: number): string[] => Array<string>(count).fill('1.2.3');
  test.each<[string, () => unknown, string]>([
    ['no mechanism', () => encodeMechTypeList([]), '"mechTypes" must be a list of 1 to 255 object identifiers'],
    ['256 mechanisms', () => encodeMechTypeList(oids(256)), '"mechTypes" must be a list of 1 to 255 object identifiers'],
    ['a mechanism that is a name', () => encodeMechTypeList(['NTLM']), '"mechTypes" must be an object identifier such as "1.3.6.1.5.5.2"'],
    ['something in front of an identifier', () => encodeMechTypeList(['x1.2.3']), '"mechTypes" must be an object identifier such as "1.3.6.1.5.5.2"'],
    ['a mechanism that is a list', () => encodeMechTypeList([['1.2.3'] as never]), '"mechTypes" must be an object identifier such as "1.3.6.1.5.5.2"'],
    ['a mechanism of more than 128 bytes', () => encodeMechTypeList([`1.2${'.1'.repeat(128)}`]), '"mechTypes" must be an object identifier such as "1.3.6.1.5.5.2"'],
    ['a chosen mechanism that is a name', () => encodeNegTokenResp({ supportedMech: 'NTLM' }), '"supportedMech" must be an object identifier such as "1.3.6.1.5.5.2"'],
    ['an unknown state', () => encodeNegTokenResp({ negState: 'maybe' as never }), '"negState" must be one of accept-completed, accept-incomplete, reject, request-mic'],
    ['a response as text', () => encodeNegTokenResp({ responseToken: '' as never }), '"responseToken" must be a Uint8Array'],
    ['a MIC as text', () => encodeNegTokenResp({ mechListMIC: '' as never }), '"mechListMIC" must be a Uint8Array'],
    ['a token as text', () => encodeNegTokenInit({ mechTypes: ['1.2.3'], mechToken: '' as never }), '"mechToken" must be a Uint8Array'],
    ['a first MIC as text', () => encodeNegTokenInit({ mechTypes: ['1.2.3'], mechListMIC: '' as never }), '"mechListMIC" must be a Uint8Array'],
    ['a hint token as text', () => encodeNegTokenInit2({ mechTypes: ['1.2.3'], mechToken: '' as never }), '"mechToken" must be a Uint8Array'],
    ['a hint MIC as text', () => encodeNegTokenInit2({ mechTypes: ['1.2.3'], mechListMIC: '' as never }), '"mechListMIC" must be a Uint8Array'],
    ['a hint address as text', () => encodeNegTokenInit2({ mechTypes: ['1.2.3'], negHints: { hintAddress: '' as never } }), '"hintAddress" must be a Uint8Array'],
    ['a hint beyond U+00FF', () => encodeNegTokenInit2({ mechTypes: ['1.2.3'], negHints: { hintName: 'Ā' } }), '"hintName" must have characters up to U+00FF only'],
    ['base64 to read', () => decodeSpnegoToken('YII' as never), '"token" must be a Uint8Array'],
    ['base64 to read first', () => decodeNegTokenInit('YII' as never), '"token" must be a Uint8Array'],
    ['base64 to read later', () => decodeNegTokenResp('oQ' as never), '"token" must be a Uint8Array'],
  ])('%s', (_, act, message) => {
    expect(thrown(act)).toMatchObject({ code: 'invalid-argument', phase: 'spnego', side: 'local', message });
  });

  test('255 mechanisms, and one of 128 bytes, are taken', () => {
    expect(encodeMechTypeList(oids(255))).toHaveLength(255 * 4 + 4);
    expect(toHex(encodeMechTypeList([`1.2${'.1'.repeat(127)}`]))).toBe(`308183068180${'2a'}${'01'.repeat(127)}`);
  });
});

test('mechanisms have names', () => {
  expect(Object.values(MechType).map(mechTypeName)).toEqual([
    'NTLMSSP',
    'Kerberos 5',
    'Kerberos 5 (Microsoft)',
    'Kerberos 5 user-to-user',
    'IAKERB',
    'NEGOEX',
    'SPNEGO',
  ]);
  expect(mechTypeName('1.2.3')).toBe('1.2.3');
});

test('hints without a name have none', () => {
  const token = decodeSpnegoToken(encodeNegTokenInit2({ mechTypes: ['1.2.3'], negHints: { hintAddress: Uint8Array.of(1) } }));
  expect(token).toMatchObject({ type: 'init2', negHints: { hintAddress: Uint8Array.of(1) } });
  expect(Object.keys((token as { negHints: object }).negHints)).toEqual(['hintAddress']);
});
