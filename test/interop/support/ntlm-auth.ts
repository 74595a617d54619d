/**
 * Samba's `ntlm_auth` over stdio: NTLMSSP and SPNEGO, both ends, without a daemon. The server side knows one password
 * and accepts any user name that proves it, with NTLMv1 and LM responses too.
 */
import { writeFileSync } from 'node:fs';
import { findProgram, LineProcess, TemporaryDirectory } from './processes.ts';
import { alice } from './users.ts';
import type { TestUser } from './users.ts';

export type NtlmAuthFeature =
  | 'NTLMSSP_FEATURE_SESSION_KEY'
  | 'NTLMSSP_FEATURE_SIGN'
  | 'NTLMSSP_FEATURE_SEAL'
  | 'NTLMSSP_FEATURE_CCACHE';

export interface NtlmAuthOptions extends Partial<TestUser> {
  /** Asked for before the first message; without NTLMSSP_FEATURE_SESSION_KEY no key is exchanged. */
  readonly features?: readonly NtlmAuthFeature[];
  /** More lines for smb.conf's [global], such as `'client NTLMv2 auth': 'no'`. */
  readonly smbConf?: Readonly<Record<string, string>>;
}

/** A token that `ntlm_auth` refuses outright, or a question it cannot answer now. */
export class NtlmAuthError extends Error {
  override readonly name = 'NtlmAuthError';
  /** An NTSTATUS name, or the helper's own words. */
  readonly status: string;

  constructor(status: string) {
    super(`ntlm_auth: ${status}`);
    this.status = status;
  }
}

export type NtlmAuthVerdict =
  | { readonly ok: true; readonly identity: string }
  | { readonly ok: false; readonly status: string };

export type SpnegoServerStep =
  | { readonly state: 'continue'; readonly token: Uint8Array }
  | { readonly state: 'accepted'; readonly token: Uint8Array | undefined; readonly identity: string }
  | { readonly state: 'refused'; readonly token: Uint8Array | undefined; readonly status: string };

export type SpnegoClientStep =
  | { readonly state: 'continue'; readonly token: Uint8Array }
  | { readonly state: 'complete'; readonly token: Uint8Array | undefined };

interface Reply {
  readonly code: string;
  readonly rest: string;
}

type HelperProtocol = 'squid-2.5-ntlmssp' | 'ntlmssp-client-1' | 'gss-spnego' | 'gss-spnego-client';

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function decode(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}

function decodeOptional(base64: string): Uint8Array | undefined {
  return base64 === '' || base64 === '*' ? undefined : decode(base64);
}

/** What the four helpers share: the process, its smb.conf, features, session key and flags. */
abstract class NtlmAuthHelper {
  readonly #directory = new TemporaryDirectory('ntlm-auth');
  readonly #process: LineProcess;

  protected constructor(protocol: HelperProtocol, options: NtlmAuthOptions) {
    const program = findProgram('ntlm_auth');
    const { username, domain, password } = { ...alice, ...options };
    const directory = this.#directory.path;
    const settings = {
      workgroup: 'TESTDOM',
      'netbios name': 'ORACLE',
      'private dir': directory,
      'lock directory': directory,
      'winbindd socket directory': this.#directory.file('none'),
      ...options.smbConf,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    writeFileSync(this.#directory.file('smb.conf'), `[global]\n${lines.join('')}`);
    this.#process = new LineProcess(program, [
      `--configfile=${this.#directory.file('smb.conf')}`,
      '-d0',
      `--helper-protocol=${protocol}`,
      `--username=${username}`,
      `--domain=${domain}`,
      `--password=${password}`,
    ]);
  }

  /** @internal */
  protected async open(features: readonly NtlmAuthFeature[] = []): Promise<this> {
    if (features.length > 0) {
      const { code, rest } = await this.ask(`SF ${features.join(' ')}`);
      if (code !== 'OK') throw new NtlmAuthError(rest);
    }
    return this;
  }

