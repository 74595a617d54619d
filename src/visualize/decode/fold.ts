/** Lines of at most `width` columns, the first after `first`, the others after `rest`; a longer word is broken. */
export function folded(text: string, width: number, first = '', rest = first): string[] {
  if (text.trim() === '') return [];
  const lines: string[] = [];
  let line = first;
  let empty = true;
  const push = (): void => {
    lines.push(line.trimEnd());
    line = rest;
    empty = true;
  };
  for (const word of text.split(/[ \t\n]+/)) {
    if (!empty && line.length + 1 + word.length > width) push();
    let left = word;
    while (line.length + (empty ? 0 : 1) + left.length > width && width > rest.length) {
      const room = width - line.length - (empty ? 0 : 1);
      line += (empty ? '' : ' ') + left.slice(0, room);
      left = left.slice(room);
      push();
    }
    line += (empty ? '' : ' ') + left;
    empty = false;
  }
  if (!empty) push();
  return lines;
}
