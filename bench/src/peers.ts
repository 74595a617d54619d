/** The other NTLM libraries of npm: each one's way from no header to the header of its type 3. */
import { createRequire } from 'node:module';
import { account, challenge, workstation } from './scenario.ts';

export interface HandshakePeer {
  readonly note: string;
  /** One handshake: the `Authorization` headers of type 1 and type 3. */
  readonly handshake: () => readonly [negotiate: string, authenticate: string];
}

/** axios-ntlm, @ewsjs/ntlm-client and node-client-ntlm are three copies of one ancestor. */
interface NtlmClientFamily {
  createType1Message(workstation: string, target: string): string;
  decodeType2Message(header: string): object;
  createType3Message(type2: object, username: string, password: string, workstation: string, target: string): string;
}

interface CypressNtlm {
  createType1Message(ntlmVersion: number, workstation: string, target: string): CypressMessage;
  decodeType2Message(header: string): object;
  createType3Message(
    type1: CypressMessage,
    type2: object,
    username: string,
    password: string,
    workstation: string,
    target: string,
  ): CypressMessage;
}

interface CypressMessage {
  header(): string;
}

interface HttpNtlmOptions {
  readonly domain: string;
  readonly workstation: string;
  readonly username: string;
  readonly password: string;
}

interface HttpNtlm {
  createType1Message(options: HttpNtlmOptions): string;
  parseType2Message(header: string, callback: (error: Error) => void): object;
  createType3Message(type2: object, options: HttpNtlmOptions): string;
}

const require = createRequire(import.meta.url);
const header = `NTLM ${Buffer.from(challenge).toString('base64')}`;
const { domain, username, password } = account;
const options: HttpNtlmOptions = { domain, workstation, username, password };

function ofTheFamily(file: string): HandshakePeer {
  const ntlm = require(file) as NtlmClientFamily;
  return {
    note: 'NTLMv2',
    handshake: () => [
      ntlm.createType1Message(workstation, domain),
      ntlm.createType3Message(ntlm.decodeType2Message(header), username, password, workstation, domain),
    ],
  };
}

function cypressNtlmAuth(): HandshakePeer {
  require('reflect-metadata'); // its decorators want it loaded
  const { Ntlm } = require('cypress-ntlm-auth/dist/ntlm/ntlm.js') as { Ntlm: new () => CypressNtlm };
  const ntlm = new Ntlm();
  return {
    note: 'NTLMv2, MIC',
    handshake: () => {
      const type1 = ntlm.createType1Message(2, workstation, domain);
      const type2 = ntlm.decodeType2Message(header);
      return [type1.header(), ntlm.createType3Message(type1, type2, username, password, workstation, domain).header()];
    },
  };
}

/** @node-ntlm/core is httpntlm's rewritten in TypeScript. */
function ofHttpNtlm(file: string): HandshakePeer {
  const ntlm = require(file) as HttpNtlm;
  const fail = (error: Error): never => {
    throw error;
  };
  return {
    note: 'NTLMv2',
    handshake: () => [
      ntlm.createType1Message({ ...options }),
      ntlm.createType3Message(ntlm.parseType2Message(header, fail), { ...options }),
    ],
  };
}

/** By name; each is loaded where it runs. */
export const peers: Readonly<Record<string, () => HandshakePeer>> = {
  'axios-ntlm': () => ofTheFamily('axios-ntlm/lib/ntlm.js'),
  '@ewsjs/ntlm-client': () => ofTheFamily('@ewsjs/ntlm-client/lib/ntlm.js'),
  'node-client-ntlm': () => ofTheFamily('node-client-ntlm/lib/cjs/ntlm.js'),
  'cypress-ntlm-auth': cypressNtlmAuth,
  httpntlm: () => ofHttpNtlm('httpntlm/ntlm.js'),
  '@node-ntlm/core': () => ofHttpNtlm('@node-ntlm/core'),
};
