const given = new WeakMap<object, Set<string>>();

/** What the owner of a server has to know, once for each `about`. */
export function warnOnce(about: object, code: string, message: string): void {
  const codes = given.get(about) ?? new Set();
  given.set(about, codes);
  if (codes.has(code)) return;
  codes.add(code);
  process.emitWarning(message, { type: 'SecurityWarning', code });
}
