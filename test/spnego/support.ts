import { verifyAuthenticate, type Verified } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, type NtlmClientOptions } from '../../src/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeNegTokenResp,
  MechType,
  type NegTokenInit,
  type NegTokenResp,
  type NegTokenRespFields,
  type SpnegoActor,
} from '../../src/spnego/index.ts';
import { challengeToken } from '../support/handshake.ts';

export const PASSWORD = 'Kennwort-17';
export const credentials = Credentials.fromPassword({ username: 'User', domain: 'Domain', password: PASSWORD });
export const other = Credentials.fromPassword({ username: 'Other', domain: 'Domain', password: 'Word' });

export const clientOf = (options: Partial<NtlmClientOptions> = {}): NtlmClient =>
  new NtlmClient({ credentials, spnego: true, ...options });

/** DER of `SEQUENCE { OID 1.3.6.1.4.1.311.2.2.10 }`: the list of a client that offers NTLMSSP (X.690 by hand). */
export const NTLM_LIST = Uint8Array.from(Buffer.from('300c060a2b06010401823702020a', 'hex'));

export const stateOf = (actor: { getSnapshot(): { value: unknown } }): string => {
  const { value } = actor.getSnapshot();
  return typeof value === 'string' ? value : Object.entries(value as object)[0]!.join('.');
};

/** An acceptor whose every token the test writes; it knows the password, so it can sign. */
export class ScriptedAcceptor {
  readonly type2: Uint8Array;
  init: NegTokenInit | undefined;
  response: NegTokenResp | undefined;
  verified: Verified | undefined;
  session: NtlmSession | undefined;

  constructor({ flags, nonce }: { flags?: number; nonce?: number } = {}) {
    this.type2 = challengeToken({ ...(flags !== undefined && { flags }), ...(nonce !== undefined && { nonce }) });
  }

  /** The usual first reply, with what the test wants otherwise. */
  reply(fields: NegTokenRespFields = {}): Uint8Array {
    return encodeNegTokenResp({
      negState: 'accept-incomplete',
      supportedMech: MechType.NTLMSSP,
      responseToken: this.type2,
      ...fields,
    });
  }

  /** Takes a client up to its response. */
  challenge(client: NtlmClient, fields?: NegTokenRespFields): NegTokenResp {
    const init = decodeNegTokenInit(client.negotiate());
    if (init.type !== 'init') throw new Error('not a NegTokenInit');
    this.init = init;
    this.verifyResponse(client.respond(this.reply(fields)));
    return this.response!;
  }

  /** The client's response, as it was sent. */
  verifyResponse(token: Uint8Array): void {
    this.response = decodeNegTokenResp(token);
    this.#verify(this.response.responseToken!);
  }

  #verify(authenticate: Uint8Array): void {
    const result = verifyAuthenticate({
      negotiate: this.init!.mechToken!,
      challenge: this.type2,
      authenticate,
      credentials,
      anonymous: true,
    });
    if (!result.ok) throw result.error;
    this.verified = result;
    if ((result.negotiateFlags & 0x10) !== 0) this.session = NtlmSession.fromHandshake({ ...result, side: 'server' });
  }

  /** The acceptor's signature over a list, by default the client's. */
  sign(list: Uint8Array = this.init!.mechTypeList): Uint8Array {
    const mechListMIC = this.session!.sign(list);
    this.session!.resetSealing('outgoing');
    return mechListMIC;
  }

  /** Throws unless `mechListMIC` is the client's over its own list. */
  verify(mechListMIC: Uint8Array): void {
    this.session!.verify(this.init!.mechTypeList, mechListMIC);
    this.session!.resetSealing('incoming');
  }
}

export const finalToken = (fields: NegTokenRespFields = {}): Uint8Array =>
  encodeNegTokenResp({ negState: 'accept-completed', ...fields });

/** Every token that `actor` emits from now on. */
export function emittedBy(actor: SpnegoActor): { message: string; token: Uint8Array }[] {
  const tokens: { message: string; token: Uint8Array }[] = [];
  actor.on('token', ({ message, token }) => void tokens.push({ message, token }));
  return tokens;
}
