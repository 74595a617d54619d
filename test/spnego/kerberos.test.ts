/** Kerberos beside NTLM at the acceptor: what it is handed, and what becomes of its answers. Real tickets, and a double of what takes them. */
import { describe, expect, test } from 'vitest';
import { MechType, SpnegoAcceptor, decodeNegTokenResp, encodeNegTokenInit, encodeNegTokenResp, type KerberosAccepted, type KerberosAcceptor, type SpnegoAcceptorStep } from '../../src/spnego/index.ts';
import { NtlmClient, NtlmError } from '../../src/index.ts';
import { thrown } from '../support/thrown.ts';
import { maskToken } from '../../src/spnego/mask.ts';
import { decodeToken } from '../../src/visualize/index.ts';
import { kerberosNames, kerberosToken } from '../vectors/kerberos.ts';
import { credentials } from './support.ts';

const type1 = (): Uint8Array => new NtlmClient({ credentials }).negotiate();
const TICKET = kerberosToken('AP-REQ');
const ANSWER = kerberosToken('AP-REP');
const ALICE = { token: ANSWER, complete: true, principal: 'alice@CASTLE.EXAMPLE' };

function taking(...steps: readonly (KerberosAccepted | Error | (() => unknown))[]) {
  const seen: Uint8Array[] = [];
  let at = 0;
  const kerberos: KerberosAcceptor = {
    binds: false,
    begin: () => ({
      step: (token) => {
        seen.push(token);
        const step = steps[at++]!;
        if (step instanceof Error) throw step;
        return (typeof step === 'function' ? step() : step) as KerberosAccepted;
      },
    }),
  };
  return { seen, acceptor: new SpnegoAcceptor({ credentials, kerberos }) };
}

const init = (mechTypes: readonly string[], mechToken: Uint8Array | undefined = TICKET): Uint8Array => encodeNegTokenInit({ mechTypes, ...(mechToken && { mechToken }) });
const answerOf = (step: SpnegoAcceptorStep) => decodeNegTokenResp(step.token!);
const refusal = (side: 'peer' | 'local') => new NtlmError('no', { code: side === 'peer' ? 'ticket-refused' : 'service-failed', phase: 'spnego', side });

