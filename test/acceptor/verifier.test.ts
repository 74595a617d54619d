/** Who verifies where no hash is at hand, and what else of a response is compared. */
import { describe, expect, it } from 'vitest';
import { NtlmAcceptor, verifyAuthenticate, type Verifier, type VerifierAnswer, type VerifierQuestion } from '../../src/acceptor/index.ts';
import { HmacMd5Key } from '../../src/crypto/hmac-md5.ts';
import { ntowfV1, ntowfV2, ntProofStr, sessionBaseKeyV2 } from '../../src/crypto/index.ts';
import { Credentials, NtlmClient, type NtlmOptions } from '../../src/index.ts';
import { lm, ntlm2Session, ntlmV1Response, ntlmv1, sessionBaseKeyV1 } from '../../src/legacy/index.ts';
import {
  AvId,
  NegotiateFlags as F,
  decodeAuthenticate,
  decodeChallenge,
  encodeAuthenticate,
  encodeChallenge,
  encodeNegotiate,
} from '../../src/messages/index.ts';

const alice = (password = 'drawbridge') => Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });

/** A directory that knows alice, and computes by the specification's words alone (MS-NLMP 3.3). */
function directory(asked: VerifierQuestion[] = []): Verifier {
  const hash = ntowfV1('drawbridge');
  return {
    verify(question) {
      asked.push(question);
      const { identity, response, challenge, ntChallengeResponse: nt } = question;
      if (identity.username !== 'alice') return { ok: false, reason: 'unknown-user' };
      if (response === 'ntlmv2') {
        const key = new HmacMd5Key(ntowfV2(hash, identity.username, identity.domain));
        const proof = ntProofStr(key, challenge, nt.subarray(16));
        if (Buffer.compare(proof, nt.subarray(0, 16)) !== 0) return { ok: false, reason: 'wrong-credentials' };
        return { ok: true, sessionBaseKey: sessionBaseKeyV2(key, proof) };
      }
      if (Buffer.compare(ntlmV1Response(hash, challenge), nt) !== 0) return { ok: false, reason: 'wrong-credentials' };
      return { ok: true, sessionBaseKey: sessionBaseKeyV1(hash) };
    },
  };
}

async function meet(credentials: Verifier, client: Partial<NtlmOptions> = {}, policy = client.policy) {
  const acceptor = new NtlmAcceptor({ credentials, policy });
  const initiator = new NtlmClient({ credentials: alice(), workstation: 'GATE', ...client });
  const authenticate = initiator.respond(acceptor.challenge(initiator.negotiate()));
  return { acceptor, initiator, verdict: () => acceptor.authenticate(authenticate) };
}

