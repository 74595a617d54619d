/**
 * What samples leave to their reader: secrets, wires, screens. Each export is there by its name, when samples are compiled
 * and when they are run; the package's own names have to be imported.
 */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import type { Observer } from 'xstate';
import { createNtlmActor, Credentials, NtlmClient, type NtlmActor, type NtlmOptions } from 'ntlmachine';
import { NtlmAcceptor, type ClaimedIdentity, type VerifierQuestion } from 'ntlmachine/acceptor';
import { HmacMd5Key, ntowfV1, ntowfV2, ntProofStr, sessionBaseKeyV2 } from 'ntlmachine/crypto';
import { kerberosPackage, type KerberosContext } from 'ntlmachine/kerberos';
import { NtlmSession } from 'ntlmachine/session';
import type { SafeInspectionEvent } from 'ntlmachine/visualize';
import './hosts.ts';
import { speaksOf, surroundings } from './surroundings.ts';
import { wire } from './wire.ts';

export const password: string = surroundings.password;
export const credentials: Credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });
export const users: ReadonlyMap<string, Credentials> = new Map([['alice', credentials]]);
export const options: NtlmOptions = { credentials };
export const actor: NtlmActor = createNtlmActor(options);
export const observer: Observer<SafeInspectionEvent> = { next: () => {} };

export const url: string = surroundings.site;
export const order: object = { grain: 7 };
export const ca: string = surroundings.ca;
/** That of the servers of castle.example. */
export const certificate: string = surroundings.cert;
/** A connection to who demands that it is named. */
export const socket: TLSSocket = speaksOf('socket') ? await connected('vault.castle.example') : (undefined as never);
export const session: NtlmSession = speaksOf('session') ? await sealing() : (undefined as never);
export const header: Uint8Array = new Uint8Array(24);
export const stub: Uint8Array = new Uint8Array(64);
export const trailer: Uint8Array = new Uint8Array(8);

export const send = (token: Uint8Array): Promise<void> => wire.send(token);
export const receive = (): Promise<Uint8Array> => wire.receive();
export const wasAccepted = (): Promise<boolean> => wire.wasAccepted();
/** To a mail server, which answers. */
export async function say(line: string): Promise<string> {
  if (line.startsWith('AUTH')) return '334 ';
  await send(Buffer.from(line, 'base64'));
  return (await wasAccepted()) ? '235 welcome' : `334 ${Buffer.from(await receive()).toString('base64')}`;
}

/** A dialogue in which alice signs in. */
export const askUser = async (_origin: string, _reason?: string): Promise<{ username: string; password: string }> => ({ username: `CASTLE\\alice`, password });
export const welcome = (identity: ClaimedIdentity): void => console.log('welcome', identity.username);

/** What a domain controller does with a response: the key, if the user's password made it (MS-NLMP 3.3.2). */
export async function askDomainController(question: VerifierQuestion['identity'] & Pick<VerifierQuestion, 'challenge' | 'ntChallengeResponse'>): Promise<Uint8Array | undefined> {
  const { username, domain, challenge, ntChallengeResponse } = question;
  const key = new HmacMd5Key(ntowfV2(ntowfV1(password), username, domain));
  const proof = ntProofStr(key, challenge, ntChallengeResponse.subarray(16));
  return Buffer.compare(proof, ntChallengeResponse.subarray(0, 16)) === 0 ? sessionBaseKeyV2(key, proof) : undefined;
}

/** Windows' own, here by the library of the system. */
export const sspi = {
  initialize(spn: string): (token?: Uint8Array) => Promise<Uint8Array | undefined> {
    const { signal } = new AbortController();
    let context: KerberosContext | undefined;
    return async (token) => {
      context ??= await kerberosPackage().begin({ spn, mutual: true, delegate: false, channelBindings: undefined, principal: undefined }, signal);
      return (await context.step(token, signal)).token;
    };
  },
};

async function connected(host: string): Promise<TLSSocket> {
  const opened = connect({ host, port: 443, servername: host });
  await once(opened, 'secureConnect');
  return opened.unref();
}

async function sealing(): Promise<NtlmSession> {
  const client = new NtlmClient({ credentials, sessionSecurity: 'seal' });
  const acceptor = new NtlmAcceptor({ credentials });
  await acceptor.authenticate(client.respond(acceptor.challenge(client.negotiate())));
  client.accepted();
  return NtlmSession.fromClient(client);
}
