import { describe, expect, it } from 'vitest';
import type { NtlmError, NtlmErrorCode } from '../../src/errors.ts';
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  decodeSpnegoToken,
  encodeMechTypeList,
  encodeNegTokenInit,
  encodeNegTokenInit2,
  encodeNegTokenResp,
  MechType,
  mechTypeName,
} from '../../src/spnego/messages/index.ts';
import { thrown } from '../support/thrown.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

// Tokens of real software, as it sent them.

/** gss-ntlmssp 1.2 in MIT Kerberos's SPNEGO: alice logs on with signing and sealing. */
const GSS = {
  negotiate: '4e544c4d5353500001000000378208e200000000000000000000000000000000060200000000000f',
  init:
    '604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a0428' +
    '4e544c4d5353500001000000378208e200000000000000000000000000000000060200000000000f',
  challenge:
    '4e544c4d5353500002000000040004003800000035828ae2cd66d6d2246fec110000000000000000420042003c000000060200000000000f' +
    '56004d000100040056004d000200160057004f0052004b00530054004100540049004f004e000300040076006d0006000400000000000700' +
    '080060f81ef3a47add0100000000',
  incomplete:
    'a18199308196a0030a0101a10c060a2b06010401823702020aa28180047e' +
    '4e544c4d5353500002000000040004003800000035828ae2cd66d6d2246fec110000000000000000420042003c000000060200000000000f' +
    '56004d000100040056004d000200160057004f0052004b00530054004100540049004f004e000300040076006d0006000400000000000700' +
    '080060f81ef3a47add0100000000',
  completed: 'a11b3019a0030a0100a312041001000000607e274c9aa7536b00000000',
};

/** Samba 4's ntlm_auth, helper protocols gss-spnego and gss-spnego-client. */
const SAMBA = {
  hint:
    '604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa32a3028a0261b24' +
    '6e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265',
  init:
    '604806062b0601050502a03e303ca00e300c060a2b06010401823702020aa22a0428' +
    '4e544c4d53535000010000000582086200000000280000000000000028000000060100000000000f',
  completed: 'a1073005a0030a0100',
};

/** What Windows Server answers to SMB2 NEGOTIATE: NEGOEX, both Kerberos, user-to-user, NTLMSSP. */
const WINDOWS_HINT =
  '607606062b0601050502a06c306aa03c303a060a2b06010401823702021e06092a864882f71201020206092a864886f712010202' +
  '060a2a864886f71201020203060a2b06010401823702020aa32a3028a0261b24' +
  '6e6f745f646566696e65645f696e5f5246433431373840706c656173655f69676e6f7265';

const NTLM_ONLY = { mechTypes: [MechType.NTLMSSP], mechTypeList: bytes('300c060a2b06010401823702020a') };

function refusal(token: string | Uint8Array, decode: (token: Uint8Array) => unknown = decodeSpnegoToken): NtlmError {
  return thrown(() => decode(typeof token === 'string' ? bytes(token) : token));
}

function expectRefusal(token: string, code: NtlmErrorCode, offset: number): void {
  expect(refusal(token)).toMatchObject({ code, phase: 'spnego', side: 'peer', offset });
}

describe('the first token (RFC 4178 4.2.1)', () => {
  it('is read as gss-ntlmssp sent it', () => {
    expect(decodeSpnegoToken(bytes(GSS.init))).toEqual({ type: 'init', ...NTLM_ONLY, mechToken: bytes(GSS.negotiate) });
  });

  it('comes out byte for byte as gss-ntlmssp and Samba send it', () => {
    expect(hex(encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken: bytes(GSS.negotiate) }))).toBe(GSS.init);
    const { mechTypes, ...rest } = decodeNegTokenInit(bytes(SAMBA.init));
    expect(hex(encodeNegTokenInit({ mechTypes, mechToken: rest.mechToken ?? bytes('') }))).toBe(SAMBA.init);
  });

  it('carries mechListMIC under [3] where it is an OCTET STRING', () => {
    const token = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechListMIC: bytes('0102') });
    expect(hex(token)).toBe('602206062b0601050502a0183016a00e300c060a2b06010401823702020aa30404020102');
    expect(decodeSpnegoToken(token)).toEqual({ type: 'init', ...NTLM_ONLY, mechListMIC: bytes('0102') });
  });

  it('may omit the first mechanism\'s token', () => {
    const token = '601a06062b0601050502a010300ea00c300a06082b06010505020304';
    expect(decodeSpnegoToken(bytes(token))).toMatchObject({ type: 'init', mechTypes: ['1.3.6.1.5.5.2.3.4'] });
    expect(decodeSpnegoToken(bytes(token))).not.toHaveProperty('mechToken');
  });

  it('has reqFlags ignored, and unknown later fields too', () => {
    const start = '602206062b0601050502a0183016a00e300c060a2b06010401823702020a';
    for (const ignored of ['a10403020106', 'a70404020102']) {
      expect(decodeSpnegoToken(bytes(start + ignored))).toEqual({ type: 'init', ...NTLM_ONLY });
    }
  });
});

