/** The package `kerberos`, which is installed beside the project and not with it. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KerberosModule, KerberosServerModule } from '../../../src/kerberos/index.ts';
import { run } from './processes.ts';

/** Its folder, made where it is not there: half a minute. */
export async function packagesFolder(): Promise<string> {
  return (await run('node', [fileURLToPath(new URL('../../../scripts/install-kerberos.mjs', import.meta.url))])).trim();
}

export async function kerberosModule(): Promise<KerberosModule & KerberosServerModule> {
  return createRequire(join(await packagesFolder(), 'package.json'))('kerberos') as KerberosModule & KerberosServerModule;
}
