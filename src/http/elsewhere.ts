/**
 * What `ntlmachine/http`, `/fetch` and `/gateway` are in browsers, workers and React Native: programs there send requests, and
 * have no connection that could be authenticated. What needs none is as everywhere; the rest says what does work.
 */
import { absences } from './absent.ts';

export { connectionMachine } from './authentication/connection-machine.ts';
export { parseChallenges } from './authentication/challenges.ts';
export { explainRefusal } from './authentication/refusal.ts';
export { parseCredentials } from './doors/parse-credentials.ts';

const absent = /* @__PURE__ */ absences(
  'NTLM authenticates a connection, and programs have none here (a browser, a worker, React Native, or a bundle or test ' +
    'environment made for them); on Node, Deno or Bun this works, "ntlmachine gateway" in between serves the others, and ' +
    'NtlmClient of ntlmachine makes the messages everywhere',
);

/** Nothing is ever told over it. */
export const HTTP_CHANNEL = 'ntlmachine:http';

export const NtlmAgent = /* @__PURE__ */ absent();
export const NtlmDispatcher = /* @__PURE__ */ absent();
export const createNtlmFetch = /* @__PURE__ */ absent();
export const createNtlmServer = /* @__PURE__ */ absent();
export const createGateway = /* @__PURE__ */ absent();
export const guardUpgrades = /* @__PURE__ */ absent();
export const identityOf = /* @__PURE__ */ absent();
export const ntlmAxios = /* @__PURE__ */ absent();
export const ntlmGot = /* @__PURE__ */ absent();
export const renderEntry = /* @__PURE__ */ absent();
export const requireNtlm = /* @__PURE__ */ Object.assign(absent(), { koa: absent(), fastify: absent() });
export const sessionOf = /* @__PURE__ */ absent();
