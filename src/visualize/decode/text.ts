/** Text of a peer's as it may be shown: quoted, with every character escaped that could steer a terminal or a reader. */
export function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

export function escaped(text: string): string {
  return harmless(text.replaceAll('"', '\\"'));
}

/** The same with its quotes as they are: for whole sentences. */
export function harmless(text: string): string {
  // controls, formats such as direction marks and tags, separators, lone surrogates, what has no assigned meaning
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\ufffc\ufffd]/gu, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  );
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
