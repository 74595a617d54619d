/** NTLM client authentication (MS-NLMP) as an explicit XState machine. */
export * from './client/index.ts';
export { Credentials, type HashCredentials, type PasswordCredentials } from './crypto/credentials.ts';
export { SessionKey } from './crypto/session-key.ts';
export { NtlmError, type NtlmErrorCode, type NtlmErrorDetails, type NtlmErrorPhase, type NtlmErrorSide } from './errors.ts';
export * from './machine/index.ts';
export { dateFromFiletime, filetimeFromDate, type Filetime } from './messages/filetime.ts';
export type { Version } from './messages/version.ts';
