/** The initiator's model, and an actor with what a bystander notes of it. */
import { verifyAuthenticate } from '../../src/acceptor/index.ts';
import type { NtlmTag } from '../../src/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import {
  decodeNegTokenInit,
  decodeNegTokenResp,
  encodeNegTokenResp,
  MechType,
  type SpnegoActor,
  type SpnegoEvent,
} from '../../src/spnego/index.ts';
import { challengeToken } from '../support/handshake.ts';
import { clientOf, credentials, emittedBy, finalToken, ScriptedAcceptor, stateOf } from './support.ts';

/** The states that last. */
export const states = [
  'idle',
  'negotiated.waiting',
  'responded.waiting',
  'authenticated',
  'failed.faulted',
  'failed.refused',
  'failed.rejected',
] as const;
export type State = (typeof states)[number];

export const happenings = [
  'negotiate',
  'a challenge',
  'a malformed challenge',
  'a weak challenge',
  'a rejected mechanism',
  'another mechanism',
  'the end',
  'the end without mechListMIC',
  'the end with a forged mechListMIC',
  'accept-incomplete',
  'a malformed end',
  'reject',
  'accepted',
  'rejected',
  'reset',
] as const;
export type Happening = (typeof happenings)[number];

/** State x happening -> next state. What is not listed changes nothing; reset leads to idle from everywhere. */
export const table: Record<State, Partial<Record<Happening, State>>> = {
  idle: { negotiate: 'negotiated.waiting' },
  'negotiated.waiting': {
    'a challenge': 'responded.waiting',
    'a malformed challenge': 'failed.faulted',
    'a weak challenge': 'failed.refused',
    'a rejected mechanism': 'failed.refused',
    'another mechanism': 'failed.refused',
  },
  'responded.waiting': {
    'the end': 'authenticated',
    'the end without mechListMIC': 'authenticated',
    'the end with a forged mechListMIC': 'failed.refused',
    'accept-incomplete': 'responded.waiting',
    'a malformed end': 'failed.faulted',
    reject: 'failed.rejected',
    accepted: 'authenticated',
    rejected: 'failed.rejected',
  },
  authenticated: {},
  'failed.faulted': {},
  'failed.refused': {},
  'failed.rejected': {},
};

/** The same once an `accept-incomplete` was answered: the acceptor's mechListMIC was there, and comes once. */
const answeredRow: Partial<Record<Happening, State>> = {
  ...table['responded.waiting'],
  'the end': 'failed.refused',
  'accept-incomplete': 'failed.refused',
};

export function next(state: State, happening: Happening, answered = false): State {
  if (happening === 'reset') return 'idle';
  const row = answered && state === 'responded.waiting' ? answeredRow : table[state];
  return row[happening] ?? state;
}

export const tags: Record<State, readonly NtlmTag[]> = {
  idle: [],
  'negotiated.waiting': ['awaiting-server'],
  'responded.waiting': ['awaiting-server'],
  authenticated: ['settled'],
  'failed.faulted': ['settled'],
  'failed.refused': ['settled'],
  'failed.rejected': ['settled', 'needs-credentials'],
};

/** An actor, its acceptor, and what went over the wire. */
export class SpnegoBystander {
  readonly actor: SpnegoActor = clientOf().spnego!;
  readonly tokens = emittedBy(this.actor);
  #type2 = challengeToken();

  get state(): State {
    return stateOf(this.actor) as State;
  }

  happen(happening: Happening): void {
    this.actor.send(this.#event(happening));
  }

  #event(happening: Happening): SpnegoEvent {
    switch (happening) {
      case 'negotiate':
      case 'accepted':
      case 'rejected':
      case 'reset':
        return { type: happening };
      case 'a challenge':
        this.#type2 = challengeToken();
        return this.#challenge(this.#type2);
      case 'a malformed challenge':
        return this.#challenge(challengeToken().subarray(0, 20));
      case 'a weak challenge':
        return this.#challenge(challengeToken({ flags: 0x201 }));
      case 'a rejected mechanism':
        return { type: 'challenge', token: finalToken({ negState: 'reject' }) };
      case 'another mechanism':
        return { type: 'challenge', token: new ScriptedAcceptor().reply({ supportedMech: MechType.KERBEROS }) };
      case 'the end':
        return { type: 'finish', token: finalToken({ mechListMIC: this.#sign() }) };
      case 'the end without mechListMIC':
        return { type: 'finish', token: finalToken() };
      case 'the end with a forged mechListMIC':
        return { type: 'finish', token: finalToken({ mechListMIC: new Uint8Array(16).fill(1) }) };
      case 'accept-incomplete':
        return { type: 'finish', token: finalToken({ negState: 'accept-incomplete', mechListMIC: this.#sign() }) };
      case 'a malformed end':
        return { type: 'finish', token: finalToken({ negState: 'request-mic' }) };
      case 'reject':
        return { type: 'finish', token: finalToken({ negState: 'reject' }) };
    }
  }

  #challenge(responseToken: Uint8Array): SpnegoEvent {
    const fields = { negState: 'accept-incomplete', supportedMech: MechType.NTLMSSP, responseToken } as const;
    return { type: 'challenge', token: encodeNegTokenResp(fields) };
  }

  /** The acceptor's signature, where a response is on the wire; otherwise anything. */
  #sign(): Uint8Array {
    const [init, response] = this.tokens.filter(({ token }) => token.length > 64).slice(-2);
    if (this.state !== 'responded.waiting' || init === undefined || response === undefined) return new Uint8Array(16);
    const { mechToken, mechTypeList } = decodeNegTokenInit(init.token);
    const result = verifyAuthenticate({
      negotiate: mechToken!,
      challenge: this.#type2,
      authenticate: decodeNegTokenResp(response.token).responseToken!,
      credentials,
    });
    if (!result.ok) throw result.error;
    return NtlmSession.fromHandshake({ ...result, side: 'server' }).sign(mechTypeList);
  }
}