describe('what Kerberos is handed', () => {
  test.each([
    ['Kerberos alone', [MechType.KERBEROS]],
    ['as Windows offers it', [MechType.MS_KERBEROS, MechType.KERBEROS, MechType.NEGOEX, MechType.NTLMSSP]],
    ['before NTLM', [MechType.KERBEROS, MechType.NTLMSSP]],
  ])('%s: the ticket without SPNEGO, the answer within it, by the name that the client likes best', async (_, mechTypes) => {
    const { seen, acceptor } = taking(ALICE);
    const step = await acceptor.accept(init(mechTypes));
    expect(seen).toEqual([TICKET]);
    expect(step).toMatchObject({ state: 'accepted', result: { mechanism: 'Kerberos', principal: 'alice@CASTLE.EXAMPLE', identity: { username: 'alice', domain: 'CASTLE.EXAMPLE' } } });
    expect(answerOf(step)).toEqual({ type: 'resp', negState: 'accept-completed', supportedMech: mechTypes[0], responseToken: ANSWER });
    expect([acceptor.identity?.username, acceptor.sessionKey, acceptor.session]).toEqual(['alice', undefined, undefined]);
  });

  test('without SPNEGO: answered in the same way', async () => {
    const { seen, acceptor } = taking(ALICE);
    expect(await acceptor.accept(TICKET)).toMatchObject({ state: 'accepted', token: ANSWER });
    expect(seen).toEqual([TICKET]);
  });

  test('an offer without a token is answered, and the ticket comes next', async () => {
    const { seen, acceptor } = taking(ALICE);
    const step = await acceptor.accept(encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] }));
    expect(answerOf(step)).toEqual({ type: 'resp', negState: 'accept-incomplete', supportedMech: MechType.KERBEROS });
    const last = await acceptor.accept(encodeNegTokenResp({ responseToken: TICKET }));
    expect(answerOf(last)).toEqual({ type: 'resp', negState: 'accept-completed', responseToken: ANSWER });
    expect(seen).toEqual([TICKET]);
  });

  test('a context of more legs', async () => {
    const { acceptor } = taking({ token: Uint8Array.of(1), complete: false }, ALICE);
    expect(answerOf(await acceptor.accept(init([MechType.KERBEROS])))).toMatchObject({ negState: 'accept-incomplete', responseToken: Uint8Array.of(1) });
    expect(await acceptor.accept(encodeNegTokenResp({ responseToken: TICKET }))).toMatchObject({ state: 'accepted' });
  });

  test.each([
    ['a message of NTLM under its name', type1(), 'malformed'],
    ['NTLM in a frame', Uint8Array.of(0x60, 12, 0x06, 10, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10), 'mechanism-refused'],
    ['IAKERB', kerberosToken('IAKERB, 1 of the initiator'), 'mechanism-refused'],
    ['SPNEGO within SPNEGO', init([MechType.NTLMSSP], type1()), 'mechanism-refused'],
    ['noise', new Uint8Array(40).fill(7), 'malformed'],
  ])('never: %s', async (_, mechToken, reason) => {
    const { seen, acceptor } = taking(ALICE);
    expect(await acceptor.accept(init([MechType.KERBEROS, MechType.NTLMSSP], mechToken))).toMatchObject({ state: 'refused', reason, mechanism: 'Kerberos' });
    expect(seen).toEqual([]);
  });

  test.each([
    ['raw', () => type1()],
    ['within SPNEGO', () => init([MechType.NTLMSSP], type1())],
    ['liked better than Kerberos', () => init([MechType.NTLMSSP, MechType.KERBEROS], type1())],
  ])('NTLM stays ours: %s', async (_, token) => {
    const { seen, acceptor } = taking(ALICE);
    expect(await acceptor.accept(token())).toMatchObject({ state: 'continue' });
    expect(acceptor.state).toBe('challenged');
    expect(seen).toEqual([]);
  });

  test('a ticket in the midst of NTLM is no response', async () => {
    const { seen, acceptor } = taking(ALICE);
    await acceptor.accept(type1());
    expect(await acceptor.accept(TICKET)).toMatchObject({ state: 'refused', reason: 'malformed', mechanism: 'NTLM' });
    expect(seen).toEqual([]);
  });

  test('nobody takes it: NTLM is asked for, as before', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    expect(answerOf(await acceptor.accept(init([MechType.KERBEROS, MechType.NTLMSSP])))).toMatchObject({ negState: 'request-mic', supportedMech: MechType.NTLMSSP });
    expect(await new SpnegoAcceptor({ credentials }).accept(TICKET)).toMatchObject({ state: 'refused', reason: 'mechanism-refused' });
  });
});

