import { Duplex } from 'node:stream';
import { expect, it } from 'vitest';
import { addressOf } from '../../../src/http/server/address.ts';

const from = (remoteAddress: string | undefined) => addressOf(Object.assign(new Duplex(), { remoteAddress }));

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['::FFFF:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:db8:1::', '2001:db8:1:0::/64'],
  ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/64'],
  ['1::ffff:192.0.2.7', '1:0:0:0::/64'],
  [undefined, undefined],
])('%s is one with its network: %s', (address, expected) => {
  expect(from(address)).toBe(expected);
});
