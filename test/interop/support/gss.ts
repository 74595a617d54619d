/**
 * gss-ntlmssp through python3-gssapi: GSS-API initiators and acceptors, raw NTLM or SPNEGO, with message security.
 * The acceptor enforces NTLMv2, the user's domain and a channel binding that differs; it takes an absent one.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findFile, LineProcess, TemporaryDirectory } from './processes.ts';
import { alice, ntlmUserFile } from './users.ts';
import type { TestUser } from './users.ts';

export type GssMech = 'NTLM' | 'SPNEGO';

export type GssFlag =
  | 'delegate_to_peer'
  | 'mutual_authentication'
  | 'replay_detection'
  | 'out_of_sequence_detection'
  | 'confidentiality'
  | 'integrity'
  | 'anonymity'
  | 'channel_bound'
  | 'dce_style'
  | 'identify'
  | 'extended_error';

export interface GssInitiatorOptions extends Partial<TestUser> {
  /** Default: NTLM. */
  readonly mech?: GssMech;
  /** A host-based service, `service@host`. Default: `HTTP@localhost`. */
  readonly target?: string;
  /** Default: integrity, confidentiality, replay and out-of-sequence detection; none is like integrity. */
  readonly flags?: readonly GssFlag[];
  /** The application data of the channel bindings, such as `tls-server-end-point:` and a hash. */
  readonly channelBindings?: Uint8Array;
}

export interface GssAcceptorOptions {
  readonly mech?: GssMech;
  readonly channelBindings?: Uint8Array;
}

export interface GssStep {
  readonly token: Uint8Array | undefined;
  readonly complete: boolean;
}

export interface GssMessage {
  readonly message: Uint8Array;
  readonly conf: boolean;
}

export interface GssInquiry {
  readonly initiator: string | undefined;
  /** Only an initiator knows it. */
  readonly target: string | undefined;
  readonly flags: readonly GssFlag[];
}

interface GssStatus {
  readonly kind: string;
  readonly major: number;
  readonly minor: number;
  readonly majorText: string;
  readonly minorText: string;
  readonly token: string | null;
}

/** A refusal by GSS-API, with its two status codes. */
export class GssError extends Error {
  override readonly name = 'GssError';
  /** python-gssapi's class, such as `InvalidTokenError` or `BadMICError`. */
  readonly kind: string;
  readonly major: number;
  readonly minor: number;
  readonly majorText: string;
  readonly minorText: string;
  /** What the failed step still wants to send. */
  readonly token: Uint8Array | undefined;

  constructor({ kind, major, minor, majorText, minorText, token }: GssStatus) {
    super(`${kind}: ${majorText} (${minorText})`);
    this.kind = kind;
    this.major = major;
    this.minor = minor;
    this.majorText = majorText;
    this.minorText = minorText;
    this.token = token === null ? undefined : fromHex(token);
  }
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

type Ask = <Answer>(request: Readonly<Record<string, unknown>>) => Promise<Answer>;

const defaultFlags: readonly GssFlag[] = [
  'integrity',
  'confidentiality',
  'replay_detection',
  'out_of_sequence_detection',
];

/** The process that holds the contexts. One serves any number of handshakes. */
export class GssOracle {
  readonly #directory: TemporaryDirectory;
  readonly #process: LineProcess;

  private constructor(directory: TemporaryDirectory, process: LineProcess) {
    this.#directory = directory;
    this.#process = process;
  }

  static async start(options: { readonly users?: readonly TestUser[] } = {}): Promise<GssOracle> {
    // Debian's own interpreter: the binding is a Debian package, and another python3 may come first on the PATH
    const python = findFile('/usr/bin/python3', 'python3-gssapi');
    const directory = new TemporaryDirectory('gss');
    const userFile = directory.file('users.txt');
    writeFileSync(userFile, ntlmUserFile(options.users));
    const helper = new LineProcess(python, ['-I', fileURLToPath(new URL('gss_oracle.py', import.meta.url))], {
      PATH: process.env['PATH'],
      LC_ALL: 'C.UTF-8',
      ...gssEnvironment(userFile),
    });
    const oracle = new GssOracle(directory, helper);
    try {
      await helper.readLine();
    } catch (error) {
      await oracle.close();
      throw error;
    }
    return oracle;
  }

