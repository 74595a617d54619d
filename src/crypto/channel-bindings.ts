/** The digest that ties an authentication to the TLS channel it runs in. */
import { md5 } from '@noble/hashes/legacy.js';
import { checkBytes } from '../checks.ts';

/**
 * The value of MsvAvChannelBindings: MD5 over a gss_channel_bindings_struct without addresses
 * (MS-NLMP 2.2.2.1, RFC 2744 3.11, 4121 4.1.1.2).
 * @param applicationData - for TLS `tls-server-end-point:` and the certificate's hash (RFC 5929 4)
 * @returns 16 bytes
 * @throws NtlmError `invalid-argument` when it is not bytes
 */
export function channelBindingsHash(applicationData: Uint8Array): Uint8Array<ArrayBuffer> {
  checkBytes('applicationData', applicationData, 'configure');
  // Type and length of either address, all zero, then the data's length, each 4 bytes little-endian.
  const struct = new Uint8Array(20 + applicationData.length);
  new DataView(struct.buffer).setUint32(16, applicationData.length, true);
  struct.set(applicationData, 20);
  return md5(struct);
}
