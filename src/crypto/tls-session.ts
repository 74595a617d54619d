/**
 * The server's certificate inside a TLS session. A resumed connection was shown none: Node's `getPeerCertificate` and
 * `getPeerX509Certificate` have nothing to give there, on Node 20 to 26, and yet RFC 5929 4.1 binds it to the
 * certificate of the handshake that it resumes. `getSession` has it.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';

const SEQUENCE = 0x30;
const PEER = 0xa3; // [3] EXPLICIT Certificate
const VERSION_1 = Uint8Array.of(0x02, 0x01, 0x01); // INTEGER 1
const NODE_MARK = utf8ToBytes('\0nodejs:tls:session:1\0');

/**
 * `peer` of SSL_SESSION, as OpenSSL and BoringSSL serialize it (ssl_asn1.c, ssl_asn1.cc; DER), with or without the name
 * of the server that later versions of Node put before it. Read in place, not by way of `der.ts`: the session holds the
 * master secret, of which no copy is to be left.
 *
 * @returns a copy of the certificate, DER; `undefined` where there is none, or the bytes are of another form
 */
export function certificateOfSession(session: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const bytes = session.subarray(lengthOfName(session));
  const whole = elementAt(bytes, 0, bytes.length);
  if (whole?.identifier !== SEQUENCE || whole.end !== bytes.length) return undefined;
  if (!startsWith(bytes.subarray(whole.start), VERSION_1)) return undefined;
  for (let at = whole.start; at < whole.end; ) {
    const field = elementAt(bytes, at, whole.end);
    if (field === undefined) return undefined;
    if (field.identifier === PEER) return Uint8Array.from(bytes.subarray(field.start, field.end)); // no view, as a Buffer's slice is
    at = field.end;
  }
  return undefined;
}

/** Node's own header: its mark, the length of a name in 16 bits, the name. */
function lengthOfName(session: Uint8Array): number {
  if (!startsWith(session, NODE_MARK)) return 0;
  const [high = 0, low = 0] = session.subarray(NODE_MARK.length);
  return NODE_MARK.length + 2 + high * 256 + low;
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return start.every((octet, index) => bytes[index] === octet);
}

interface Element {
  readonly identifier: number;
  /** Of its contents. */
  readonly start: number;
  readonly end: number;
}

/** An element of a definite length that ends before `limit`. */
function elementAt(bytes: Uint8Array, at: number, limit: number): Element | undefined {
  const identifier = bytes[at];
  const first = bytes[at + 1];
  if (identifier === undefined || first === undefined) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first >= 0x80 && (octets === 0 || octets > 4)) return undefined; // no length, or an absurd one
  const start = at + 2 + octets;
  if (start > limit) return undefined;
  const length = octets === 0 ? first : bytes.subarray(at + 2, start).reduce((sum, octet) => sum * 256 + octet, 0);
  return start + length > limit ? undefined : { identifier, start, end: start + length };
}
