import { NtlmError } from '../errors.ts';
import type { KerberosModule, KerberosServerModule } from './kerberos-module.ts';

/** @throws NtlmError `unsupported` where the package is not there or does not load. */
export async function loadPackage(): Promise<KerberosModule & KerberosServerModule> {
  try {
    return (await import('kerberos')).default;
  } catch (cause) {
    throw new NtlmError('Kerberos needs the package "kerberos": npm install kerberos (version 7; it builds from source with libkrb5-dev where it has nothing built for the platform)', {
      code: 'unsupported',
      phase: 'kerberos',
      side: 'local',
      cause,
    });
  }
}
