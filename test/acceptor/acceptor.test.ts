/** The server's end: every state and event, every reason to refuse. */
import { credentialsWithLmHash, lm as lmPolicy, lmAndNtlmv1, ntlm2Session, ntlmv1 } from '../../src/legacy/index.ts';
import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { NtlmAcceptor, acceptorMachine, verifyAuthenticate, type AcceptorOptions } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, NtlmError, type NtlmOptions } from '../../src/index.ts';
import { NegotiateFlags as F, decodeAuthenticate, decodeChallenge, decodeNegotiate, describeTargetInfo, encodeAuthenticate, encodeNegotiate } from '../../src/messages/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import { overwrittenBy } from '../support/overwritten.ts';
import { davenport, ntlmV2 } from '../vectors/ms-nlmp.ts';

const alice = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
const channel = { hash: new Uint8Array(16).fill(0xc4) };
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

async function meet(acceptorOptions: Partial<AcceptorOptions> = {}, clientOptions: Partial<NtlmOptions> = {}) {
  const acceptor = new NtlmAcceptor({ credentials: alice, ...acceptorOptions });
  const client = new NtlmClient({ credentials: alice, ...clientOptions });
  const negotiate = client.negotiate();
  const challenge = acceptor.challenge(negotiate);
  const authenticate = client.respond(challenge);
  return { acceptor, client, negotiate, challenge, authenticate, verdict: await acceptor.authenticate(authenticate) };
}

describe('the reasons to refuse', () => {
  it.each<[string, Partial<AcceptorOptions>, Partial<NtlmOptions>]>([
    ['unknown-user', { credentials: () => undefined }, {}],
    ['wrong-credentials', { credentials: Credentials.fromPassword({ username: 'bob', password: 'drawbridge' }) }, {}],
    ['anonymous-refused', {}, { credentials: Credentials.anonymous() }],
    ['response-refused', {}, { policy: ntlm2Session }],
    ['response-refused', { policy: ntlm2Session }, { policy: ntlmv1 }],
    ['mic-missing', { timestamp: false, requireMic: true }, {}],
    ['channel-bindings-missing', { channelBindings: channel, requireChannelBindings: true }, {}],
    ['channel-bindings-mismatch', { channelBindings: channel }, { channelBindings: { hash: new Uint8Array(16) } }],
  ])('%s', async (reason, acceptorOptions, clientOptions) => {
    const { acceptor, verdict } = await meet(acceptorOptions, clientOptions);
    expect(verdict).toMatchObject({ ok: false, reason, error: { code: 'verification-failed', side: 'peer' } });
    expect(acceptor.state).toBe('refused');
    expect(acceptor.sessionKey).toBeUndefined();
    expect(acceptor.identity).toBeUndefined();
  });

  it.each<[string, Partial<AcceptorOptions>, Partial<NtlmOptions>, boolean]>([
    ['compared', { channelBindings: channel }, { channelBindings: channel }, true],
    ['not stated by the client', { channelBindings: channel }, {}, false],
    ['stated, and compared with nothing', {}, { channelBindings: channel }, false],
  ])('what a verdict says of bindings that were %s', async (_, acceptorOptions, clientOptions, channelBindings) => {
    expect((await meet(acceptorOptions, clientOptions)).verdict).toMatchObject({ ok: true, channelBindings });
  });

  it('malformed, with the offset where it stopped', async () => {
    const acceptor = new NtlmAcceptor({ credentials: alice });
    acceptor.challenge(new NtlmClient({ credentials: alice }).negotiate());
    const verdict = await acceptor.authenticate(unhex('4e544c4d5353500003000000'));
    expect(verdict).toMatchObject({ ok: false, reason: 'malformed', error: { code: 'truncated', offset: 12, side: 'peer' } });
  });

  it('a MIC that is announced and cut out of the message', async () => {
    const { negotiate, challenge, authenticate } = await meet();
    const cut = encodeAuthenticate({ ...decodeAuthenticate(authenticate), mic: undefined });
    const verdict = verifyAuthenticate({ negotiate, challenge, authenticate: cut, credentials: alice });
    expect(verdict).toMatchObject({ ok: false, reason: 'mic-missing' });
  });

  it('another challenge than the one answered, and another negotiate than the one the MIC covers', async () => {
    const { negotiate, challenge, authenticate } = await meet();
    const other = await meet();
    const verify = (changes: object) =>
      verifyAuthenticate({ negotiate, challenge, authenticate, credentials: alice, ...changes });
    expect(verify({}).ok).toBe(true);
    expect(verify({ challenge: other.challenge })).toMatchObject({ ok: false, reason: 'wrong-credentials' });
    expect(verify({ negotiate: undefined })).toMatchObject({ ok: false, reason: 'mic-mismatch' });
  });
});

