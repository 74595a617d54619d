/** How a connection ended, by what those who record it say. */
import type { Ending } from './conversation.ts';

/** By a browser's name for it: net::ERR_…, NS_ERROR_…. */
export function endingNamed(error: string): Ending {
  if (/RESET/i.test(error)) return 'reset';
  if (/TIMED?_?\s?OUT|TIMEOUT/i.test(error)) return 'timed-out';
  if (/REFUSED/i.test(error)) return 'refused';
  if (/NAME_NOT_RESOLVED|UNKNOWN_(?:PROXY_)?HOST|NOTFOUND|could not resolve/i.test(error)) return 'unresolved';
  if (/CERT|SSL|TLS/i.test(error)) return 'tls-failed';
  if (/HTTP_?1_1_REQUIRED/i.test(error)) return 'h2-required';
  if (/ABORT|CANCEL/i.test(error)) return 'aborted';
  return 'closed';
}

/** In the words of curl, and of those that speak as it does; `Closing connection` alone follows an answer as well. */
export function endingSaid(line: string): Ending | undefined {
  if (/could not resolve|name or service not known|getaddrinfo failed|UnresolvedAddress|UnknownHost/i.test(line)) return 'unresolved';
  if (/HTTP_1_1_REQUIRED/i.test(line)) return 'h2-required';
  if (/connection refused|ConnectException|^Failed to connect|couldn't connect/i.test(line)) return 'refused';
  if (/reset by peer|connection reset|RST_STREAM/i.test(line)) return 'reset';
  if (/\btimed out\b|TimeoutException|\btimeout was reached/i.test(line)) return 'timed-out';
  if (/SSL certificate problem|SSLHandshakeException|SSL_(?:connect|ERROR)|TLS connect error|certificate (?:verify )?failed/i.test(line)) return 'tls-failed';
  if (/empty reply|EOF reached while reading|received no bytes|without response|closed abruptly|connection died|seems to be dead|transfer closed|^Recv failure|unexpected eof/i.test(line)) return 'closed';
  if (/^(?:Closing connection|Connection closure while negotiating|shutting down connection)/i.test(line)) return 'closed';
  return undefined;
}
