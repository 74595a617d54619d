/**
 * What a failure of the package means. It tells of one by the text of its system alone, GSSAPI's or SSPI's, so that text is
 * read here, and nowhere else; what is not known here stays `service-failed`, which nothing follows.
 */
import { NtlmError, type NtlmErrorCode } from '../errors.ts';

/** Why there is no token, as far as it can be told. */
export type KerberosCause = Extract<NtlmErrorCode, 'no-ticket' | 'ticket-expired' | 'unknown-service' | 'clock-skew' | 'realm-unreachable'>;

interface Known {
  readonly code: KerberosCause;
  /** In what MIT, Heimdal and SSPI say. */
  readonly text: RegExp;
  readonly advice: string;
}

const KNOWN: readonly Known[] = [
  {
    code: 'ticket-expired',
    text: /ticket expired|credentials? (?:have|has) expired|SEC_E_CONTEXT_EXPIRED|expired credential|referenced credential has expired/i,
    advice: 'the Kerberos ticket is no longer good: kinit renews it',
  },
  {
    code: 'clock-skew',
    text: /clock skew|time skew|not yet valid|0x80090324/i,
    advice: 'the clocks of this machine and its realm are more than five minutes apart: set them by one source',
  },
  {
    code: 'unknown-service',
    text: /server .*(?:not found|unknown)|0x80090303|cannot determine realm for/i,
    advice: 'the realm knows no service of this name: setspn, or a principal and a keytab, make it one',
  },
  {
    code: 'realm-unreachable',
    text: /cannot contact any KDC|unable to reach any KDC|cannot resolve network address|cannot find KDC|0x80090311/i,
    advice: 'no key distribution center of the realm answers',
  },
  {
    code: 'no-ticket',
    text: /no kerberos credentials|no credentials (?:cache|were supplied)|credentials cache file .* not found|can't find client principal|matching credential not found|no credential|0x8009030e/i,
    advice: 'there is no Kerberos ticket: kinit gets one (KRB5CCNAME says where it is kept)',
  },
];

const knownIn = (text: string): Known | undefined => KNOWN.find((each) => each.text.test(text));

/** What a line of a library's, or of a program that passes it on, says; `undefined` where that is not known. */
export function causeIn(text: string): KerberosCause | undefined {
  return knownIn(text)?.code;
}

export function causeOf(error: unknown): NtlmError {
  if (error instanceof NtlmError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const known = knownIn(text);
  const { code, advice }: { readonly code: NtlmErrorCode; readonly advice: string } = known ?? { code: 'service-failed', advice: 'Kerberos failed on this machine' };
  return new NtlmError(`${advice} (${text.replace(/[^\x20-\x7e]/g, '?')})`, { code, phase: 'kerberos', side: 'local', cause: error });
}
