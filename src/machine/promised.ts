/**
 * For functions of the caller's that have to answer at once: what they promise instead is no answer, and its failure, of
 * which nobody else would hear, must not end the process. `onFailure` hears it where it matters.
 */
export function heard<T>(given: T, onFailure: (cause: unknown) => void = () => {}): T {
  if (typeof (given as { then?: unknown } | null | undefined)?.then === 'function') Promise.resolve(given).catch(onFailure);
  return given;
}
