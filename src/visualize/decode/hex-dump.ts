/** The bytes in a hex dump: bare digits in any grouping, or the lines of xxd, hexdump, tcpdump, tshark and Wireshark. */
import { fromHex } from '../bytes.ts';

const OFFSET = /^(\s{0,16})(?:0x)?([0-9a-f]{3,8}):?\s{1,8}(?=[0-9a-f]{2})/i;
const BYTES_A_LINE = 16;
const LONGEST_LINE = 256; // characters that can hold them
const LEAST = 8; // bytes that make a dump worth the name

/** One run of bytes for each dump that begins anew at offset 0, or is set in otherwise than the one before (the other direction); none where the text is no dump. */
export function dumpsOf(text: string): readonly Uint8Array[] {
  const dumps: string[][] = [];
  let indent: number | undefined;
  for (let start = 0; start < text.length; ) {
    const stop = text.indexOf('\n', start);
    const end = stop < 0 ? text.length : stop;
    const line = text.slice(start, Math.min(end, start + LONGEST_LINE));
    start = end + 1;
    const offset = OFFSET.exec(line);
    if (offset === null) continue;
    const at = Number.parseInt(offset[2]!, 16);
    const set = offset[1]!.length;
    if (indent === set && at % BYTES_A_LINE !== 0) continue;
    if (at === 0 || indent !== set) dumps.push([]);
    indent = set;
    dumps.at(-1)!.push(dumpLine(line.slice(offset[0].length)));
  }
  return dumps.map((lines) => fromHex(lines.join(''))).filter(({ length }) => length >= LEAST);
}

/** Digits and nothing else, in any grouping. */
export function bareHex(text: string): Uint8Array | undefined {
  const bare = text.replace(/0x(?=[0-9a-f]{2})|\\x|[\s:,-]/gi, '');
  return bare !== '' && bare.length % 2 === 0 && /^[0-9a-f]+$/i.test(bare) ? fromHex(bare) : undefined;
}

/** The text behind the bytes may look like bytes: it stands behind the sixteenth, a bar or three spaces. */
function dumpLine(line: string): string {
  let digits = '';
  for (const [, gap = '', group = ''] of line.matchAll(/(^|[ \t]+|-)([^ \t-]+)/g)) {
    const fits = /^(?:[0-9a-f]{2}){1,8}$/i.test(group) && digits.length + group.length <= 2 * BYTES_A_LINE;
    if (!fits || gap.length >= 3) break;
    digits += group;
  }
  return digits;
}
