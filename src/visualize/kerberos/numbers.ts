/** Numbers of Kerberos with their names. */

/** RFC 4120 7.5.9; 85 and 86 of IAKERB. The names of RFC 4120, and in a few words what each says. */
const ERRORS: Readonly<Record<number, readonly [name: string, meaning: string]>> = {
  3: ['KDC_ERR_BAD_PVNO', 'another version of the protocol'],
  6: ['KDC_ERR_C_PRINCIPAL_UNKNOWN', 'the client is not in the database of the KDC'],
  7: ['KDC_ERR_S_PRINCIPAL_UNKNOWN', 'the service is not in the database of the KDC'],
  8: ['KDC_ERR_PRINCIPAL_NOT_UNIQUE', 'the name stands more than once in the database of the KDC'],
  9: ['KDC_ERR_NULL_KEY', 'the client or the service has no key'],
  12: ['KDC_ERR_POLICY', 'the policy of the KDC forbids it'],
  13: ['KDC_ERR_BADOPTION', 'the KDC cannot grant an option that was asked for'],
  14: ['KDC_ERR_ETYPE_NOSUPP', 'the KDC has no key of an encryption type that was asked for'],
  18: ['KDC_ERR_CLIENT_REVOKED', 'the account of the client is locked, disabled or expired'],
  19: ['KDC_ERR_SERVICE_REVOKED', 'the account of the service is locked, disabled or expired'],
  20: ['KDC_ERR_TGT_REVOKED', 'the ticket-granting ticket is revoked'],
  23: ['KDC_ERR_KEY_EXPIRED', 'the password has expired'],
  24: ['KDC_ERR_PREAUTH_FAILED', 'the password or key of the client is wrong'],
  25: ['KDC_ERR_PREAUTH_REQUIRED', 'the KDC wants the client to prove its password first, as is usual'],
  26: ['KDC_ERR_SERVER_NOMATCH', 'the ticket is for another service'],
  27: ['KDC_ERR_MUST_USE_USER2USER', 'the service is a user and takes user-to-user tickets only'],
  29: ['KDC_ERR_SVC_UNAVAILABLE', 'the KDC cannot answer now'],
  31: ['KRB_AP_ERR_BAD_INTEGRITY', 'the ticket does not decrypt with the key of the service'],
  32: ['KRB_AP_ERR_TKT_EXPIRED', 'the ticket has expired'],
  33: ['KRB_AP_ERR_TKT_NYV', 'the ticket is not valid yet'],
  34: ['KRB_AP_ERR_REPEAT', 'the same token came before'],
  35: ['KRB_AP_ERR_NOT_US', 'the ticket is for another service than those that the server has keys of'],
  36: ['KRB_AP_ERR_BADMATCH', 'ticket and authenticator do not belong together'],
  37: ['KRB_AP_ERR_SKEW', 'the clocks are too far apart'],
  38: ['KRB_AP_ERR_BADADDR', 'the ticket is for another network address'],
  39: ['KRB_AP_ERR_BADVERSION', 'another version of the protocol'],
  40: ['KRB_AP_ERR_MSG_TYPE', 'another message was due'],
  41: ['KRB_AP_ERR_MODIFIED', 'the ticket does not decrypt with the key of the server'],
  44: ['KRB_AP_ERR_BADKEYVER', 'the server has no key of that version or encryption type'],
  45: ['KRB_AP_ERR_NOKEY', 'the server has no key of the service'],
  46: ['KRB_AP_ERR_MUT_FAIL', 'the server could not prove who it is'],
  50: ['KRB_AP_ERR_INAPP_CKSUM', 'a checksum of a kind that is not taken'],
  52: ['KRB_ERR_RESPONSE_TOO_BIG', 'the answer is too long for UDP'],
  60: ['KRB_ERR_GENERIC', 'the text tells more, where there is one'],
  68: ['KDC_ERR_WRONG_REALM', 'another realm is responsible'],
  69: ['KRB_AP_ERR_USER_TO_USER_REQUIRED', 'the service is a user and takes user-to-user tickets only'],
  85: ['KRB_AP_ERR_IAKERB_KDC_NOT_FOUND', 'the server finds no KDC of that realm'],
  86: ['KRB_AP_ERR_IAKERB_KDC_NO_RESPONSE', 'the KDC does not answer the server'],
};

export function errorName(code: number): string {
  return ERRORS[code]?.[0] ?? `error ${code}`;
}

/** A clause. */
export function errorMeaning(code: number): string {
  return ERRORS[code]?.[1] ?? 'an error that RFC 4120 does not list';
}

/** The registry of IANA, "Kerberos Encryption Type Numbers". */
const ETYPES: Readonly<Record<number, string>> = {
  1: 'des-cbc-crc',
  3: 'des-cbc-md5',
  16: 'des3-cbc-sha1-kd',
  17: 'aes128-cts-hmac-sha1-96',
  18: 'aes256-cts-hmac-sha1-96',
  19: 'aes128-cts-hmac-sha256-128',
  20: 'aes256-cts-hmac-sha384-192',
  23: 'rc4-hmac',
  24: 'rc4-hmac-exp',
  25: 'camellia128-cts-cmac',
  26: 'camellia256-cts-cmac',
};

export const RC4 = 23;

export function etypeName(etype: number): string {
  return ETYPES[etype] ?? `encryption type ${etype}`;
}
