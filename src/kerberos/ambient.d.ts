/** The package is not installed where this one is built. */
declare module 'kerberos' {
  const exported: import('./kerberos-module.ts').KerberosModule & import('./kerberos-module.ts').KerberosServerModule;
  export default exported;
}
