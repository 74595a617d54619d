/** Lists of AV pairs that MS-NLMP 2.2.2.1 does not allow, and the odd ones that it does. */
import { describe, expect, test } from 'vitest';
import { NtlmError, avIdName, decodeChallenge, encodeChallenge, type AvPair } from '../../src/messages/index.ts';
import { hex } from '../support/bytes.ts';

const EOL = '00000000';
/** A pair as hexadecimal; `length` may lie. */
const pair = (id: number, value: string, length = value.length / 2): string => {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id);
  head.writeUInt16LE(length, 2);
  return head.toString('hex') + value;
};

const LIST_AT = 56;
/** A challenge whose TargetInfo is `list`. */
function challengeWith(list: string): Uint8Array {
  const message = Buffer.concat([
    encodeChallenge({
      negotiateFlags: 0x00800001,
      targetName: '',
      serverChallenge: new Uint8Array(8),
      targetInfo: undefined,
    }),
    hex(list),
  ]);
  message.writeUInt16LE(list.length / 2, 40);
  message.writeUInt16LE(list.length / 2, 42);
  message.writeUInt32LE(LIST_AT, 44);
  return Uint8Array.from(message);
}

const decode = (list: string): readonly AvPair[] | undefined => decodeChallenge(challengeWith(list)).targetInfo;

describe('refused, with the offset of the pair', () => {
  const name = pair(2, '44004f004d00');
  test.each([
    { why: 'no EOL', list: name, code: 'malformed-av-pairs', at: 10 },
    { why: 'half an EOL', list: `${name}0000`, code: 'malformed-av-pairs', at: 10 },
    { why: 'an EOL with a length', list: name + pair(0, '4400'), code: 'malformed-av-pairs', at: 10 },
    { why: 'a pair cut by the end of the list', list: name + pair(1, '5300', 4), code: 'malformed-av-pairs', at: 10 },
    { why: 'a pair that swallows the EOL and more', list: pair(1, EOL, 0xffff), code: 'malformed-av-pairs', at: 0 },
    { why: 'a known pair twice', list: name + name + EOL, code: 'malformed-av-pairs', at: 10 },
    { why: 'Flags of 3 bytes', list: name + pair(6, '020000') + EOL, code: 'wrong-length', at: 10 },
    { why: 'Timestamp of 9 bytes', list: pair(7, '00'.repeat(9)) + EOL, code: 'wrong-length', at: 0 },
    { why: 'ChannelBindings of 0 bytes', list: pair(10, '') + EOL, code: 'wrong-length', at: 0 },
    { why: 'SingleHost of 47 bytes', list: pair(8, '00'.repeat(47)) + EOL, code: 'wrong-length', at: 0 },
    ...[1, 2, 3, 4, 5, 9].map((id) => ({
      why: `${avIdName(id)} of half a unit`,
      list: pair(id, '440045') + EOL,
      code: 'malformed-text',
      at: 0,
    })),
  ])('$why', ({ list, code, at }) => {
    let error: unknown;
    try {
      decode(list);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(NtlmError);
    expect(error).toMatchObject({ code, phase: 'challenge', side: 'peer', offset: LIST_AT + at });
  });
});

describe('allowed', () => {
  test.each([
    { why: 'nothing but an EOL', list: EOL, ids: [] },
    { why: 'names of no bytes, as Samba sends', list: pair(2, '') + pair(4, '') + EOL, ids: [2, 4] },
    { why: 'SingleHost of 80 bytes, as Windows 11 sends', list: pair(8, '00'.repeat(80)) + EOL, ids: [8] },
    { why: 'a name of 300 characters', list: pair(3, '6100'.repeat(300)) + EOL, ids: [3] },
    { why: 'an unknown pair twice', list: pair(0x1234, '01') + pair(0x1234, '') + EOL, ids: [0x1234, 0x1234] },
    { why: 'bytes behind the EOL', list: `${pair(2, '4400')}${EOL}ffffffffff`, ids: [2] },
    { why: 'any order', list: pair(7, '00'.repeat(8)) + pair(1, '4400') + pair(6, '00000000') + EOL, ids: [7, 1, 6] },
  ])('$why', ({ list, ids }) => {
    expect(decode(list)?.map(({ id }) => id)).toEqual(ids);
  });

  test('TARGET_INFO set with a length of zero means none', () => {
    expect(decode('')).toBeUndefined();
  });
});
