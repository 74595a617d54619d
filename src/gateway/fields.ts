/** Header fields between two connections: which belong to one of them, and which go on (RFC 9110 7.6). */
import type { IncomingMessage } from 'node:http';

/** Name, value, name, value …, as node has them: order, case and repetition are kept. */
export type RawFields = readonly string[];

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate'],
  ...['proxy-authentication-info', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

export function* pairsOf(fields: RawFields): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at + 1 < fields.length; at += 2) yield [fields[at]!, fields[at + 1]!];
}

/** Every value of a field; its name in lower case. */
export function valuesOf(fields: RawFields, name: string): string[] {
  return Array.from(pairsOf(fields)).filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** What goes on: neither the fields of the connection nor those that its Connection field names. */
export function endToEnd(fields: RawFields): string[] {
  const named = valuesOf(fields, 'connection').flatMap((value) => value.split(',').map((each) => each.trim().toLowerCase()));
  return Array.from(pairsOf(fields))
    .filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.includes(name.toLowerCase()))
    .flat();
}

/** The fields, each changed or, where `change` gives `undefined`, left out. */
export function mapFields(fields: RawFields, change: (name: string, value: string) => string | undefined): string[] {
  const kept: string[] = [];
  for (const [name, value] of pairsOf(fields)) {
    const changed = change(name.toLowerCase(), value);
    if (changed !== undefined) kept.push(name, changed);
  }
  return kept;
}

export function without(fields: RawFields, ...names: readonly string[]): string[] {
  return mapFields(fields, (name, value) => (names.includes(name) ? undefined : value));
}

/** Whether the length of the body has to be said again on the next connection. */
export function isChunked({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined;
}

const OWN_SCHEMES = /^(?:NTLM|Negotiate)(?:$|[ ,])/i;

/** Whether a 401 asks for authentication of the connection it came on. */
export function asksForConnection({ statusCode, rawHeaders }: Pick<IncomingMessage, 'statusCode' | 'rawHeaders'>): boolean {
  if (statusCode !== 401) return false;
  return valuesOf(rawHeaders, 'www-authenticate').some((value) =>
    value.split(/,\s*/).some((challenge) => OWN_SCHEMES.test(challenge)),
  );
}