describe('what becomes of its answers', () => {
  test('a ticket that is refused is the client\'s, and said to it by reject', async () => {
    const step = await taking(refusal('peer')).acceptor.accept(init([MechType.KERBEROS]));
    expect(step).toMatchObject({ state: 'refused', reason: 'ticket-refused', mechanism: 'Kerberos', identity: undefined });
    expect(answerOf(step)).toEqual({ type: 'resp', negState: 'reject' });
  });

  test.each([
    ['its own failure', refusal('local')],
    ['another error', new TypeError('broken')],
    ['no answer', () => undefined],
    ['an answer of another kind', () => ({ complete: 'yes' })],
    ['a token of another kind', () => ({ ...ALICE, token: 'text' })],
    ['nobody let in', () => ({ complete: true })],
    ['more wanted, and nothing to send', () => ({ complete: false })],
    ['no context', () => Promise.reject(new Error('late'))],
  ])('%s is this end\'s', async (_, step) => {
    await expect(taking(step).acceptor.accept(init([MechType.KERBEROS]))).rejects.toMatchObject({ code: 'service-failed', side: 'local' });
  });

  test('one that hangs is let go by reset, and told so', async () => {
    let aborted = false;
    const kerberos: KerberosAcceptor = { binds: false, begin: (_, signal) => new Promise(() => signal.addEventListener('abort', () => (aborted = true))) };
    const acceptor = new SpnegoAcceptor({ credentials, kerberos });
    const step = acceptor.accept(init([MechType.KERBEROS]));
    acceptor.reset();
    await expect(step).rejects.toMatchObject({ code: 'aborted' });
    expect(aborted).toBe(true);
  });

  test('one that is not there', async () => {
    const kerberos = { binds: false, begin: () => 7 as never };
    await expect(new SpnegoAcceptor({ credentials, kerberos }).accept(init([MechType.KERBEROS]))).rejects.toMatchObject({ code: 'service-failed' });
  });

  test.each([
    ['alice@CASTLE.EXAMPLE', 'alice', 'CASTLE.EXAMPLE'],
    ['HTTP/keep.castle.example@CASTLE.EXAMPLE', 'HTTP/keep.castle.example', 'CASTLE.EXAMPLE'],
    ['odd\\@name@CASTLE.EXAMPLE', 'odd\\@name', 'CASTLE.EXAMPLE'],
    ['nobody', 'nobody', ''],
  ])('who %s is', async (principal, username, domain) => {
    expect(await taking({ ...ALICE, principal }).acceptor.accept(TICKET)).toMatchObject({ result: { principal, identity: { username, domain, workstation: '' } } });
  });
});

describe('bindings', () => {
  const channelBindings = { hash: new Uint8Array(16).fill(1) };

  test('are asked for and not looked at: refused where it is made', () => {
    const make = (kerberos: KerberosAcceptor) => new SpnegoAcceptor({ credentials, channelBindings, kerberos });
    const begin = (): never => undefined as never;
    expect(thrown(() => make({ binds: false, begin }))).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('"kerberos"') });
    expect(() => make({ binds: false, unbound: true, begin })).not.toThrow();
    expect(() => make({ binds: true, begin })).not.toThrow();
  });

  test('come to who looks at them, and the verdict says so', async () => {
    const seen: unknown[] = [];
    const kerberos: KerberosAcceptor = { binds: true, begin: (request) => (seen.push(request), { step: () => ALICE }) };
    expect(await new SpnegoAcceptor({ credentials, channelBindings, kerberos }).accept(TICKET)).toMatchObject({ result: { channelBindings: true } });
    expect(seen).toEqual([{ channelBindings }]);
  });
});

describe('what is told of a token', () => {
  test.each(kerberosNames)('"%s": what is in the clear, and nothing of what is sealed', (name) => {
    const token = kerberosToken(name);
    const wrapped = token[0] === 0x05 ? encodeNegTokenResp({ responseToken: token }) : token; // of IAKERB the first alone has a frame
    const masked = maskToken(wrapped);
    expect(masked).toHaveLength(wrapped.length);
    const [whole, told] = [wrapped, masked].map((each) => decodeToken(each));
    expect(told!.kerberos).toEqual(whole!.kerberos);
    expect(told!.kerberos).toBeDefined();
    const sealed = told!.fields.filter(({ name: each }) => /(?:cipher|padata|e-data)$/.test(each));
    expect(sealed.every(({ hex }) => /^(?:00)*$/.test(hex))).toBe(true);
  });

  test('a ticket that cannot be read is its frame and zeros', () => {
    const broken = TICKET.slice();
    broken[19] = 0xff;
    const masked = maskToken(broken);
    expect(masked.subarray(0, 15)).toEqual(broken.subarray(0, 15));
    expect(masked.subarray(15).every((byte) => byte === 0)).toBe(true);
  });
});