describe('DATAGRAM, which nobody asks for over a connection', () => {
  const flagsAt = { negotiate: 12, challenge: 20, authenticate: 60 };
  /** Sets the bit in the messages named, as somebody on the wire can. */
  const flip = (token: Uint8Array, at: number, wanted: boolean): Uint8Array => {
    const flipped = Uint8Array.from(token);
    if (wanted) flipped[at]! |= F.NEGOTIATE_DATAGRAM;
    return flipped;
  };
  const messages = ['negotiate', 'challenge', 'authenticate'] as const;
  const choices = Array.from({ length: 8 }, (_, bits) => messages.filter((_message, i) => bits & (1 << i)));
  const rows = choices.flatMap((where) =>
    (['sign', 'seal', 'offer'] as const).flatMap((sessionSecurity) =>
      [true, false].flatMap((timestamp) => [true, false].map((connectionless) => ({ where, sessionSecurity, timestamp, connectionless }))),
    ),
  );

  it.each(rows)('set in $where, $sessionSecurity, timestamp $timestamp, connectionless $connectionless', async ({ where, timestamp, ...options }) => {
    const client = new NtlmClient({ credentials: alice, ...options });
    const acceptor = new NtlmAcceptor({ credentials: alice, timestamp });
    const negotiate = client.negotiate();
    const challenge = acceptor.challenge(flip(negotiate, flagsAt.negotiate, where.includes('negotiate')));
    const answer = client.respond(flip(challenge, flagsAt.challenge, where.includes('challenge')));
    expect(client.negotiateFlags! & F.NEGOTIATE_DATAGRAM).toBe(0);
    const verdict = await acceptor.authenticate(flip(answer, flagsAt.authenticate, where.includes('authenticate')));
    expect(verdict.ok).toBe(where.length === 0 || !timestamp);
    if (!verdict.ok) return expect(verdict.reason).toBe('mic-mismatch');
    expect(verdict.negotiateFlags & F.NEGOTIATE_DATAGRAM).toBe(0);
    const sender = NtlmSession.fromClient(client);
    const receiver = NtlmSession.fromHandshake({ ...verdict, side: 'server' });
    const [first, second] = [sender.sign(Uint8Array.of(1)), sender.sign(Uint8Array.of(2))];
    if (where.length === 0) receiver.verify(Uint8Array.of(1), first); // and in its order
    else expect(() => receiver.verify(Uint8Array.of(2), second)).toThrow(NtlmError);
  });

  it('is granted to no type 1, and counts in a type 3 only where the challenge had it', () => {
    const client = new NtlmClient({ credentials: alice, sessionSecurity: 'seal', connectionless: true });
    const asked = flip(new NtlmClient({ credentials: alice }).negotiate(), flagsAt.negotiate, true);
    const granted = new NtlmAcceptor({ credentials: alice, timestamp: false }).challenge(asked);
    expect(decodeChallenge(granted).negotiateFlags & F.NEGOTIATE_DATAGRAM).toBe(0);
    const negotiate = encodeNegotiate({ ...decodeNegotiate(client.negotiate()), version: undefined });
    const challenge = flip(new NtlmAcceptor({ credentials: alice, timestamp: false }).challenge(negotiate), flagsAt.challenge, true);
    client.reset();
    const authenticate = client.respond(challenge); // no type 1 before it: connectionless, as the caller asked
    expect(client.negotiateFlags! & F.NEGOTIATE_DATAGRAM).toBe(F.NEGOTIATE_DATAGRAM);
    const verdict = verifyAuthenticate({ challenge, authenticate, credentials: alice });
    expect(verdict.ok && verdict.negotiateFlags & F.NEGOTIATE_DATAGRAM).toBe(F.NEGOTIATE_DATAGRAM);
  });
});

