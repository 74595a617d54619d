import { ntowfV1 } from 'ntlmachine/crypto';
import type { Page } from 'playwright-core';

/**
 * Where a text is in all that a React page holds, as paths from its root: props, hooks, refs, snapshots, contexts,
 * tokens. UTF-16 bytes count as text; what sits in private fields and closures is out of reach.
 */
export function held(page: Page, text: string): Promise<string[]> {
  return page.evaluate((needle) => {
    const wide = [...needle].join('\0');
    const holds = (value: string): boolean => value.includes(needle) || value.includes(wide);
    const found: string[] = [];
    const seen = new Set<unknown>();
    const queue: [unknown, string][] = [[document.getElementById('root'), 'root']];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const [value, path] = next;
      if (typeof value === 'string' && holds(value)) found.push(path);
      if (typeof value !== 'object' && typeof value !== 'function') continue;
      if (value === null || value === window || seen.has(value)) continue;
      seen.add(value);
      if (value instanceof Uint8Array) {
        if (holds(String.fromCharCode(...value))) found.push(path);
        continue;
      }
      if (value instanceof Map || value instanceof Set) queue.push([[...value], `${path}.*`]);
      for (const key of Reflect.ownKeys(value)) {
        const { value: inner } = Object.getOwnPropertyDescriptor(value, key) ?? {};
        queue.push([inner, `${path}.${String(key)}`]);
      }
    }
    return found;
  }, text);
}

/** Each form in which a password or its hash could travel. */
export function formsOf(password: string): readonly Buffer[] {
  const secrets = [Buffer.from(password), Buffer.from(password, 'utf16le'), Buffer.from(ntowfV1(password))];
  return secrets.flatMap((bytes) => [
    bytes,
    Buffer.from(bytes.toString('hex')),
    Buffer.from(bytes.toString('base64')),
    Buffer.from(encodeURIComponent(bytes.toString('latin1'))),
  ]);
}
