/** The reader of Kerberos tokens under attack: held against the second reading, and every byte told of once. */
import { readKerberosToken } from '../../src/spnego/kerberos/token.ts';
import { Finding, attempt, expectPeerError, expectSame, summary } from './oracles.ts';
import { readKerberos } from './reference-kerberos.ts';

export function attackKerberos(bytes: Uint8Array): string {
  const before = Buffer.from(bytes);
  const told = new Uint8Array(bytes.length);
  const result = attempt(() =>
    readKerberosToken(bytes, ({ name, offset, length }) => {
      if (length <= 0 || offset < 0 || offset + length > bytes.length) throw new Finding(`${name} lies at ${offset}, ${length} bytes of ${bytes.length}`);
      for (let at = offset; at < offset + length; at++) if (++told[at]! > 1) throw new Finding(`${name} is told of bytes that another field has, at ${at}`);
    }),
  );
  if (!before.equals(bytes)) throw new Finding('the decoder changed its input');
  const expected = readKerberos(bytes);
  if ('error' in result) {
    if (expected !== undefined) throw new Finding(`refused (${result.error.message}), the reference reads ${JSON.stringify(expected)}`);
    expectPeerError(result.error, bytes.length);
    return summary(result.error);
  }
  const { message, mechanism, iakerb, realm, service, etype, kvno, error } = result.value;
  expectSame('values differ', { message, mechanism, iakerb, realm, service, etype, kvno, error: error && [error.code, error.serverTime, error.text] }, expected);
  const missed = told.indexOf(0);
  if (missed >= 0) throw new Finding(`nobody is told of byte ${missed}`);
  return `valid ${message} ${error?.code ?? ''}`;
}
