/** What a link to the page holds: the name of an example, or a whole input where that was asked for. Always a fragment, which no server sees. */

/** Characters; browsers and chats cut longer ones. */
const LONGEST = 30_000;

export type Linked = { readonly kind: 'input'; readonly bytes: Uint8Array<ArrayBuffer> } | { readonly kind: 'example'; readonly name: string } | { readonly kind: 'step' } | { readonly kind: 'nothing' };

export function exampleLink(page: string, name: string): string {
  return `${page}#example=${encodeURIComponent(name)}`;
}

/** `undefined` for an input that is too long for a link. */
export async function inputLink(page: string, bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
  const packed = await through(bytes, new CompressionStream('deflate-raw'));
  const text = btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join('')).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  return text.length > LONGEST ? undefined : `${page}#in=${text}`;
}

/** What is no link of this page is nothing. */
export async function readLink(fragment: string): Promise<Linked> {
  const [, key = '', value = ''] = /^#(\w+)(?:=(.*))?$/.exec(fragment) ?? [];
  if (key === 'step') return { kind: 'step' };
  if (key === 'example') return { kind: 'example', name: decodeURIComponent(value) };
  if (key !== 'in') return { kind: 'nothing' };
  try {
    const packed = Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0));
    return { kind: 'input', bytes: await through(packed, new DecompressionStream('deflate-raw')) };
  } catch {
    return { kind: 'nothing' };
  }
}

async function through(bytes: Uint8Array<ArrayBuffer>, transform: CompressionStream | DecompressionStream): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(transform)).arrayBuffer());
}
