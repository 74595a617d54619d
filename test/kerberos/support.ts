/** A provider that answers as it is told, and remembers what it was asked. */
import { MechType, encodeNegTokenResp, type NegTokenRespFields } from '../../src/spnego/index.ts';
import type { ContextRequest, KerberosProvider, KerberosStep } from '../../src/kerberos/index.ts';

/** What a call comes to: an answer, an error that is thrown, or nothing ever. */
export type Told<T> = { readonly answer: T } | { readonly error: unknown } | 'hangs';

export interface Script {
  readonly begin?: Told<unknown>;
  readonly steps?: readonly Told<unknown>[];
  readonly binds?: boolean;
  readonly tokens?: KerberosProvider['tokens'];
}

export interface StandIn extends KerberosProvider {
  readonly requests: ContextRequest[];
  /** What each step was given. */
  readonly given: (Uint8Array | undefined)[];
  /** Of each call. */
  readonly signals: AbortSignal[];
}

export const FIRST = Uint8Array.of(0x60, 1, 2, 3);
export const NEXT = Uint8Array.of(0x60, 4, 5, 6);
export const LAST_WORD = Uint8Array.of(0x60, 7, 8, 9);

/** As Kerberos goes with mutual authentication: a token, and with the server's it is complete. */
export const USUAL: readonly Told<KerberosStep>[] = [{ answer: { token: FIRST, complete: false } }, { answer: { complete: true } }];

export function standIn({ begin, steps = USUAL, binds = false, tokens = 'krb5' }: Script = {}): StandIn {
  const requests: ContextRequest[] = [];
  const given: (Uint8Array | undefined)[] = [];
  const signals: AbortSignal[] = [];
  const come = (told: Told<unknown>): Promise<never> => {
    if (told === 'hangs') return new Promise<never>(() => {});
    return 'error' in told ? Promise.reject(told.error) : (Promise.resolve(told.answer) as Promise<never>);
  };
  return {
    binds,
    tokens,
    requests,
    given,
    signals,
    begin(request, signal) {
      requests.push(request);
      signals.push(signal);
      if (begin !== undefined) return come(begin);
      const left = [...steps];
      return {
        step(token, signalOfStep) {
          given.push(token);
          signals.push(signalOfStep);
          return come(left.shift() ?? { error: new Error('nothing more is known') });
        },
      };
    },
  };
}

/** A reply of a server, with SPNEGO around it. */
export const reply = (fields: NegTokenRespFields = {}): Uint8Array =>
  encodeNegTokenResp({ negState: 'accept-completed', supportedMech: MechType.KERBEROS, ...fields });