describe('the hint of a server that speaks first (MS-SPNG 2.2.1)', () => {
  const negHints = { hintName: 'not_defined_in_RFC4178@please_ignore' };

  it('is read and written as Samba sends it', () => {
    expect(decodeSpnegoToken(bytes(SAMBA.hint))).toEqual({ type: 'init2', ...NTLM_ONLY, negHints });
    expect(hex(encodeNegTokenInit2({ mechTypes: [MechType.NTLMSSP], negHints }))).toBe(SAMBA.hint);
  });

  it('is read and written as Windows Server sends it, its mechanisms in order and by name', () => {
    const hint = decodeNegTokenInit(bytes(WINDOWS_HINT));
    expect(hint).toMatchObject({ type: 'init2', negHints });
    expect(hint.mechTypes.map(mechTypeName)).toEqual([
      'NEGOEX',
      'Kerberos 5 (Microsoft)',
      'Kerberos 5',
      'Kerberos 5 user-to-user',
      'NTLMSSP',
    ]);
    expect(hex(encodeNegTokenInit2({ mechTypes: hint.mechTypes, negHints }))).toBe(WINDOWS_HINT);
  });

  it('has mechListMIC under [4]', () => {
    const token = encodeNegTokenInit2({ mechTypes: [MechType.NTLMSSP], mechListMIC: bytes('0102') });
    expect(hex(token)).toBe('602206062b0601050502a0183016a00e300c060a2b06010401823702020aa40404020102');
    expect(decodeSpnegoToken(token)).toEqual({ type: 'init2', ...NTLM_ONLY, mechListMIC: bytes('0102') });
  });

  it('takes a hint address', () => {
    const address = { hintAddress: bytes('7f000001') };
    const token = encodeNegTokenInit2({ mechTypes: [MechType.NTLMSSP], negHints: address });
    expect(decodeSpnegoToken(token)).toEqual({ type: 'init2', ...NTLM_ONLY, negHints: address });
  });
});

describe('the MechTypeList that mechListMIC signs', () => {
  it('is the SEQUENCE without its tag', () => {
    expect(hex(encodeMechTypeList([MechType.NTLMSSP]))).toBe('300c060a2b06010401823702020a');
    expect(hex(decodeNegTokenInit(bytes(WINDOWS_HINT)).mechTypeList)).toBe(WINDOWS_HINT.slice(32, 32 + 2 * 60));
  });

  it('does not change with the bytes it was read from', () => {
    const token = bytes(GSS.init);
    const { mechTypeList, mechToken } = decodeNegTokenInit(token);
    token.fill(0);
    expect(mechTypeList).toEqual(NTLM_ONLY.mechTypeList);
    expect(mechToken).toEqual(bytes(GSS.negotiate));
  });

  it('is the same for a Buffer, and plain bytes either way', () => {
    const { mechTypeList, mechToken } = decodeNegTokenInit(Buffer.from(GSS.init, 'hex'));
    expect(mechTypeList).toEqual(NTLM_ONLY.mechTypeList);
    expect([mechTypeList, mechToken].map((value) => value?.constructor)).toEqual([Uint8Array, Uint8Array]);
  });

  it('has object identifiers as X.690 8.19 encodes them', () => {
    expect(hex(encodeMechTypeList(['2.100.3']))).toBe('30050603813403'); // 8.19.5
    // X.667's example of an identifier from a UUID, f81d4fae-7dec-11d0-a765-00a0c91e6bf6
    const uuid = '2.25.329800735698586629295641978511506172918';
    const token = encodeNegTokenInit({ mechTypes: [uuid, '0.39', '1.0', '2.0.0'] });
    expect(decodeNegTokenInit(token).mechTypes).toEqual([uuid, '0.39', '1.0', '2.0.0']);
  });
});

