import { decodeMessage, type NtlmMessage } from '../../messages/message.ts';
import { describeTargetInfo } from '../../messages/av-pairs.ts';
import { decodeToken } from '../decode/decode.ts';
import { escaped, plural } from '../decode/text.ts';
import { errorName } from '../kerberos/numbers.ts';
import type { KerberosToken } from '../../spnego/kerberos/token.ts';
import { tokenBytes, type TracedToken } from './mask.ts';

/** The NTLM message in a traced token, if there is a well-formed one. */
export function messageIn(token: TracedToken): NtlmMessage | undefined {
  const bytes = tokenBytes(token);
  const { ntlm } = decodeToken(bytes);
  if (ntlm === undefined) return undefined;
  try {
    return decodeMessage(bytes.subarray(ntlm.offset, ntlm.offset + ntlm.length));
  } catch {
    return undefined;
  }
}

/** One line: what kind of message, and from or for whom. */
export function summaryOf(token: TracedToken): string {
  const bytes = tokenBytes(token);
  const size = plural(bytes.length, 'byte');
  const { kerberos } = decodeToken(bytes);
  if (kerberos !== undefined) return `${inWords(kerberos)}, ${size}`;
  const decoded = messageIn(token);
  const name = token.message ?? 'token';
  if (decoded === undefined) return token.message === undefined || token.message === 'NEGOEX' ? `${name}, ${size}` : `${name}, malformed, ${size}`;
  switch (decoded.type) {
    case 'NEGOTIATE':
      return `${name}, ${size}`;
    case 'CHALLENGE': {
      const { targetName, targetInfo } = decoded.message;
      const { nbComputerName } = describeTargetInfo(targetInfo ?? []);
      const from = [targetName, nbComputerName].filter((part) => part !== undefined && part !== '').join('/');
      return from === '' ? `${name}, ${size}` : `${name} from ${escaped(from)}, ${size}`;
    }
    case 'AUTHENTICATE': {
      const { domainName, userName } = decoded.message;
      const who = userName === '' ? 'the anonymous user' : escaped(domainName === '' ? userName : `${domainName}/${userName}`);
      return `${name} as ${who}, ${size}`;
    }
  }
}

/** `AP-REQ for HTTP/keep.castle.example of CASTLE.EXAMPLE`. */
function inWords({ message, realm, service, error }: KerberosToken): string {
  const about = error === undefined ? '' : ` ${errorName(error.code)}`;
  return `Kerberos ${message}${about}${service === undefined ? '' : ` for ${escaped(service)}`}${realm === undefined ? '' : ` of ${escaped(realm)}`}`;
}
