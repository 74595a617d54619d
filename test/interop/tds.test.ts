/** TDS by the example: tedious with its NTLM replaced. The SQL Server is a stub, whose acceptor is gss-ntlmssp's. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Credentials } from 'ntlmachine';
import { GssOracle } from './support/gss.ts';
import { startTdsStub } from './support/tds-stub.ts';
import { alice } from './support/users.ts';

interface SqlExample {
  connectSql(settings: { server: string; port: number; credentials: Credentials; options: object }): Promise<{ close(): void }>;
}

let oracle: GssOracle;
let example: SqlExample;
beforeAll(async () => {
  const folder = fileURLToPath(new URL('../../examples/carriers/tds/', import.meta.url));
  // tedious brings half of Azure along: it is installed for its example alone
  if (!existsSync(`${folder}node_modules/tedious`)) {
    await promisify(execFile)('npm', ['ci', '--silent', '--no-audit', '--no-fund', '--omit=dev'], { cwd: folder });
  }
  example = (await import(`${folder}connect.mjs`)) as SqlExample;
  oracle = await GssOracle.start();
}, 180_000);
afterAll(() => oracle?.close());

const options = { encrypt: false, connectTimeout: 10_000 };

it('logs in', async () => {
  await using stub = await startTdsStub(() => oracle.acceptor());
  const credentials = Credentials.fromPassword(alice);
  const connection = await example.connectSql({ server: '127.0.0.1', port: stub.port, credentials, options });
  connection.close();
});

it('says that the server refused a wrong password', async () => {
  await using stub = await startTdsStub(() => oracle.acceptor());
  const credentials = Credentials.fromPassword({ ...alice, password: 'wrong' });
  const refused = example.connectSql({ server: '127.0.0.1', port: stub.port, credentials, options });
  await expect(refused).rejects.toMatchObject({ code: 'credentials-refused', side: 'peer' });
});