describe('the later tokens (RFC 4178 4.2.2)', () => {
  it('accept-incomplete with a challenge is read and written as gss-ntlmssp sent it', () => {
    const fields = {
      negState: 'accept-incomplete',
      supportedMech: MechType.NTLMSSP,
      responseToken: bytes(GSS.challenge),
    } as const;
    expect(decodeSpnegoToken(bytes(GSS.incomplete))).toEqual({ type: 'resp', ...fields });
    expect(hex(encodeNegTokenResp(fields))).toBe(GSS.incomplete);
  });

  it('accept-completed with mechListMIC is read and written as gss-ntlmssp sent it', () => {
    const fields = { negState: 'accept-completed', mechListMIC: bytes('01000000607e274c9aa7536b00000000') } as const;
    expect(decodeNegTokenResp(bytes(GSS.completed))).toEqual({ type: 'resp', ...fields });
    expect(hex(encodeNegTokenResp(fields))).toBe(GSS.completed);
  });

  it('accept-completed alone is read and written as Samba sent it', () => {
    expect(decodeSpnegoToken(bytes(SAMBA.completed))).toEqual({ type: 'resp', negState: 'accept-completed' });
    expect(hex(encodeNegTokenResp({ negState: 'accept-completed' }))).toBe(SAMBA.completed);
  });

  it.each([
    ['accept-completed', 'a1073005a0030a0100'],
    ['accept-incomplete', 'a1073005a0030a0101'],
    ['reject', 'a1073005a0030a0102'],
    ['request-mic', 'a1073005a0030a0103'],
  ] as const)('%s has the value of RFC 4178', (negState, token) => {
    expect(decodeNegTokenResp(bytes(token))).toEqual({ type: 'resp', negState });
    expect(hex(encodeNegTokenResp({ negState }))).toBe(token);
  });

  it('a response that carries only a mechanism\'s token has no negState', () => {
    expect(decodeNegTokenResp(bytes('a1083006a20404020102'))).toEqual({ type: 'resp', responseToken: bytes('0102') });
    expect(decodeNegTokenResp(bytes('a1023000'))).toEqual({ type: 'resp' });
  });

  it('leaves mechListMIC out where the acceptor has put the responseToken there again', () => {
    const responseToken = bytes(GSS.challenge);
    const token = encodeNegTokenResp({ negState: 'accept-incomplete', responseToken, mechListMIC: responseToken });
    expect(decodeNegTokenResp(token)).toEqual({ type: 'resp', negState: 'accept-incomplete', responseToken });
  });

  it('takes tokens whose length needs two and three bytes', () => {
    for (const length of [0, 127, 128, 255, 256, 65_535, 65_536]) {
      const responseToken = new Uint8Array(length).fill(7);
      expect(decodeNegTokenResp(encodeNegTokenResp({ responseToken })).responseToken).toEqual(responseToken);
    }
  });
});

describe('what is not SPNEGO', () => {
  it('is known by its prefix when it is NTLMSSP itself', () => {
    expect(decodeSpnegoToken(bytes(GSS.negotiate))).toEqual({ type: 'raw-ntlmssp', token: bytes(GSS.negotiate) });
  });

  it('is refused by its name when it is Kerberos', () => {
    const error = refusal('601006092a864886f7120102020100ffff00');
    expect(error).toMatchObject({ code: 'mechanism-refused', phase: 'spnego', side: 'peer', offset: 2 });
    expect(error.message).toContain('Kerberos 5');
  });

  it('mechTypeName gives an unknown identifier back', () => {
    expect(mechTypeName('1.2.3')).toBe('1.2.3');
    expect(mechTypeName('toString')).toBe('toString');
  });
});