  protected async ask(line: string): Promise<Reply> {
    const [, code = '', rest = ''] = /^(\S*) ?(.*)$/u.exec(await this.#process.request(line)) ?? [];
    if (code === 'BH') throw new NtlmAuthError(rest);
    return { code, rest };
  }

  /** The exported session key, 16 bytes. Before the handshake is complete it rejects. */
  async sessionKey(): Promise<Uint8Array> {
    return decode((await this.ask('GK')).rest);
  }

  /** The NegotiateFlags in force. */
  async flags(): Promise<number> {
    return Number((await this.ask('GF')).rest);
  }

  async close(): Promise<void> {
    await this.#process.close();
    await this.#directory.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Samba's NTLMSSP acceptor, as a web proxy uses it. One handshake after another. */
export class NtlmAuthServer extends NtlmAuthHelper {
  static async start(options: NtlmAuthOptions = {}): Promise<NtlmAuthServer> {
    return new NtlmAuthServer('squid-2.5-ntlmssp', options).open(options.features);
  }

  /** Begins a handshake: NEGOTIATE in, CHALLENGE out. */
  async challenge(type1: Uint8Array): Promise<Uint8Array> {
    const { code, rest } = await this.ask(`YR ${encode(type1)}`);
    if (code !== 'TT') throw new NtlmAuthError(rest);
    return decode(rest);
  }

  async verify(type3: Uint8Array): Promise<NtlmAuthVerdict> {
    const { code, rest } = await this.ask(`KK ${encode(type3)}`);
    return code === 'AF' ? { ok: true, identity: rest } : { ok: false, status: rest };
  }
}

/** Samba's NTLMSSP initiator. */
export class NtlmAuthClient extends NtlmAuthHelper {
  static async start(options: NtlmAuthOptions = {}): Promise<NtlmAuthClient> {
    return new NtlmAuthClient('ntlmssp-client-1', options).open(options.features);
  }

  /** Begins a handshake: NEGOTIATE out. */
  async negotiate(): Promise<Uint8Array> {
    const { code, rest } = await this.ask('YR');
    if (code !== 'YR') throw new NtlmAuthError(rest);
    return decode(rest);
  }

  /** CHALLENGE in, AUTHENTICATE out. */
  async authenticate(type2: Uint8Array): Promise<Uint8Array> {
    const { code, rest } = await this.ask(`TT ${encode(type2)}`);
    if (code !== 'AF' && code !== 'KK') throw new NtlmAuthError(rest);
    return decode(rest);
  }
}

/** Samba's SPNEGO acceptor. After `accepted` or `refused` the next step begins another handshake. */
export class GssSpnegoServer extends NtlmAuthHelper {
  #begun = false;

  static async start(options: NtlmAuthOptions = {}): Promise<GssSpnegoServer> {
    return new GssSpnegoServer('gss-spnego', options).open(options.features);
  }

  async step(token: Uint8Array): Promise<SpnegoServerStep> {
    const { code, rest } = await this.ask(`${this.#begun ? 'KK' : 'YR'} ${encode(token)}`);
    this.#begun = code === 'TT';
    const [, first = '', second = ''] = /^(\S*) ?(.*)$/u.exec(rest) ?? [];
    if (code === 'TT') return { state: 'continue', token: decode(first) };
    if (code === 'AF') return { state: 'accepted', token: decodeOptional(first), identity: second };
    return { state: 'refused', token: decodeOptional(first), status: second };
  }
}

/** Samba's SPNEGO initiator. `step()` without a token begins a handshake. */
export class GssSpnegoClient extends NtlmAuthHelper {
  static async start(options: NtlmAuthOptions = {}): Promise<GssSpnegoClient> {
    return new GssSpnegoClient('gss-spnego-client', options).open(options.features);
  }

  async step(token?: Uint8Array): Promise<SpnegoClientStep> {
    const { code, rest } = await this.ask(token === undefined ? 'YR' : `TT ${encode(token)}`);
    if (code === 'AF') return { state: 'complete', token: decodeOptional(rest) };
    if (code === 'YR' || code === 'KK') return { state: 'continue', token: decode(rest) };
    throw new NtlmAuthError(rest);
  }
}
