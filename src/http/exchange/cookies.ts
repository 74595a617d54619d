/**
 * The cookies of the 401s that the client does not see (RFC 6265 5.2 to 5.4): some servers go on with a handshake only
 * where they find theirs again. They live for the legs of one request to one host.
 */
import { isIP } from 'node:net';

/** Where a request goes. */
export interface CookiePlace {
  readonly secure: boolean;
  /** Without its port. */
  readonly host: string;
  /** Without its query. */
  readonly path: string;
}

const PAIR = /^[ \t]*([^=;\x00-\x1f\x7f]+?)[ \t]*=[ \t]*([^;\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*(?:;|$)/;

export class LegCookies {
  /** By name; `undefined`: taken away. */
  readonly #values = new Map<string, string | undefined>();
  readonly #fields: string[] = [];

  /** Values of Set-Cookie, as they came, for the client's own answer. */
  get fields(): readonly string[] {
    return this.#fields;
  }

  /** Takes the values of Set-Cookie of one answer. */
  take(fields: readonly string[], place: CookiePlace): void {
    for (const field of fields) {
      this.#fields.push(field);
      const pair = PAIR.exec(field);
      if (pair === null) continue;
      const attributes = attributesOf(field);
      if (!isFor(attributes, place)) continue;
      this.#values.set(pair[1]!, isOver(attributes) ? undefined : pair[2]);
    }
  }

  /** The value of Cookie with these in it, in place of pairs of their names; `undefined` where none was taken, empty where none is left. */
  mergedWith(own: readonly string[]): string | undefined {
    if (this.#values.size === 0) return undefined;
    const pairs = own.flatMap((value) => value.split(';')).map((pair) => pair.trim());
    const kept = pairs.filter((pair) => pair !== '' && !this.#values.has(pair.split('=', 1)[0]!.trim()));
    const added = [...this.#values].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    return [...kept, ...added].join('; ');
  }
}

/** By name in lower case; the last of a name counts (5.3). */
function attributesOf(field: string): ReadonlyMap<string, string> {
  const attributes = field.split(';').slice(1).map((attribute) => {
    const [name, ...value] = attribute.split('=');
    return [name!.trim().toLowerCase(), value.join('=').trim()] as const;
  });
  return new Map(attributes);
}

function isFor(attributes: ReadonlyMap<string, string>, { secure, host, path }: CookiePlace): boolean {
  if (attributes.has('secure') && !secure) return false;
  const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase();
  if (domain && domain !== host && (isIP(host) !== 0 || !host.endsWith(`.${domain}`))) return false;
  const given = attributes.get('path');
  return !given?.startsWith('/') || path === given || (path.startsWith(given) && (given.endsWith('/') || path[given.length] === '/'));
}

/** Max-Age counts before Expires. What is no date is no limit. */
function isOver(attributes: ReadonlyMap<string, string>): boolean {
  const age = attributes.get('max-age') ?? '';
  if (/^-?\d+$/.test(age)) return Number(age) <= 0;
  return Date.parse(attributes.get('expires') ?? '') <= Date.now();
}
