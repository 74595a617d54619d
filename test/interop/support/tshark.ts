/** Wireshark's dissector as an independent decoder: tokens go in as an HTTP exchange, fields come out with offsets. */
import { writeFileSync } from 'node:fs';
import { writePcap } from './pcap.ts';
import type { Sent } from './pcap.ts';
import { run, TemporaryDirectory } from './processes.ts';

export interface TsharkField {
  /** Wireshark's filter name, such as `ntlmssp.auth.username`. */
  readonly name: string;
  readonly value: string;
  /** Into the token, in bytes; of a flag, that of the flags field. */
  readonly offset: number;
  readonly length: number;
}

export class TsharkMessage {
  /** In the order of the dissector, parents before their children. */
  readonly fields: readonly TsharkField[];

  constructor(fields: readonly TsharkField[]) {
    this.fields = fields;
  }

  all(name: string): readonly TsharkField[] {
    return this.fields.filter((field) => field.name === name);
  }

  /** The first field of that name. */
  get(name: string): TsharkField | undefined {
    return this.fields.find((field) => field.name === name);
  }

  value(name: string): string | undefined {
    return this.get(name)?.value;
  }
}

export interface TsharkOptions {
  /** HTTP's name for the tokens. Default: NTLM. */
  readonly scheme?: 'NTLM' | 'Negotiate';
  /** Wireshark preferences, such as `'ntlmssp.nt_password': 'Passw0rd!'`. */
  readonly preferences?: Readonly<Record<string, string>>;
}

/** A CHALLENGE comes from the server; of other tokens the client sends the first, and then they alternate. */
function sender(token: Uint8Array, index: number): Sent['from'] {
  const text = Buffer.from(token.subarray(0, 8)).toString('latin1');
  if (text === 'NTLMSSP\0') return token[8] === 2 ? 'server' : 'client';
  return index % 2 === 0 ? 'client' : 'server';
}

function httpMessage(scheme: string, token: Uint8Array, from: Sent['from']): Sent {
  const credential = `${scheme} ${Buffer.from(token).toString('base64')}`;
  const text =
    from === 'client'
      ? `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${credential}\r\n\r\n`
      : `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ${credential}\r\nContent-Length: 0\r\n\r\n`;
  return { from, bytes: Buffer.from(text, 'latin1') };
}

interface Tree {
  readonly [name: string]: Node;
}
type Node = string | number | Tree | readonly Node[];
/** hex, offset, length, bit mask, type */
type Raw = readonly [string, number, number, number, number];

function isTree(node: Node): node is Tree {
  return typeof node === 'object' && !Array.isArray(node);
}

/** With -x, tshark puts before each field `name` its `name_raw`; repeated fields make both of them lists. */
function collect(tree: Tree, fields: TsharkField[]): TsharkField[] {
  for (const [name, node] of Object.entries(tree)) {
    if (name.endsWith('_raw')) continue;
    const nodes: readonly Node[] = Array.isArray(node) ? node : [node];
    const raw = tree[`${name}_raw`];
    if (raw !== undefined) {
      const raws = (nodes.length > 1 ? raw : [raw]) as unknown as readonly Raw[];
      for (const [index, one] of nodes.entries()) {
        const [, offset, length] = raws[index] ?? ['', -1, -1];
        fields.push({ name, value: isTree(one) ? '' : String(one), offset, length });
      }
    }
    for (const one of nodes) if (isTree(one)) collect(one, fields);
  }
  return fields;
}

/** Tokens of several exchanges, each on a connection of its own, in one run of tshark. */
export async function decodeConversationsWithTshark(
  conversations: readonly (readonly Uint8Array[])[],
  { scheme = 'NTLM', preferences = {} }: TsharkOptions = {},
): Promise<readonly (readonly TsharkMessage[])[]> {
  await using directory = new TemporaryDirectory('tshark');
  const file = directory.file('conversation.pcap');
  const exchanges = conversations.map((tokens) =>
    tokens.map((token, index) => httpMessage(scheme, token, sender(token, index))),
  );
  writeFileSync(file, writePcap(exchanges));
  const settings = Object.entries(preferences).flatMap(([name, value]) => ['-o', `${name}:${value}`]);
  const args = ['-n', '-r', file, '-Y', 'http', '-T', 'json', '-x', '--no-duplicate-keys', ...settings];
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', HOME: directory.path };
  const json = await run('tshark', args, { env });
  const packets = JSON.parse(json) as readonly { readonly _source: { readonly layers: { readonly http: Tree } } }[];
  const messages = packets.map(({ _source: { layers } }) => {
    const header = layers.http['http.authorization_tree'] ?? layers.http['http.www_authenticate_tree'];
    return new TsharkMessage(header === undefined || !isTree(header) ? [] : collect(header, []));
  });
  const count = conversations.flat().length;
  if (messages.length !== count) throw new Error(`tshark saw ${messages.length} messages instead of ${count}`);
  let next = 0;
  return conversations.map((tokens) => messages.slice(next, (next += tokens.length)));
}

/** Tokens of one exchange, in the order sent: NTLMSSP messages, or SPNEGO tokens with scheme Negotiate. */
export async function decodeWithTshark(
  tokens: readonly Uint8Array[],
  options: TsharkOptions = {},
): Promise<readonly TsharkMessage[]> {
  const [messages = []] = await decodeConversationsWithTshark([tokens], options);
  return messages;
}