describe('a verifier', () => {
  it('is asked with the names, the challenge and the responses, and its key is the session’s', async () => {
    const asked: VerifierQuestion[] = [];
    const { acceptor, initiator, verdict } = await meet(directory(asked), { sessionSecurity: 'seal' });
    const { challenge } = { challenge: decodeChallenge(acceptor.actor.getSnapshot().context.challengeToken!) };
    expect(await verdict()).toMatchObject({ ok: true, mic: true, response: 'ntlmv2' });
    expect(asked).toMatchObject([
      { identity: { username: 'alice', domain: 'CASTLE', workstation: 'GATE' }, response: 'ntlmv2', challenge: challenge.serverChallenge },
    ]);
    expect(acceptor.sessionKey?.bytes()).toEqual(initiator.sessionKey?.bytes());
  });

  it.each([
    ['NTLM2 session', ntlm2Session],
    ['NTLMv1', ntlmv1],
  ])('of %s responses gets the challenge that they answer', async (_, policy) => {
    const { acceptor, initiator, verdict } = await meet(directory(), { policy, sessionSecurity: 'sign' });
    expect(await verdict()).toMatchObject({ ok: true, response: policy.name });
    expect(acceptor.sessionKey?.bytes()).toEqual(initiator.sessionKey?.bytes());
  });

  it('is not asked for what no policy takes, what it has no key for, and nobody', async () => {
    const asked: VerifierQuestion[] = [];
    expect(await (await meet(directory(asked), { policy: ntlmv1 }, 'ntlmv2')).verdict()).toMatchObject({ reason: 'response-refused' });
    const acceptor = new NtlmAcceptor({ credentials: directory(asked), policy: lm });
    const client = new NtlmClient({ credentials: alice(), policy: ntlmv1 });
    const message = decodeAuthenticate(client.respond(acceptor.challenge(client.negotiate())));
    const lmAlone = encodeAuthenticate({ ...message, ntChallengeResponse: new Uint8Array(0) });
    expect(await acceptor.authenticate(lmAlone)).toMatchObject({
      ok: false,
      reason: 'response-refused',
      error: { message: expect.stringContaining('of kind "lm"') },
    });
    const anonymous = await meet(directory(asked), { credentials: Credentials.anonymous() });
    expect(await anonymous.verdict()).toMatchObject({ reason: 'anonymous-refused' });
    expect(asked).toEqual([]);
  });

  it.each<[string, VerifierAnswer, object]>([
    ['unknown-user', { ok: false, reason: 'unknown-user' }, { reason: 'unknown-user' }],
    ['wrong-credentials', { ok: false, reason: 'wrong-credentials' }, { reason: 'wrong-credentials' }],
    ['account-refused', { ok: false, reason: 'account-refused', message: 'locked out' }, { reason: 'account-refused', error: { message: 'locked out' } }],
  ])('refuses: %s, and who was refused is told', async (_, answer, expected) => {
    const { verdict, acceptor } = await meet({ verify: () => answer });
    expect(await verdict()).toMatchObject({ ok: false, identity: { username: 'alice', domain: 'CASTLE' }, ...expected });
    expect(acceptor.state).toBe('refused');
  });

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a yes without a key', { ok: true }],
    ['a key of another size', { ok: true, sessionBaseKey: new Uint8Array(15) }],
    ['a key that is no bytes', { ok: true, sessionBaseKey: '00'.repeat(16) }],
    ['a no without a reason', { ok: false }],
    ['a reason that is none', { ok: false, reason: 'toString' }],
    ['a message that is no text', { ok: false, reason: 'unknown-user', message: 7 }],
    ['yes', true],
  ])('that answers %s has failed', async (_, answer) => {
    const { verdict, acceptor } = await meet({ verify: () => answer as VerifierAnswer });
    await expect(verdict()).rejects.toMatchObject({ code: 'service-failed', side: 'local' });
    expect([acceptor.state, acceptor.sessionKey]).toEqual(['refused', undefined]);
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['a word', 'verify'],
    ['an object that verifies nothing', {}],
    ['an object whose "verify" is no function', { verify: true }],
  ])('is none: %s, and that is said at once', (_, credentials) => {
    const options = { credentials } as unknown as ConstructorParameters<typeof NtlmAcceptor>[0];
    expect(() => new NtlmAcceptor(options)).toThrow(
      expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('"credentials" must be Credentials') }),
    );
  });

  it('that lies about its key is found by the MIC', async () => {
    const { verdict } = await meet({ verify: () => ({ ok: true, sessionBaseKey: new Uint8Array(16).fill(7) }) });
    expect(await verdict()).toMatchObject({ ok: false, reason: 'mic-mismatch' });
  });

  it('has its key overwritten once it was used, whatever the verdict', async () => {
    const keys = [new Uint8Array(16).fill(7), new Uint8Array(16).fill(9)];
    for (const sessionBaseKey of keys) {
      await (await meet({ verify: () => ({ ok: true, sessionBaseKey }) })).verdict();
      expect([...sessionBaseKey]).toEqual(Array(16).fill(0));
    }
  });

  it('is told when nobody waits any more, and what it then says is nobody’s', async () => {
    let question: VerifierQuestion | undefined;
    let answer: ((answer: VerifierAnswer) => void) | undefined;
    const verify = (asked: VerifierQuestion) => ((question = asked), new Promise<VerifierAnswer>((resolve) => (answer = resolve)));
    const { verdict, acceptor } = await meet({ verify });
    const pending = verdict();
    await Promise.resolve();
    acceptor.reset();
    await expect(pending).rejects.toMatchObject({ code: 'aborted' });
    expect(question?.signal.aborted).toBe(true);
    const sessionBaseKey = new Uint8Array(16).fill(7);
    answer?.({ ok: true, sessionBaseKey });
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([acceptor.state, acceptor.sessionKey]).toEqual(['listening', undefined]);
    expect([...sessionBaseKey]).toEqual(Array(16).fill(0));
  });
});

