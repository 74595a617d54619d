/** The value that the option `negotiate` takes, and what its machine does with a provider that misbehaves. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { SimulatedClock, createActor, waitFor, type InspectionEvent } from 'xstate';
import { channelBindings } from '../../src/crypto/channel-bindings-sources.ts';
import { NtlmError } from '../../src/index.ts';
import { currentUser, kerberos, kerberosMachine, type KerberosContext, type KerberosInput, type KerberosOptions } from '../../src/kerberos/index.ts';
import { needle, reachable, shownIn } from '../support/deep-walk.ts';
import { thrown } from '../support/thrown.ts';
import { FIRST, LAST_WORD, USUAL, reply, standIn, type Script } from './support.ts';

const bound = channelBindings.fromApplicationData(new TextEncoder().encode('tls-server-end-point:x'));
const request = { spn: 'HTTP/intranet.corp', channelBindings: undefined, legTimeout: 1000 };

function started(options: KerberosOptions, { asks = request as { spn: string; channelBindings: typeof bound | undefined; legTimeout: number }, clock = new SimulatedClock(), inspect = (_: InspectionEvent): void => {} } = {}) {
  const actor = createActor(kerberosMachine, { input: kerberos(options).input(asks) as KerberosInput, clock, inspect }).start();
  actor.send({ type: 'negotiate' });
  return { actor, clock };
}
const failedWith = async (script: Script, options: KerberosOptions = {}): Promise<NtlmError | undefined> => {
  const { actor } = started({ provider: standIn(script), ...options });
  return (await waitFor(actor, (snapshot) => snapshot.hasTag('settled'))).context.error;
};

describe('options', () => {
  test.each<[string, KerberosOptions]>([
    ['options', null as unknown as KerberosOptions],
    ['options', 'kerberos' as unknown as KerberosOptions],
    ['spn', { spn: 'intranet' }],
    ['spn', { spn: 'HTTP/' }],
    ['spn', { spn: '/host' }],
    ['spn', { spn: 'HTTP/a/b' }],
    ['spn', { spn: 'HTTP/a b' }],
    ['spn', { spn: 1 as unknown as string }],
    ['principal', { principal: '' }],
    ['principal', { principal: 1 as unknown as string }],
    ['mutual', { mutual: 1 as unknown as boolean }],
    ['delegate', { delegate: 'no' as unknown as boolean }],
    ['unbound', { unbound: null as unknown as boolean, mutual: 'x' as unknown as boolean }],
    ['ntlm', { ntlm: 'after' as unknown as boolean }],
    ['provider', { provider: null as unknown as ReturnType<typeof standIn> }],
    ['provider', { provider: { ...standIn(), binds: 'no' as unknown as boolean } }],
    ['provider', { provider: { ...standIn(), tokens: 'ntlm' as unknown as 'krb5' } }],
    ['provider', { provider: { binds: true, tokens: 'krb5' } as unknown as ReturnType<typeof standIn> }],
    ['machine', { machine: {} as unknown as typeof kerberosMachine }],
    ['machine', { machine: null as unknown as typeof kerberosMachine }],
  ])('a wrong %s is named: %o', (name, options) => {
    const error = thrown(() => kerberos(options));
    expect(error).toBeInstanceOf(NtlmError);
    expect([(error as NtlmError).code, (error as NtlmError).phase]).toEqual(['invalid-argument', 'configure']);
    expect((error as NtlmError).message).toMatch(name === 'unbound' ? /^"mutual" must be true or false/ : new RegExp(`^"${name}" must be `));
  });

  test('what they are by default, and what the provider is told', async () => {
    const provider = standIn();
    const value = kerberos({ provider });
    expect(value).toMatchObject({ mechanism: 'Kerberos', ntlm: true, spn: undefined, machine: kerberosMachine });
    started({ provider });
    await vi.waitFor(() => expect(provider.given).toEqual([undefined]));
    expect(provider.requests).toEqual([{ spn: 'HTTP/intranet.corp', principal: undefined, mutual: true, delegate: false, channelBindings: undefined }]);
    const other = standIn({ binds: true });
    started({ provider: other, principal: 'bob@CASTLE.TEST', mutual: false, delegate: true, spn: 'HTTP/other' }, { asks: { ...request, channelBindings: bound } });
    await vi.waitFor(() => expect(other.requests).toHaveLength(1));
    expect(other.requests).toEqual([{ spn: 'HTTP/intranet.corp', principal: 'bob@CASTLE.TEST', mutual: false, delegate: true, channelBindings: bound }]);
    expect(kerberos({ spn: 'HTTP/other', ntlm: 'after-refusal' })).toMatchObject({ spn: 'HTTP/other', ntlm: 'after-refusal' });
  });

  test('who is logged on has nothing for NTLM', () => {
    expect(currentUser()).toMatchObject({ mechanism: 'Kerberos', ntlm: false });
    expect(currentUser({ spn: 'HTTP/other' }).spn).toBe('HTTP/other');
  });

  test('a service is replaced through provide()', async () => {
    const begin = kerberosMachine.implementations.actors['begin'];
    const machine = kerberosMachine.provide({ actors: { begin: begin as never } });
    expect(kerberos({ machine }).machine).toBe(machine);
  });
});

describe('a connection over TLS', () => {
  afterEach(() => vi.restoreAllMocks());
  const asks = { ...request, channelBindings: bound };

  test('a provider that binds nothing is not asked', async () => {
    const provider = standIn();
    const { actor } = started({ provider }, { asks });
    expect(actor.getSnapshot().value).toBe('failed');
    expect(actor.getSnapshot().context.error).toMatchObject({ code: 'bindings-unavailable', phase: 'kerberos', side: 'local' });
    expect(actor.getSnapshot().context.error?.message).toMatch(/unbound: true.*channelBindings: false/);
    expect(provider.requests).toEqual([]);
  });

  test('unless it may go unbound, of which is warned once', async () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (let at = 0; at < 3; at += 1) {
      const provider = standIn();
      const { actor } = started({ provider, unbound: true }, { asks });
      await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
      expect(provider.requests[0]?.channelBindings).toBeUndefined();
    }
    started({ provider: standIn({ binds: true }), unbound: true }, { asks });
    started({ provider: standIn(), unbound: true });
    expect(warnings.mock.calls).toEqual([[expect.stringMatching(/without a binding/), { type: 'NtlmWarning', code: 'bindings-unavailable' }]]);
  });
});

describe('a provider that', () => {
  const local = { code: 'service-failed', phase: 'kerberos', side: 'local' };
  const cause = new Error('broken');

  test('throws as it begins, or as it steps', async () => {
    expect(await failedWith({ begin: { error: cause } })).toMatchObject({ ...local, cause });
    expect(await failedWith({ steps: [{ error: cause }] })).toMatchObject({ ...local, cause });
    expect(await failedWith({}, { provider: { ...standIn(), begin: () => { throw cause; } } })).toMatchObject({ ...local, cause });
  });

  test('says why, is believed', async () => {
    const why = new NtlmError('none', { code: 'no-ticket', phase: 'kerberos', side: 'local' });
    expect(await failedWith({ begin: { error: why } })).toBe(why);
    expect(await failedWith({ steps: [{ error: why }] })).toBe(why);
  });

  test.each([null, undefined, 5, {}, { step: 5 }])('begins with %o', async (answer) => {
    expect(await failedWith({ begin: { answer } })).toMatchObject({ ...local, message: expect.stringMatching(/gave no context/) });
  });

  test.each([null, undefined, 5, {}, { complete: 'yes' }, { token: [1], complete: true }, { token: 'YII=', complete: false }])('steps with %o', async (answer) => {
    expect(await failedWith({ steps: [{ answer }] })).toMatchObject({ ...local, message: expect.stringMatching(/answered with no step/) });
  });

  test.each<[string, Script]>([['begins', { begin: 'hangs' }], ['steps', { steps: ['hangs'] }]])('hangs as it %s, does not outlast its leg, and is told', async (_, script) => {
    const provider = standIn(script);
    const { actor, clock } = started({ provider });
    await vi.waitFor(() => expect(provider.signals.length).toBe(script.begin === undefined ? 2 : 1));
    clock.increment(999);
    expect(actor.getSnapshot().hasTag('busy')).toBe(true);
    clock.increment(1);
    expect(actor.getSnapshot().value).toBe('failed');
    expect(actor.getSnapshot().context.error).toMatchObject({ code: 'timed-out', phase: 'kerberos', side: 'local', message: expect.stringMatching(/legTimeout/) });
    expect(provider.signals.at(-1)?.aborted).toBe(true);
  });

  test('answers twice, is heard once', async () => {
    const twice = { then: (resolve: (step: unknown) => void) => void (resolve(USUAL[0] !== 'hangs' && { token: FIRST, complete: false }), resolve({ complete: true })) };
    const provider = { ...standIn(), begin: (): KerberosContext => ({ step: () => twice as never }) };
    const { actor } = started({ provider });
    const sent: unknown[] = [];
    actor.on('token', (event) => void sent.push(event));
    await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([actor.getSnapshot().value, sent.length]).toEqual([{ stepping: 'waiting' }, 1]);
  });

  test('keeps what it handed out, changes nothing that is sent', async () => {
    const token = Uint8Array.from(FIRST);
    const { actor } = started({ provider: standIn({ tokens: 'spnego', steps: [{ answer: { token, complete: false } }] }) });
    await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
    token.fill(0);
    expect(actor.getSnapshot().context.token).toEqual(FIRST);
  });
});

test('what the server sends reaches the provider without SPNEGO, and bare where it is bare', async () => {
  for (const [token, tokens] of [[reply({ responseToken: LAST_WORD }), 'krb5'], [LAST_WORD, 'krb5'], [LAST_WORD, 'spnego']] as const) {
    const provider = standIn({ tokens });
    const { actor } = started({ provider });
    await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
    actor.send({ type: 'finish', token });
    await waitFor(actor, (snapshot) => snapshot.matches('established'));
    expect(provider.given).toEqual([undefined, LAST_WORD]);
  }
});

test('a server that answers with another mechanism is named', async () => {
  for (const [token, name] of [[reply({ supportedMech: '1.3.6.1.4.1.311.2.2.10' }), /NTLMSSP/], [new TextEncoder().encode('NTLMSSP\0\x02'), /NTLMSSP/]] as const) {
    const { actor } = started({ provider: standIn() });
    await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
    actor.send({ type: 'challenge', token });
    expect(actor.getSnapshot().context.error).toMatchObject({ code: 'mechanism-refused', phase: 'kerberos', side: 'peer', message: expect.stringMatching(name) });
  }
  const { actor } = started({ provider: standIn() });
  await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
  actor.send({ type: 'finish', token: reply({ supportedMech: '1.2.840.48018.1.2.2', responseToken: LAST_WORD }) });
  await waitFor(actor, (snapshot) => snapshot.matches('established')); // Microsoft's name of Kerberos
});

test('the canary: nothing of the provider’s context is reached by an inspector, a log or what is kept', async () => {
  const secret = Uint8Array.from({ length: 16 }, (_, at) => 0xc0 + at);
  const needles = [needle('session key', secret)];
  const heard: unknown[] = [];
  const provider = {
    ...standIn(),
    begin: (): KerberosContext & { key: Uint8Array } => {
      let steps = 0;
      return { key: secret, step: () => ({ complete: ++steps > 1, ...(steps === 1 ? { token: FIRST } : {}) }) };
    },
  };
  const { actor } = started({ provider }, { inspect: (event) => void heard.push('snapshot' in event && 'context' in event.snapshot ? event.snapshot.context : event.type) });
  await waitFor(actor, (snapshot) => snapshot.hasTag('awaiting-server'));
  const look = (): string[] => [...reachable(actor.getSnapshot().context, needles), ...shownIn(JSON.stringify(actor.getSnapshot().context), needles), ...reachable(heard, needles), ...reachable(actor.getPersistedSnapshot(), needles)];
  expect(look()).toEqual([]);
  expect(actor.getSnapshot().context.held?.toJSON()).toBe('[context]');
  const { held } = actor.getSnapshot().context;
  actor.send({ type: 'finish', token: reply({ responseToken: LAST_WORD }) });
  await waitFor(actor, (snapshot) => snapshot.matches('established'));
  expect(look()).toEqual([]);
  await expect(held!.step(undefined, new AbortController().signal)).rejects.toMatchObject({ code: 'service-failed', message: expect.stringMatching(/after its end/) });
});