  readonly #ask: Ask = async (request) => {
    const answer: { readonly error?: GssStatus } = JSON.parse(await this.#process.request(JSON.stringify(request)));
    if (answer.error !== undefined) throw new GssError(answer.error);
    return answer as never;
  };

  async initiator(options: GssInitiatorOptions = {}): Promise<GssContext> {
    const { domain, username, password } = { ...alice, ...options };
    const { context } = await this.#ask<{ context: number }>({
      op: 'open',
      role: 'initiate',
      mech: options.mech ?? 'NTLM',
      user: domain === '' ? username : `${domain}\\${username}`,
      password,
      target: options.target ?? 'HTTP@localhost',
      flags: options.flags ?? defaultFlags,
      bindings: options.channelBindings === undefined ? null : toHex(options.channelBindings),
    });
    return new GssContext(this.#ask, context);
  }

  async acceptor(options: GssAcceptorOptions = {}): Promise<GssContext> {
    const { context } = await this.#ask<{ context: number }>({
      op: 'open',
      role: 'accept',
      mech: options.mech ?? 'NTLM',
      bindings: options.channelBindings === undefined ? null : toHex(options.channelBindings),
    });
    return new GssContext(this.#ask, context);
  }

  async close(): Promise<void> {
    await this.#process.close();
    await this.#directory.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** One security context. Every method rejects with `GssError` when GSS-API refuses. */
export class GssContext {
  readonly #ask: Ask;
  readonly #context: number;

  /** @internal */
  constructor(ask: Ask, context: number) {
    this.#ask = (request) => ask({ ...request, context: this.#context });
    this.#context = context;
  }

  /** An initiator's first step takes no token. */
  async step(token?: Uint8Array): Promise<GssStep> {
    const answer = await this.#ask<{ token: string | null; complete: boolean }>({
      op: 'step',
      token: token === undefined ? null : toHex(token),
    });
    return { token: answer.token === null ? undefined : fromHex(answer.token), complete: answer.complete };
  }

  async inquire(): Promise<GssInquiry> {
    const { initiator, target, flags } = await this.#ask<{
      initiator: string | null;
      target: string | null;
      flags: GssFlag[];
    }>({ op: 'inquire' });
    return { initiator: initiator ?? undefined, target: target ?? undefined, flags };
  }

  /** gss-ntlmssp seals with `conf` false too: the answer's `conf` says what was done. */
  async wrap(message: Uint8Array, conf = true): Promise<GssMessage> {
    return this.#message({ op: 'wrap', message: toHex(message), conf });
  }

  async unwrap(message: Uint8Array): Promise<GssMessage> {
    return this.#message({ op: 'unwrap', message: toHex(message) });
  }

  async #message(request: Readonly<Record<string, unknown>>): Promise<GssMessage> {
    const answer = await this.#ask<{ message: string; conf: boolean }>(request);
    return { message: fromHex(answer.message), conf: answer.conf };
  }

  async getMic(message: Uint8Array): Promise<Uint8Array> {
    return fromHex((await this.#ask<{ mic: string }>({ op: 'get_mic', message: toHex(message) })).mic);
  }

  /** Resolves when the signature is the message's. */
  async verifyMic(message: Uint8Array, mic: Uint8Array): Promise<void> {
    await this.#ask({ op: 'verify_mic', message: toHex(message), mic: toHex(mic) });
  }

  /** The exported session key, 16 bytes. */
  async sessionKey(): Promise<Uint8Array> {
    return fromHex((await this.#ask<{ key: string }>({ op: 'session_key' })).key);
  }

  /** Seals messages of `size` bytes for that long and counts them. */
  async benchWrap(size: number, seconds: number): Promise<{ readonly count: number; readonly seconds: number }> {
    return this.#ask({ op: 'bench_wrap', size, seconds });
  }

  async release(): Promise<void> {
    await this.#ask({ op: 'release' });
  }
}

/**
 * How gss-ntlmssp is told about its users. Without `_NO_WINBINDD`, or with NETBIOS_DOMAIN_NAME, it takes itself for a
 * domain's server: NTLMv1 is accepted and an LMv2-only response crashes it.
 */
export function gssEnvironment(userFile: string): Record<string, string> {
  return { NTLM_USER_FILE: userFile, LM_COMPAT_LEVEL: '3', _NO_WINBINDD: '1' };
}
