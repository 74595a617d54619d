/** A realm, and in it servers that take its tickets: Apache by mod_auth_gssapi, Squid by negotiate_kerberos_auth. alice is logged on. */
import type { KerberosModule, KerberosServerModule } from '../../../src/kerberos/index.ts';
import { startApache, type Apache } from './apache.ts';
import { kerberosModule } from './kerberos-package.ts';
import { startRealm, type Realm } from './realm.ts';
import { startSquid, type Squid } from './squid.ts';

/** Names are what tickets are for. */
export const named = (url: string): string => url.replace('127.0.0.1', 'localhost');

export interface KerberosSite {
  readonly module: KerberosModule & KerberosServerModule;
  readonly realm: Realm;
  readonly apache: Apache;
  readonly squid: Squid;
  /** Of alice's processes: KRB5_CONFIG, KRB5CCNAME. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startKerberosSite(): Promise<KerberosSite> {
  const [module, realm] = await Promise.all([kerberosModule(), startRealm()]);
  try {
    const kerberos = { keytab: await realm.keytab('HTTP/localhost'), environment: realm.environment };
    const [apache, squid] = await Promise.all([startApache({ kerberos }), startSquid({ negotiate: 'Kerberos', kerberos })]);
    return {
      module,
      realm,
      apache,
      squid,
      environment: { ...realm.environment, KRB5CCNAME: await realm.kinit('alice') },
      async close() {
        await Promise.all([apache.close(), squid.close()]);
        await realm.close();
      },
    };
  } catch (error) {
    await realm.close();
    throw error;
  }
}
