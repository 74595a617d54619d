/**
 * What `ntlmachine/kerberos` is in browsers, workers and React Native: the tickets are the system's, and programs there have no
 * way to them. The machine needs none, with a provider of one's own.
 */
import { absences } from '../http/absent.ts';

export { kerberosMachine } from './machine.ts';

const absent = /* @__PURE__ */ absences(
  'the tickets of Kerberos are the system\'s, and programs have no way to them here (a browser, a worker, React Native, or a ' +
    'bundle or test environment made for them); on Node this works, "ntlmachine gateway --negotiate" in between serves the ' +
    'others, a browser answers Negotiate by itself where it is told to, and kerberosMachine takes a provider everywhere',
);

export const currentUser = /* @__PURE__ */ absent();
export const kerberos = /* @__PURE__ */ absent();
export const kerberosPackage = /* @__PURE__ */ absent();
export const kerberosServer = /* @__PURE__ */ absent();
