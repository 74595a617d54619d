import { NtlmClient, type NtlmClientOptions } from '../client/client.ts';
import { invalidArgument, NtlmError } from '../errors.ts';
import { checkObject } from '../checks.ts';
import { NtlmSession } from '../session/session.ts';
import { createSpnegoActor } from '../spnego/actor.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

/**
 * The mechanisms that carry NTLM: as it is (mail: MS-SMTPNTLM, MS-POP3, MS-OXIMAP), and inside SPNEGO (LDAP: MS-ADTS
 * 5.1.1.1.2), which a mail server may offer for Kerberos alone.
 */
export const saslMechanisms = ['NTLM', 'GSS-SPNEGO'] as const;
export type SaslMechanism = (typeof saslMechanisms)[number];

/** Those of the client inside; which mechanism there is decides on SPNEGO, and that a client speaks first. */
export interface SaslClientOptions extends Omit<NtlmClientOptions, 'spnego' | 'connectionless'> {
  readonly mechanism: SaslMechanism;
}

/**
 * The mechanism to use of those that a server offers, the first of {@link saslMechanisms} that is among them.
 *
 * @param offered - in any case, as a list or in one string: `['PLAIN', 'NTLM']`, `AUTH NTLM`, `IMAP4rev1 AUTH=NTLM`
 * @throws NtlmError `mechanism-refused` from the peer where neither is among them
 */
export function chooseMechanism(offered: string | Iterable<string>): SaslMechanism {
  const names = typeof offered === 'string' ? offered.split(/\s+/) : [...offered];
  const upper = new Set(names.map((name) => name.toUpperCase().replace(/^AUTH=/, '')));
  const chosen = saslMechanisms.find((name) => upper.has(name));
  if (chosen !== undefined) return chosen;
  throw new NtlmError(`the server offers neither ${saslMechanisms.join(' nor ')}`, {
    code: 'mechanism-refused',
    phase: 'negotiate',
    side: 'peer',
  });
}

/**
 * NTLM as a SASL mechanism (RFC 4422), the client's end: bytes for protocols that frame them (LDAP), base64 for those
 * that write lines (IMAP, POP3, SMTP). A string is answered by a string.
 *
 * ```ts
 * import { SaslClient } from 'ntlmachine/sasl';
 *
 * const sasl = new SaslClient({ mechanism: 'NTLM', credentials });
 * await say('AUTH NTLM'); //                                      334 …
 * const challenge = await say(sasl.start('base64')); //           334 TlRMTVNTUAAC…
 * const outcome = await say(sasl.step(challenge.slice(4))!); //   235 …
 * if (outcome.startsWith('235')) sasl.step();
 * ```
 */
export class SaslClient {
  readonly mechanism: SaslMechanism;
  /** The handshake inside: its target, its error, `reset()`. */
  readonly client: NtlmClient;
  #done = false;
  #session: NtlmSession | undefined;

  /** @throws NtlmError `invalid-argument`, naming the option. */
  constructor(options: SaslClientOptions) {
    checkObject('options', options);
    const { mechanism, ...rest } = options;
    if (!saslMechanisms.includes(mechanism)) {
      throw invalidArgument('mechanism', `must be one of ${saslMechanisms.join(', ')}`);
    }
    this.mechanism = mechanism;
    this.client = new NtlmClient(mechanism === 'NTLM' ? rest : { ...rest, spnego: createSpnegoActor });
  }

  /**
   * The initial response: with the command, or as the answer to a first challenge without bytes.
   *
   * @throws NtlmError `unexpected-call` unless it is the first call
   */
  start(): Uint8Array<ArrayBuffer>;
  start(encoding: 'base64'): string;
  start(encoding?: 'base64'): Uint8Array<ArrayBuffer> | string {
    if (encoding !== undefined && encoding !== 'base64') throw invalidArgument('encoding', "must be 'base64'");
    const token = this.client.negotiate();
    return encoding === undefined ? token : encodeBase64(token);
  }

  /**
   * The response to a challenge, as received; also to the first, whatever that of `NTLM` says. After the last response,
   * what the server sends along with its success, or nothing: the client is then `authenticated`.
   *
   * @returns what to send; `undefined` where the server's outcome is due or was this
   * @throws NtlmError `malformed-token`, also for what is no base64 (nothing changed), and as `NtlmClient.step`
   */
  step(challenge?: Uint8Array): Uint8Array<ArrayBuffer> | undefined;
  step(challenge: string): string | undefined;
  step(challenge?: Uint8Array | string): Uint8Array<ArrayBuffer> | string | undefined {
    // the first one of "NTLM" is for people: "334 NTLM supported"
    const ignored = this.client.state === 'idle' && this.mechanism === 'NTLM';
    const received = typeof challenge === 'string' && !ignored ? decodeBase64(challenge) : challenge;
    const { token, done } = this.client.step(ignored ? undefined : (received as Uint8Array | undefined));
    this.#done = done;
    return token !== undefined && typeof challenge === 'string' ? encodeBase64(token) : token;
  }

  /**
   * The server said no, in words of its own protocol.
   *
   * @returns what to throw: NtlmError `credentials-refused` after a response, `mechanism-refused` where the server
   * ended the exchange before one
   */
  rejected(): NtlmError {
    if (this.client.state === 'responded') this.client.rejected();
    return (
      this.client.error ??
      new NtlmError(`the server ends the exchange before a response: it does not speak ${this.mechanism} with us`, {
        code: 'mechanism-refused',
        phase: 'negotiate',
        side: 'peer',
      })
    );
  }

  /** Whether the mechanism waits for nothing more of the server's. Whether it is authenticated the protocol says. */
  get done(): boolean {
    return this.#done;
  }

  /**
   * Signing and sealing from here on, where that was agreed on (`sessionSecurity`): what follows the server's success
   * goes through `secureStreams` or `secureSocket`. `undefined` before {@link done}, and where nothing was agreed on.
   */
  get session(): NtlmSession | undefined {
    if (!this.#done) return undefined;
    if (this.mechanism === 'NTLM' && hasSession(this.client)) this.#session ??= NtlmSession.fromClient(this.client);
    return this.#session ?? this.client.session;
  }
}

// NEGOTIATE_SIGN and NEGOTIATE_SEAL (MS-NLMP 2.2.2.5)
const SIGN_OR_SEAL = 0x00000030;

function hasSession({ negotiateFlags }: NtlmClient): boolean {
  return ((negotiateFlags ?? 0) & SIGN_OR_SEAL) !== 0;
}