describe('a malformed token is refused where it goes wrong', () => {
  it.each([
    ['no bytes', '', 0],
    ['NTLMSSP cut within its prefix', '4e544c4d535350', 0],
    ['a byte after the token', 'a1073005a0030a010000', 9],
    ['a second token', 'a1073005a0030a0100a1023000', 9],
    ['a token cut by one byte', 'a1073005a0030a01', 0],
    ['a field that leaves its sequence', 'a1073005a0040a0100', 4],
    ['an indefinite length', 'a1803005a0030a01000000', 0],
    ['a length in more bytes than it needs', 'a181073005a0030a0100', 0],
    ['an inner length in more bytes than it needs', 'a1083006a0040a810100', 6],
    ['a tag number in high form', 'bf210530030a0100', 0],
    ['a later field whose tag is in high form', 'a10c300aa0030a0100bf21020500', 9],
    ['a primitive tag', '81073005a0030a0100', 0],
    ['another context tag', 'a2073005a0030a0100', 0],
    ['a NegTokenInit without its frame', 'a010300ea00c300a06082b06010505020304', 0],
    ['an explicit tag around nothing', 'a100', 0],
    ['an explicit tag around two', 'a10430003000', 4],
    ['a SET for the SEQUENCE', 'a1073105a0030a0100', 2],
    ['a field without its tag', 'a10530030a0100', 4],
    ['fields out of order', 'a10d300ba20404020102a0030a0100', 10],
    ['a field twice', 'a10c300aa0030a0100a0030a0100', 9],
    ['negState as INTEGER', 'a1073005a003020100', 6],
    ['negState of two bytes', 'a1083006a0040a020000', 6],
    ['negState of no byte', 'a1063004a0020a00', 6],
    ['an unknown negState', 'a1073005a0030a0104', 6],
    ['a negative negState', 'a1073005a0030a0180', 6],
    ['responseToken in pieces', 'a10a3008a206240404020102', 6],
    ['supportedMech cut within an arc', 'a1083006a10406022b86', 6],
    ['supportedMech with a padded arc', 'a1093007a10506032b8001', 6],
    ['supportedMech empty', 'a1063004a1020600', 6],
    ['no mechanism named', '6000', 0],
    ['no NegTokenInit', '600806062b0601050502', 0],
    ['a NegTokenResp in the frame', '601106062b0601050502a1073005a0030a0100', 0],
    ['bytes after the NegTokenInit', '601c06062b0601050502a010300ea00c300a06082b060105050203040500', 28],
    ['no mechTypes', '600c06062b0601050502a0023000', 12],
    ['no mechanism in mechTypes', '601006062b0601050502a0063004a0023000', 16],
    ['mechTypes that are no identifiers', '601306062b0601050502a0093007a0053003020101', 18],
    [
      'negHints and mechListMIC confused',
      '602806062b0601050502a01e301ca00e300c060a2b06010401823702020aa30404020102a40404020102',
      32,
    ],
  ])('%s', (_, token, offset) => {
    expectRefusal(token, 'malformed-token', offset);
  });

  it('an identifier of more than 128 bytes', () => {
    const oid = `81${'ff'.repeat(127)}01`;
    expectRefusal(`a1818b308188a18185068182${oid}00`, 'malformed-token', 9);
  });

  it('the other kind than the one asked for', () => {
    expect(refusal(GSS.init, decodeNegTokenResp)).toMatchObject({ code: 'malformed-token', offset: 0 });
    expect(refusal(GSS.completed, decodeNegTokenInit)).toMatchObject({ code: 'malformed-token', offset: 0 });
  });
});

describe('an argument that cannot be encoded is named', () => {
  const mechTypes = [MechType.NTLMSSP];
  it.each([
    ['mechTypes', () => encodeNegTokenInit({ mechTypes: [] })],
    ['mechTypes', () => encodeNegTokenInit({ mechTypes: Array<string>(100_000).fill('1.2') })],
    ['mechTypes', () => encodeNegTokenInit({ mechTypes: ['NTLMSSP'] })],
    ['mechTypes', () => encodeMechTypeList(['1.40.1'])],
    ['mechTypes', () => encodeMechTypeList(['3.1'])],
    ['mechTypes', () => encodeMechTypeList(['1.02'])],
    ['mechTypes', () => encodeMechTypeList(['1'])],
    ['mechTypes', () => encodeMechTypeList([`1.3${'.1'.repeat(128)}`])],
    ['mechTypes', () => encodeMechTypeList(MechType.NTLMSSP as unknown as string[])],
    ['mechToken', () => encodeNegTokenInit({ mechTypes, mechToken: 'TlRMTVNTUAA=' as unknown as Uint8Array })],
    ['mechListMIC', () => encodeNegTokenInit2({ mechTypes, mechListMIC: [1] as unknown as Uint8Array })],
    ['hintName', () => encodeNegTokenInit2({ mechTypes, negHints: { hintName: '日本' } })],
    ['negState', () => encodeNegTokenResp({ negState: 'accepted' as 'reject' })],
    ['supportedMech', () => encodeNegTokenResp({ supportedMech: '' })],
    ['token', () => decodeSpnegoToken('YEgGBisGAQUFAqA+' as unknown as Uint8Array)],
  ])('%s', (argument, call) => {
    const error = refusal('', call);
    expect(error).toMatchObject({ code: 'invalid-argument', phase: 'spnego', side: 'local' });
    expect(error.message).toContain(`"${argument}"`);
  });
});
