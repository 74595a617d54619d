/** What tells that a request comes from a proxy, which may share its connections among clients. */
import type { IncomingHttpHeaders } from 'node:http';

/** RFC 9110 7.6.3, RFC 7239, and what is written instead of them. */
const FIELDS: ReadonlySet<string> = new Set(['via', 'forwarded', 'x-real-ip', 'x-client-ip', 'x-cluster-client-ip']);

/** The name of the field that tells it, in lower case. */
export function forwardingField(headers: IncomingHttpHeaders): string | undefined {
  return Object.keys(headers).find((name) => FIELDS.has(name) || name.startsWith('x-forwarded-'));
}
