import type { Duplex } from 'node:stream';

/** Where a connection comes from, as far as one person is told from another; `undefined` where it does not say. */
export function addressOf(socket: Duplex & { readonly remoteAddress?: string | undefined }): string | undefined {
  const { remoteAddress: address } = socket;
  if (address === undefined) return undefined;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  return address.includes(':') ? network64(address) : address;
}

/** The first four groups: a /64 is what one customer gets. */
function network64(address: string): string {
  const [head = '', tail = ''] = address.replace(/%.*$/, '').split('::');
  const [before, after] = [head, tail].map((groups) => (groups === '' ? [] : groups.split(':'))) as [string[], string[]];
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}
