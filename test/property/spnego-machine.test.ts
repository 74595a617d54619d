/** Any sequence of events, any two of our ends, any altered bit. */
import type { Policy } from '../../src/index.ts';
import { ntlm2Session, ntlmv1 } from '../../src/legacy/index.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NtlmError } from '../../src/errors.ts';
import { NtlmClient } from '../../src/index.ts';
import { hasFlag, NegotiateFlags as F } from '../../src/messages/index.ts';
import { SpnegoAcceptor, type SpnegoAcceptorStep } from '../../src/spnego/index.ts';
import { happenings, next, SpnegoBystander, type State } from '../spnego/model.ts';
import { clientOf, credentials, finalToken, ScriptedAcceptor } from '../spnego/support.ts';

it('follows the table, whatever the sequence of events', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...happenings), { maxLength: 12 }), (sequence) => {
      const bystander = new SpnegoBystander();
      let state: State = 'idle';
      let answered = false;
      for (const happening of ['negotiate', 'a challenge', ...sequence] as const) {
        bystander.happen(happening);
        const expected = next(state, happening, answered);
        answered =
          expected === 'responded.waiting' && (answered || (state === expected && happening === 'accept-incomplete'));
        expect(bystander.state, happening).toBe(expected);
        state = expected;
      }
    }),
    { numRuns: 300 },
  );
});

const clientOptions = fc.record({
  sessionSecurity: fc.constantFrom(undefined, 'none', 'offer', 'sign', 'seal'),
  policy: fc.constantFrom<Policy[]>('ntlmv2', 'ntlmv2-compatible', ntlm2Session, ntlmv1),
  unicode: fc.boolean(),
  requestTarget: fc.boolean(),
  version: fc.constantFrom(false, undefined),
  workstation: fc.constantFrom('', 'CLIENT'),
} as const);

it('any two of our ends understand each other', () =>
  fc.assert(
    fc.asyncProperty(
      clientOptions,
      fc.boolean(),
      fc.array(fc.uint8Array({ maxLength: 200 })),
      async (options, timestamp, messages) => {
        const client = clientOf(options);
        const acceptor = new SpnegoAcceptor({ credentials, policy: ntlmv1, timestamp });
        const first = await acceptor.accept(client.negotiate());
        const last = await acceptor.accept(client.respond(first.token!));
        expect(last.state).toBe('accepted');
        expect(client.finish(last.token!)).toBeUndefined();
        expect(client.state).toBe('authenticated');
        expect(acceptor.sessionKey!.bytes()).toEqual(client.sessionKey!.bytes());
        if (options.sessionSecurity === 'none') {
          expect([client.session, acceptor.session]).toEqual([undefined, undefined]);
          return;
        }
        for (const message of messages) {
          expect(acceptor.session!.unwrap(client.session!.wrap(message))).toEqual(message);
          expect(client.session!.unwrap(acceptor.session!.wrap(message))).toEqual(message);
        }
      },
    ),
    { numRuns: 150 },
  ));

const grants = [
  F.NEGOTIATE_SIGN,
  F.NEGOTIATE_SEAL,
  F.NEGOTIATE_KEY_EXCH,
  F.NEGOTIATE_EXTENDED_SESSIONSECURITY,
  F.NEGOTIATE_128,
  F.NEGOTIATE_56,
  F.NEGOTIATE_ALWAYS_SIGN,
];

it('whatever an acceptor grants, its mechListMIC and ours match, or there is none', () => {
  fc.assert(
    fc.property(fc.subarray(grants), fc.constantFrom('none', 'offer', 'seal'), (granted, sessionSecurity) => {
      const flags =
        granted.reduce((sum, flag) => sum | flag, F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM | F.NEGOTIATE_TARGET_INFO) >>>
        0;
      const acceptor = new ScriptedAcceptor({ flags });
      const client = clientOf({ policy: 'ntlmv2-compatible', sessionSecurity });
      try {
        acceptor.challenge(client);
      } catch (error) {
        expect(error).toMatchObject({ code: 'downgrade-refused' });
        expect(sessionSecurity).toBe('seal');
        return;
      }
      const signed = sessionSecurity !== 'none' && hasFlag(flags, F.NEGOTIATE_SIGN);
      expect(acceptor.response!.mechListMIC !== undefined).toBe(signed);
      if (signed) acceptor.verify(acceptor.response!.mechListMIC!);
      expect(client.finish(signed ? finalToken({ mechListMIC: acceptor.sign() }) : finalToken())).toBeUndefined();
      expect(client.state).toBe('authenticated');
    }),
  );
});

/** One negotiation, one bit of one of its four tokens altered on its way. */
async function alteredNegotiation(altered: number, position: number) {
  const client = clientOf({ sessionSecurity: 'sign' });
  // who takes the timestamp out of a challenge keeps the client from sending a MIC
  const acceptor = new SpnegoAcceptor({ credentials, requireMic: true });
  let carried = 0;
  let offset = -1;
  const carry = (token: Uint8Array): Uint8Array => {
    const copy = token.slice();
    if (carried++ === altered) {
      const bit = position % (copy.length * 8);
      offset = bit >> 3;
      copy[offset]! ^= 1 << (bit & 7);
    }
    return copy;
  };
  let step: SpnegoAcceptorStep | undefined;
  try {
    step = await acceptor.accept(carry(client.negotiate()));
    let answer: Uint8Array | undefined = client.respond(carry(step.token!));
    for (let legs = 0; answer !== undefined && legs < 4; legs++) {
      step = await acceptor.accept(carry(answer));
      answer = client.finish(carry(step.token!));
    }
  } catch (error) {
    if (!(error instanceof NtlmError)) throw error;
  }
  return { client, accepted: step?.state === 'accepted', offset, carried };
}

/** Where a NegTokenResp of ours has the value of its negState: `a1 .. 30 .. a0 03 0a 01 XX`, lengths of 1 to 3 bytes. */
const NEG_STATE_AT_MOST = 12;

it('an altered bit is noticed by one of the ends, or was in a negState that changes nothing', () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 3 }), fc.nat({ max: 100_000 }), async (altered, position) => {
      const { client, accepted, offset, carried } = await alteredNegotiation(altered, position);
      if (!accepted || client.state !== 'authenticated') return;
      if (carried > 4) return; // the acceptor missed our mechListMIC, asked for it and got it
      expect([1, 3]).toContain(altered);
      expect(offset).toBeLessThanOrEqual(NEG_STATE_AT_MOST);
    }),
    { numRuns: 400 },
  ));

it('no bytes of an acceptor make anything but an answer or a typed error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 60 }), (challenge, end) => {
      const client: NtlmClient = clientOf();
      client.negotiate();
      expect(() => client.respond(challenge)).toThrow(NtlmError);
      const responded = clientOf();
      new ScriptedAcceptor().challenge(responded);
      expect(() => responded.finish(end)).toThrow(NtlmError);
      expect(responded.sessionKey!.wiped).toBe(true);
    }),
  );
});
