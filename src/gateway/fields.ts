/** Header fields between two connections: which belong to one of them, and which go on (RFC 9110 7.6). */
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Name, value, name, value …, as node has them: order, case and repetition are kept. */
export type RawFields = readonly string[];

/** node takes the flat list of names and values; its types do not say so. */
export const flat = (fields: RawFields): OutgoingHttpHeaders => fields as unknown as OutgoingHttpHeaders;

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'proxy-authorization', 'proxy-authenticate'],
  ...['proxy-authentication-info', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

export function* pairsOf(fields: RawFields): Generator<readonly [name: string, value: string]> {
  for (let at = 0; at + 1 < fields.length; at += 2) yield [fields[at]!, fields[at + 1]!];
}

/** Every value of a field; its name in lower case. */
export function valuesOf(fields: RawFields, name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const each = fields[at]!;
    if (each.length === name.length && each.toLowerCase() === name) values.push(fields[at + 1]!);
  }
  return values;
}

/**
 * What goes on: neither the fields of the connection nor those that its Connection field names. `change` gets names in
 * lower case, and leaves out what it gives `undefined` for.
 */
export function endToEnd(fields: RawFields, change: (name: string, value: string) => string | undefined = asItIs): string[] {
  const named = namedBy(valuesOf(fields, 'connection'));
  const kept: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at]!.toLowerCase();
    if (HOP_BY_HOP.has(name) || named?.includes(name)) continue;
    const changed = change(name, fields[at + 1]!);
    if (changed !== undefined) kept.push(fields[at]!, changed);
  }
  return kept;
}

const asItIs = (_name: string, value: string): string => value;

/** Most say nothing else than keep-alive, which is a field of the connection anyway. */
function namedBy(options: readonly string[]): readonly string[] | undefined {
  if (options.every((value) => /^keep-alive$/i.test(value))) return undefined;
  return options.join().split(',').map((each) => each.trim().toLowerCase());
}

/** Whether the length of the body has to be said again on the next connection. */
export function isChunked({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined;
}

/** Whether a request says that a body follows (RFC 9112 6.3). */
export function announcesBody(request: IncomingMessage): boolean {
  return isChunked(request) || (request.headers['content-length'] ?? '0') !== '0';
}

const OWN_SCHEMES = /^(?:NTLM|Negotiate)(?:$|[ ,])/i;

/** Whether a 401 asks for authentication of the connection it came on. */
export function asksForConnection({ statusCode, rawHeaders }: Pick<IncomingMessage, 'statusCode' | 'rawHeaders'>): boolean {
  if (statusCode !== 401) return false;
  return valuesOf(rawHeaders, 'www-authenticate').some((value) =>
    value.split(/,\s*/).some((challenge) => OWN_SCHEMES.test(challenge)),
  );
}