describe('the keys of a handshake', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const lmAlice = credentialsWithLmHash({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
  const endsOf = (options: Partial<NtlmOptions>, demands: Partial<AcceptorOptions>) => {
    const client = new NtlmClient({ credentials: lmAlice, ...options });
    const acceptor = new NtlmAcceptor({ credentials: lmAlice, ...demands });
    const challenge = acceptor.challenge(client.negotiate());
    const authenticate = client.respond(challenge);
    return { challenge, authenticate, key: hex(client.sessionKey!.bytes()) };
  };

  it.each<[string, Partial<NtlmOptions>, number]>([
    ['NTLMv2 with a key exchange', { sessionSecurity: 'seal' }, 1],
    ['NTLMv2 without one', {}, 2],
    ['NTLM2 session', { policy: ntlm2Session, sessionSecurity: 'seal' }, 1],
    ['NTLMv1 without a key exchange', { policy: ntlmv1 }, 3],
    ['the anonymous user', { credentials: Credentials.anonymous(), sessionSecurity: 'sign' }, 1],
  ])('%s: every copy but the handle is overwritten, the verdict right or wrong', (_, options, copies) => {
    const input = { policy: lmPolicy, timestamp: false, anonymous: true } as const;
    const { challenge, authenticate, key } = endsOf(options, input);
    const verify = (demands: object) => () =>
      verifyAuthenticate({ ...input, challenge, authenticate, credentials: lmAlice, ...demands });
    let verdict: ReturnType<typeof verifyAuthenticate> | undefined;
    const overwritten = overwrittenBy(() => void (verdict = verify({})()));
    const ofKey = overwritten.filter(({ before }) => before === key);
    expect([ofKey.length, ofKey.every(({ now }) => /^0+$/.test(now()))]).toEqual([copies, true]);
    expect(verdict?.ok && hex(verdict.sessionKey.bytes())).toBe(key);
    const refused = overwrittenBy(() => expect(verify({ requireMic: true })()).toMatchObject({ reason: 'mic-missing' }));
    expect(refused.filter(({ before }) => before === key)).toHaveLength(copies);
  });
});

describe('the printed messages of others', () => {
  it('MS-NLMP 4.2.4 is right for its password and wrong for another', () => {
    const input = { challenge: unhex(ntlmV2.challengeMessage), authenticate: unhex(ntlmV2.authenticateMessage) };
    const user = { username: 'User', domain: 'Domain' };
    const right = verifyAuthenticate({ ...input, credentials: Credentials.fromPassword({ ...user, password: 'Password' }) });
    expect(right).toMatchObject({ ok: true, response: 'ntlmv2', mic: false, identity: { workstation: 'COMPUTER' } });
    if (right.ok) expect(Buffer.from(right.sessionKey.bytes()).toString('hex')).toBe('55'.repeat(16));
    const wrong = verifyAuthenticate({ ...input, credentials: Credentials.fromPassword({ ...user, password: 'password' }) });
    expect(wrong).toMatchObject({ ok: false, reason: 'wrong-credentials' });
  });

  it("davenport's LM and NTLM responses are right where the policy takes them, and only there", () => {
    const input = {
      challenge: unhex(davenport.type2Sample),
      credentials: credentialsWithLmHash({ username: 'user', domain: 'DOMAIN', password: 'SecREt01' }),
    };
    const both = unhex(davenport.type3.lmAndNtlm);
    const lm = unhex(davenport.type3.lmOnly);
    expect(verifyAuthenticate({ ...input, authenticate: both, policy: lmAndNtlmv1 })).toMatchObject({ ok: true });
    expect(verifyAuthenticate({ ...input, authenticate: lm, policy: lmPolicy })).toMatchObject({ ok: true, response: 'lm' });
    expect(verifyAuthenticate({ ...input, authenticate: lm, policy: lmAndNtlmv1 })).toMatchObject({
      ok: false,
      reason: 'response-refused',
    });
  });
});

describe('the calls', () => {
  it('take the anonymous user where told to', async () => {
    const { verdict } = await meet({ anonymous: true }, { credentials: Credentials.anonymous() });
    expect(verdict).toMatchObject({ ok: true, response: 'anonymous', identity: { username: '', domain: '' } });
  });

  it('find credentials by the name that the message claims, also later', async () => {
    const claimed: unknown[] = [];
    const { verdict } = await meet(
      { credentials: async (identity) => (claimed.push(identity), alice) },
      { workstation: 'GATEHOUSE' },
    );
    expect(verdict.ok).toBe(true);
    expect(claimed).toEqual([{ username: 'alice', domain: 'CASTLE', workstation: 'GATEHOUSE' }]);
  });

  it('report a lookup that fails as a service that failed, with its cause', async () => {
    const cause = new Error('directory is down');
    const acceptor = new NtlmAcceptor({ credentials: () => Promise.reject(cause) });
    const client = new NtlmClient({ credentials: alice });
    const type3 = client.respond(acceptor.challenge(client.negotiate()));
    await expect(acceptor.authenticate(type3)).rejects.toMatchObject({ code: 'service-failed', side: 'local', cause });
    expect(acceptor.state).toBe('refused');
  });

  it('say of a clock that fails that it failed at the challenge', () => {
    const cause = new Error('no clock');
    const acceptor = new NtlmAcceptor({
      credentials: alice,
      now: () => {
        throw cause;
      },
    });
    const attempt = () => acceptor.challenge(new NtlmClient({ credentials: alice }).negotiate());
    expect(attempt).toThrow(expect.objectContaining({ code: 'service-failed', phase: 'negotiate', cause }));
  });

  it('refuse what their state does not know, and change nothing', async () => {
    const { acceptor, authenticate } = await meet();
    const before = acceptor.actor.getSnapshot();
    const refusal = { code: 'unexpected-call', phase: 'authenticate', message: expect.stringContaining('authenticate()') };
    await expect(acceptor.authenticate(authenticate)).rejects.toMatchObject(refusal);
    expect(() => acceptor.challenge(new Uint8Array(40))).toThrow(expect.objectContaining({ code: 'unexpected-call' }));
    expect(acceptor.actor.getSnapshot().value).toEqual(before.value);
    expect(acceptor.actor.getSnapshot().context).toEqual(before.context);
  });

  it('draw a fresh challenge after a reset, and wipe the last session key', async () => {
    const { acceptor, challenge, client } = await meet();
    const { sessionKey } = acceptor;
    expect(sessionKey?.wiped).toBe(false);
    acceptor.reset();
    expect(acceptor.state).toBe('listening');
    expect(sessionKey?.wiped).toBe(true);
    client.reset();
    expect([...acceptor.challenge(client.negotiate())]).not.toEqual([...challenge]);
  });

  it('end a verdict that a reset overtakes', async () => {
    const acceptor = new NtlmAcceptor({ credentials: () => new Promise(() => {}) });
    const client = new NtlmClient({ credentials: alice });
    const pending = acceptor.authenticate(client.respond(acceptor.challenge(client.negotiate())));
    acceptor.reset();
    await expect(pending).rejects.toMatchObject({ code: 'aborted' });
  });

  it('refuse a malformed type 1 with a typed error', () => {
    const acceptor = new NtlmAcceptor({ credentials: alice });
    expect(() => acceptor.challenge(unhex('4e544c4d53535000'))).toThrow(NtlmError);
    expect(acceptor.state).toBe('refused');
  });

  it.each<[string, object]>([
    ['credentials', { credentials: 'alice' }],
    ['policy', { credentials: alice, policy: 'best' }],
    ['channelBindings', { credentials: alice, channelBindings: { hash: new Uint8Array(4) } }],
    ['requireChannelBindings', { credentials: alice, requireChannelBindings: true }],
    ['target', { credentials: alice, target: 'SERVER' }],
    ['target.nbComputerName', { credentials: alice, target: { nbDomainName: 'CASTLE' } }],
    ['target.nbDomainName', { credentials: alice, target: { nbComputerName: 'KEEP', nbDomainName: 7 } }],
    ['target.dnsComputerName', { credentials: alice, target: { nbDomainName: 'CASTLE', nbComputerName: 'KEEP', dnsComputerName: 7 } }],
  ])('name the option that cannot be used: %s', (name, options) => {
    expect(() => new NtlmAcceptor(options as AcceptorOptions)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining(`"${name}"`) }),
    );
  });
});

