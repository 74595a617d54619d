/**
 * Kerberos's machine against a model of it, written from RFC 4559 5 and RFC 4178 3.2: a provider that answers anything, and
 * a server that says anything, in any order.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createActor, waitFor } from 'xstate';
import { NtlmError, type NtlmErrorCode } from '../../src/index.ts';
import { kerberosMachine, type KerberosEvent } from '../../src/kerberos/index.ts';
import { decodeSpnegoToken } from '../../src/spnego/index.ts';
import { FIRST, LAST_WORD, reply, standIn, type Told } from './support.ts';

const skewed = new NtlmError('apart', { code: 'clock-skew', phase: 'kerberos', side: 'local' });
const steps: Readonly<Record<string, Told<unknown>>> = {
  'a token': { answer: { token: FIRST, complete: false } },
  'a last token': { answer: { token: FIRST, complete: true } },
  'the end': { answer: { complete: true } },
  'an empty token': { answer: { token: new Uint8Array(0), complete: true } },
  nothing: { answer: { complete: false } },
  'clocks apart': { error: skewed },
  'a failure': { error: new Error('broken') },
  garbage: { answer: 5 },
  'a token that is a text': { answer: { token: 'YII=', complete: true } },
};
type Step = keyof typeof steps;

const events = {
  negotiate: { type: 'negotiate' },
  accepted: { type: 'accepted' },
  rejected: { type: 'rejected' },
  'the last word': { type: 'finish', token: reply({ responseToken: LAST_WORD }) },
  'the last word, bare': { type: 'finish', token: LAST_WORD },
  'a last word for nobody': { type: 'finish', token: reply() },
  'a last word that rejects': { type: 'finish', token: reply({ negState: 'reject' }) },
  'a last word of noise': { type: 'finish', token: Uint8Array.of(1, 2, 3) },
  'a challenge': { type: 'challenge', token: reply({ negState: 'accept-incomplete', responseToken: LAST_WORD }) },
  'a challenge for nobody': { type: 'challenge', token: reply({ negState: 'accept-incomplete' }) },
  'a challenge that rejects': { type: 'challenge', token: reply({ negState: 'reject', responseToken: LAST_WORD }) },
  'a challenge of noise': { type: 'challenge', token: Uint8Array.of(0xa1, 0xff) },
} as const satisfies Record<string, KerberosEvent>;
type Happening = keyof typeof events;

/** What is the server's fault, and what is said of it. */
const SAYS: Partial<Record<NtlmErrorCode, RegExp>> = { 'ticket-refused': /refused the Kerberos ticket/, 'server-unproven': /last token/ };

interface Model {
  state: 'idle' | 'waiting' | 'established' | 'failed';
  complete: boolean;
  code: NtlmErrorCode | undefined;
  /** Tokens that went out. */
  sent: number;
}

function expectedOf(script: readonly Step[], happenings: readonly Happening[], mutual: boolean): Model {
  const model: Model = { state: 'idle', complete: false, code: undefined, sent: 0 };
  const left = [...script];
  const fail = (code: NtlmErrorCode): void => void Object.assign(model, { state: 'failed', code });
  const conclude = (asked: boolean): void => {
    if (asked) fail('ticket-refused');
    else if (model.complete || !mutual) model.state = 'established';
    else fail('server-unproven');
  };
  const step = (after: 'nothing' | 'challenge' | 'last word'): void => {
    const told = left.shift() ?? 'a failure';
    if (told === 'clocks apart') return fail('clock-skew');
    if (told === 'a failure' || told === 'garbage' || told === 'a token that is a text') {
      return fail(after === 'nothing' ? 'service-failed' : after === 'challenge' ? 'ticket-refused' : 'server-unproven');
    }
    model.complete = told !== 'a token' && told !== 'nothing';
    if (told === 'a token' || told === 'a last token') {
      model.state = 'waiting';
      model.sent += 1;
    } else conclude(after === 'challenge');
  };
  for (const happening of happenings) {
    if (model.state === 'idle' && happening === 'negotiate') step('nothing');
    else if (model.state === 'waiting') {
      if (happening === 'accepted') conclude(false);
      else if (happening === 'rejected' || happening.endsWith('rejects')) fail('ticket-refused');
      else if (happening === 'a last word for nobody' || happening === 'a challenge for nobody') conclude(happening === 'a challenge for nobody');
      else if (happening.endsWith('noise')) fail('malformed-token');
      else if (happening === 'the last word' || happening === 'the last word, bare') step('last word');
      else if (happening === 'a challenge') step('challenge');
    }
  }
  return model;
}

test('whatever the provider and the server say, in whatever order', async () => {
  const script = fc.array(fc.constantFrom(...(Object.keys(steps) as Step[])), { maxLength: 4 });
  const happenings = fc.array(fc.constantFrom(...(Object.keys(events) as Happening[])), { maxLength: 5 });
  const likely = fc.tuple(
    fc.constantFrom<readonly Step[]>(['a token', 'the end'], ['a token', 'a token', 'the end'], ['a last token']),
    happenings.map((rest) => ['negotiate', ...rest] as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.tuple(script, happenings), likely), fc.boolean(), fc.constantFrom('krb5' as const, 'spnego' as const), async ([told, happened], mutual, tokens) => {
      const wrapped = tokens === 'krb5';
      // Tokens that come with SPNEGO around them are all the provider's: nothing here reads them.
      const expected = expectedOf(told, wrapped ? happened : happened.filter((each) => !/nobody|rejects|noise/.test(each)), mutual);
      const provider = standIn({ steps: told.map((name) => steps[name]!), tokens });
      const actor = createActor(kerberosMachine, {
        input: { spn: 'HTTP/x', principal: undefined, mutual, delegate: false, unbound: false, channelBindings: undefined, legTimeout: 60_000, provider },
      });
      const sent: { readonly first: boolean; readonly token: Uint8Array }[] = [];
      actor.on('token', (event) => void sent.push(event));
      actor.start();
      for (const happening of happened) {
        if (!wrapped && /nobody|rejects|noise/.test(happening)) continue;
        actor.send(events[happening]);
        await waitFor(actor, (snapshot) => !snapshot.hasTag('busy'));
      }
      const { value, context } = actor.getSnapshot();
      expect(value).toEqual(expected.state === 'waiting' ? { stepping: 'waiting' } : expected.state);
      expect(context.error?.code).toBe(expected.code);
      const says = context.error && SAYS[context.error.code];
      if (says !== undefined) expect(context.error).toMatchObject({ phase: 'kerberos', side: 'peer', message: expect.stringMatching(says) });
      expect(sent.map(({ first }) => first)).toEqual(Array.from({ length: expected.sent }, (_, at) => at === 0));
      for (const { first, token } of sent) {
        if (!wrapped) expect(token).toEqual(FIRST);
        else expect(decodeSpnegoToken(token)).toMatchObject(first ? { type: 'init', mechToken: FIRST } : { type: 'resp', responseToken: FIRST });
      }
      if (expected.state === 'established' || expected.state === 'failed') expect([context.held, context.received, context.reply]).toEqual([undefined, undefined, undefined]);
    }),
    { numRuns: 200 },
  );
});
