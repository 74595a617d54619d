/** One loop for every mechanism: what `step` makes of a server's tokens, and of its silence. */
import { describe, expect, it } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { NtlmClient, type NtlmClientOptions, type NtlmStep } from '../../src/index.ts';
import { decodeNegTokenInit, encodeNegTokenResp, MechType, SpnegoAcceptor } from '../../src/spnego/index.ts';
import { challengeToken } from '../support/handshake.ts';
import { thrown } from '../support/thrown.ts';
import { ScriptedAcceptor, credentials, finalToken } from '../spnego/support.ts';

const clientOf = (options: Partial<NtlmClientOptions> = {}): NtlmClient => new NtlmClient({ credentials, ...options });
const NOTHING = new Uint8Array(0);

/** A server that answers token by token; `undefined` once it says so in its own protocol's words. */
type Server = (token: Uint8Array) => Promise<Uint8Array | undefined>;

/** What a carrier does, and all it knows. */
async function carry(client: NtlmClient, server: Server, spokeFirst?: Uint8Array): Promise<NtlmStep[]> {
  const steps: NtlmStep[] = [];
  let step = client.step(spokeFirst);
  steps.push(step);
  while (step.token !== undefined) {
    step = client.step(await server(step.token));
    steps.push(step);
  }
  return steps;
}

const shapeOf = (steps: readonly NtlmStep[]) => steps.map(({ token, done }) => [token !== undefined, done]);

function rawServer(): Server {
  const acceptor = new NtlmAcceptor({ credentials });
  return async (token) => {
    if (acceptor.state === 'listening') return acceptor.challenge(token);
    const result = await acceptor.authenticate(token);
    if (!result.ok) throw result.error;
    return undefined;
  };
}

function spnegoServer(acceptor = new SpnegoAcceptor({ credentials })): Server {
  return async (token) => {
    const step = await acceptor.accept(token);
    if (step.state === 'refused') throw step.error;
    return step.token;
  };
}

describe('one loop', () => {
  it.each(['none', 'sign', 'seal'] as const)('carries NTLM with sessionSecurity %s', async (sessionSecurity) => {
    const client = clientOf({ sessionSecurity });
    expect(shapeOf(await carry(client, rawServer()))).toEqual([[true, false], [true, true], [false, true]]);
    expect(client.state).toBe('authenticated');
  });

  it.each(['none', 'offer', 'seal'] as const)('carries SPNEGO with sessionSecurity %s', async (sessionSecurity) => {
    const client = clientOf({ spnego: true, sessionSecurity });
    expect(shapeOf(await carry(client, spnegoServer()))).toEqual([[true, false], [true, false], [false, true]]);
    expect(client.state).toBe('authenticated');
  });

  it('carries SPNEGO to a server that spoke first', async () => {
    const acceptor = new SpnegoAcceptor({ credentials });
    const client = clientOf({ spnego: true });
    await carry(client, spnegoServer(acceptor), acceptor.hint());
    expect([client.state, acceptor.state]).toEqual(['authenticated', 'accepted']);
  });

  it('answers accept-incomplete once more', async () => {
    const client = clientOf({ spnego: true });
    const acceptor = new ScriptedAcceptor();
    acceptor.init = decodeNegTokenInit(client.step().token!) as never;
    const response = client.step(acceptor.reply());
    expect(response.done).toBe(false);
    acceptor.verifyResponse(response.token!);
    const more = client.step(finalToken({ negState: 'accept-incomplete', mechListMIC: acceptor.sign() }));
    expect([more.token !== undefined, more.done]).toEqual([true, false]);
    expect(client.step(finalToken())).toEqual({ token: undefined, done: true });
    expect(client.state).toBe('authenticated');
  });

  it.each([
    ['nothing', undefined],
    ['no bytes', NOTHING],
  ])('takes %s after the response for an end, with SPNEGO and without', (_, silence) => {
    for (const spnego of [false, true]) {
      const client = clientOf({ spnego });
      client.step(silence);
      client.step(spnego ? new ScriptedAcceptor().reply() : challengeToken());
      expect(client.step(silence)).toEqual({ token: undefined, done: true });
      expect(client.state).toBe('authenticated');
    }
  });

  it('is done with the response where the server leaves SPNEGO out', () => {
    const client = clientOf({ spnego: true });
    client.step();
    expect(client.step(challengeToken())).toMatchObject({ token: expect.any(Uint8Array), done: true });
    expect(client.step()).toEqual({ token: undefined, done: true });
  });

  it('begins with a challenge where there is no negotiate', () => {
    const client = clientOf({ connectionless: true });
    expect(client.step(challengeToken())).toMatchObject({ token: expect.any(Uint8Array), done: true });
  });

  it('begins anew after a reset', async () => {
    const client = clientOf();
    await carry(client, rawServer());
    client.reset();
    await carry(client, rawServer());
    expect(client.state).toBe('authenticated');
  });
});

describe('a step that does not fit changes nothing', () => {
  it.each([
    ['a server that answers without a challenge', false, []],
    ['one that does so with SPNEGO', true, []],
    ['a token after the response', false, [challengeToken()]],
    ['a token after the response of one that left SPNEGO out', true, [challengeToken()]],
  ] as const)('%s', (_, spnego, before) => {
    const client = clientOf({ spnego });
    client.step();
    for (const token of before) client.step(token);
    const { state } = client;
    const token = before.length === 0 ? NOTHING : challengeToken();
    expect(thrown(() => client.step(token))).toMatchObject({ code: 'malformed-token', side: 'peer' });
    expect(client.state).toBe(state);
  });

  it('a step too many', async () => {
    const client = clientOf();
    await carry(client, rawServer());
    for (const token of [undefined, NOTHING, challengeToken()]) {
      expect(thrown(() => client.step(token))).toMatchObject({ code: 'unexpected-call', side: 'local' });
    }
    expect(client.state).toBe('authenticated');
  });

  it('a token before the first one, unless it may come', () => {
    expect(thrown(() => clientOf().step(challengeToken()))).toMatchObject({ code: 'unexpected-call', side: 'local' });
  });

  it('something that is no bytes', () => {
    const client = clientOf();
    expect(thrown(() => client.step('TlRMTVNTUAA=' as never))).toMatchObject({ code: 'invalid-argument' });
    expect(client.state).toBe('idle');
  });
});

describe('a refusal', () => {
  it('by the mechanism is thrown, and the client failed', () => {
    const client = clientOf({ spnego: true });
    client.step();
    client.step(new ScriptedAcceptor().reply());
    const refusal = encodeNegTokenResp({ negState: 'reject', supportedMech: MechType.NTLMSSP });
    expect(thrown(() => client.step(refusal))).toMatchObject({ code: 'credentials-refused', side: 'peer' });
    expect(client.state).toBe('failed');
    expect(thrown(() => client.step())).toMatchObject({ code: 'unexpected-call' });
  });

  it('by us is thrown, and the client failed', () => {
    const client = clientOf({ sessionSecurity: 'seal' });
    client.step();
    expect(thrown(() => client.step(challengeToken({ flags: 0x80201 })))).toMatchObject({ side: 'peer' });
    expect(client.state).toBe('failed');
  });
});