describe('the machine', () => {
  it('emits each challenge it makes', () => {
    const actor = createActor(acceptorMachine, { input: { credentials: alice } });
    const tokens: Uint8Array[] = [];
    actor.on('token', ({ token }) => tokens.push(token));
    actor.start();
    actor.send({ type: 'negotiate', token: new NtlmClient({ credentials: alice }).negotiate() });
    expect(actor.getSnapshot().hasTag('awaiting-client')).toBe(true);
    expect(tokens).toEqual([actor.getSnapshot().context.challengeToken]);
  });
});

describe('what is said and kept of a handshake', () => {
  it('each reason in words, and nothing of a key in a refusal', async () => {
    const { negotiate, challenge, authenticate } = await meet();
    const message = decodeAuthenticate(authenticate);
    const short = encodeAuthenticate({
      ...message,
      negotiateFlags: (message.negotiateFlags | F.NEGOTIATE_KEY_EXCH) >>> 0,
      encryptedRandomSessionKey: new Uint8Array(8),
    });
    const verify = (changes: object) => verifyAuthenticate({ negotiate, challenge, authenticate, credentials: alice, ...changes });
    const identity = { username: 'alice', domain: 'CASTLE', workstation: '' };
    for (const [changes, reason, code, message] of [
      [{ negotiate: undefined }, 'mic-mismatch', 'verification-failed', 'the messages were altered on their way'],
      [{ authenticate: short }, 'malformed', 'malformed-token', 'KEY_EXCH without a session key of 16 bytes'],
      [{ credentials: undefined }, 'unknown-user', 'verification-failed', 'nobody of that name is known'],
    ] as const) {
      const verdict = verify(changes);
      expect(verdict).toEqual({ ok: false, reason, error: expect.any(NtlmError) as NtlmError, identity });
      expect(verdict).toMatchObject({ error: { code, phase: 'authenticate', side: 'peer', message } });
    }
  });

  it('the names of a server that gives none of its own', () => {
    const challenge = new NtlmAcceptor({ credentials: alice }).challenge(new NtlmClient({ credentials: alice }).negotiate());
    expect(describeTargetInfo(decodeChallenge(challenge).targetInfo!)).toMatchObject({ nbDomainName: 'WORKGROUP', nbComputerName: 'SERVER' });
  });

  it('what is handed out is a copy: who writes into it changes no verdict', async () => {
    const acceptor = new NtlmAcceptor({ credentials: alice });
    const client = new NtlmClient({ credentials: alice });
    const challenge = acceptor.challenge(client.negotiate());
    const authenticate = client.respond(challenge);
    challenge.fill(0);
    expect((await acceptor.authenticate(authenticate)).ok).toBe(true);
    expect(acceptor.sessionKey?.bytes()).toEqual(client.sessionKey?.bytes());
    expect(acceptor.identity?.username).toBe('alice');
  });

  it('who calls out of turn, or with what is no message, hears where', async () => {
    const acceptor = new NtlmAcceptor({ credentials: alice });
    const negotiate = new NtlmClient({ credentials: alice }).negotiate();
    expect(() => acceptor.challenge('x' as never)).toThrow(expect.objectContaining({ code: 'invalid-argument', phase: 'negotiate' }));
    await expect(acceptor.authenticate(negotiate)).rejects.toMatchObject({
      code: 'unexpected-call',
      phase: 'authenticate',
      message: 'authenticate() has no meaning in state "listening"; nothing changed',
    });
    acceptor.challenge(negotiate);
    const again = { code: 'unexpected-call', phase: 'negotiate', message: 'challenge() has no meaning in state "challenged"; nothing changed' };
    expect(() => acceptor.challenge(negotiate)).toThrow(expect.objectContaining(again));
    const other = new NtlmAcceptor({ credentials: alice });
    expect(() => other.challenge(negotiate.subarray(0, 14))).toThrow(expect.objectContaining({ code: 'truncated', side: 'peer' }));
    expect(other.state).toBe('refused');
  });

  it('nobody is looked up for a client that gives no name', async () => {
    const asked: string[] = [];
    const acceptor = new NtlmAcceptor({ credentials: ({ username }) => (asked.push(username), alice) });
    const client = new NtlmClient({ credentials: alice });
    const message = decodeAuthenticate(client.respond(acceptor.challenge(client.negotiate())));
    const verdict = await acceptor.authenticate(encodeAuthenticate({ ...message, userName: '' }));
    expect(verdict).toMatchObject({ ok: false, reason: 'unknown-user', identity: { username: '' } });
    expect(asked).toEqual([]);
  });

  it.each([{}, { hash: undefined }, { hash: new Uint8Array(15) }])('channel bindings that are none are refused at once: %j', (channelBindings) => {
    const refused = { code: 'invalid-argument', message: '"channelBindings" must carry a "hash" of 16 bytes' };
    expect(() => new NtlmAcceptor({ credentials: alice, channelBindings: channelBindings as never })).toThrow(expect.objectContaining(refused));
  });
});
