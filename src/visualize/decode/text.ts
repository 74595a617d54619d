/** Text of a peer's as it may be shown: quoted, with every character escaped that could steer a terminal or a reader. */
export function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

export function escaped(text: string): string {
  return harmless(text.replaceAll('"', '\\"'));
}

/** The same with its quotes as they are: for whole sentences. */
export function harmless(text: string): string {
  return text.replace(
    // C0, C1, separators, direction marks, byte order marks and lone surrogates
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