describe('the AV pairs of a response', () => {
  const tokens = (client: Partial<NtlmOptions> = {}, change: (challenge: Uint8Array) => Uint8Array = (same) => same) => {
    const acceptor = new NtlmAcceptor({
      credentials: alice(),
      target: { nbDomainName: 'CASTLE', nbComputerName: 'KEEP', dnsDomainName: 'castle.example', dnsComputerName: 'keep.castle.example' },
    });
    const initiator = new NtlmClient({ credentials: alice(), policy: 'ntlmv2-compatible', ...client });
    const negotiate = initiator.negotiate();
    const challenge = acceptor.challenge(negotiate);
    return { negotiate, challenge, authenticate: initiator.respond(change(challenge)), credentials: alice() };
  };
  const pairs = Object.entries(AvId).filter(([, id]) => id >= 1 && id <= 4 || id === 7);

  it('that came back are right, with what the client states besides', () => {
    const own = { spn: 'HTTP/keep', channelBindings: { hash: new Uint8Array(16).fill(3) } };
    expect(verifyAuthenticate(tokens(own))).toMatchObject({ ok: true });
  });

  it.each(pairs)('%s taken out of the challenge on its way is found, MIC or not', (_, id) => {
    const without = (challenge: Uint8Array) => {
      const decoded = decodeChallenge(challenge);
      return encodeChallenge({ ...decoded, targetInfo: decoded.targetInfo!.filter((pair) => pair.id !== id) });
    };
    const reason = id === AvId.MsvAvTimestamp ? 'target-info-mismatch' : 'mic-mismatch';
    expect(verifyAuthenticate(tokens({}, without))).toMatchObject({ ok: false, reason, identity: { username: 'alice' } });
  });

  it.each(pairs)('%s changed together with the timestamp taken out, so that there is no MIC, is found', (_, id) => {
    const changed = (challenge: Uint8Array) => {
      const decoded = decodeChallenge(challenge);
      const others = decoded.targetInfo!.filter((pair) => pair.id !== AvId.MsvAvTimestamp);
      return encodeChallenge({ ...decoded, targetInfo: others.map((pair) => (pair.id === id ? { id, value: Uint8Array.of(65, 0) } : pair)) });
    };
    expect(verifyAuthenticate(tokens({}, changed))).toMatchObject({ ok: false, reason: 'target-info-mismatch' });
  });
});

describe('the charset of a response', () => {
  const names = { domainName: 'CASTLE', userName: 'alicé', workstation: 'GATE' };
  const credentials = Credentials.fromPassword({ username: 'alicé', domain: 'CASTLE', password: 'drawbridge' });

  it.each([
    ['OEM granted, UNICODE claimed, as wget does', F.NEGOTIATE_OEM, F.NEGOTIATE_OEM, F.NEGOTIATE_UNICODE],
    ['OEM granted and claimed', F.NEGOTIATE_OEM, F.NEGOTIATE_OEM, F.NEGOTIATE_OEM],
    ['UNICODE granted, OEM claimed', F.NEGOTIATE_UNICODE, F.NEGOTIATE_OEM, F.NEGOTIATE_OEM],
    ['UNICODE granted and claimed', F.NEGOTIATE_UNICODE, F.NEGOTIATE_UNICODE, F.NEGOTIATE_UNICODE],
  ])('%s', (_, granted, written, claimed) => {
    const client = new NtlmClient({ credentials: alice(), unicode: granted === F.NEGOTIATE_UNICODE, policy: ntlmv1 });
    const acceptor = new NtlmAcceptor({ credentials, policy: ntlmv1 });
    client.negotiate();
    const challenge = acceptor.challenge(encodeNegotiate({ negotiateFlags: F.NEGOTIATE_NTLM | granted }));
    const message = decodeAuthenticate(client.respond(challenge));
    const charsets = F.NEGOTIATE_UNICODE | F.NEGOTIATE_OEM;
    const authenticate = encodeAuthenticate({
      ...message,
      ...names,
      version: undefined,
      mic: undefined,
      negotiateFlags: ((message.negotiateFlags & ~charsets) | written) >>> 0,
    });
    const flagsAt = 60;
    const view = new DataView(authenticate.buffer, authenticate.byteOffset);
    view.setUint32(flagsAt, ((view.getUint32(flagsAt, true) & ~charsets) | claimed) >>> 0, true);
    const verdict = verifyAuthenticate({ challenge, authenticate, credentials, policy: ntlmv1 });
    expect(verdict).toMatchObject({ ok: true, identity: { username: 'alicé', domain: 'CASTLE', workstation: 'GATE' } });
  });
});

describe('a stranger', () => {
  it('takes as long to refuse as a wrong password', () => {
    const acceptor = new NtlmAcceptor({ credentials: alice() });
    const client = new NtlmClient({ credentials: alice('wrong') });
    const negotiate = client.negotiate();
    const challenge = acceptor.challenge(negotiate);
    const input = { negotiate, challenge, authenticate: client.respond(challenge) };
    const known = alice();
    const time = (credentials: Credentials | undefined): number => {
      const before = process.hrtime.bigint();
      for (let i = 0; i < 20; i += 1) verifyAuthenticate({ ...input, credentials });
      return Number(process.hrtime.bigint() - before);
    };
    const times = { known: [] as number[], unknown: [] as number[] };
    for (let i = 0; i < 300; i += 1) {
      times.known.push(time(known)); // by turns, so that a busy machine is busy for both
      times.unknown.push(time(undefined));
    }
    const fastest = (list: number[]) => list.sort((a, b) => a - b)[Math.floor(list.length / 4)]!;
    const ratio = fastest(times.known) / fastest(times.unknown);
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1.25);
  });
});
