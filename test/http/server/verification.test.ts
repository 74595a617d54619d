/** Who verifies, what it may do wrong, and what the owner of the server is told. */
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Verifier, VerifierAnswer } from '../../../src/acceptor/index.ts';
import { createNtlmServer, type NtlmServerOptions, type NtlmServerVerdict } from '../../../src/http/index.ts';
import { Credentials, NtlmClient } from '../../../src/index.ts';
import { MechType, encodeNegTokenInit } from '../../../src/spnego/index.ts';
import { kerberosToken } from '../../vectors/kerberos.ts';
import { alice, authenticate, header, listen, openConnection, options, tokenOf, users, whoAmI } from './support.ts';
import { GET, handshake, openWire, withField } from './wire.ts';

const never = <T>(): Promise<T> => new Promise(() => {});

async function serve(given: Partial<NtlmServerOptions>) {
  const verdicts: NtlmServerVerdict[] = [];
  const server = createNtlmServer({ ...options, onVerdict: (verdict) => void verdicts.push(verdict), ...given }, whoAmI);
  return { port: await listen(server), verdicts };
}

const verifier = (verify: Verifier['verify']): Verifier => ({ verify });

describe('a verifier of a server', () => {
  it.each<[string, NtlmServerOptions['credentials'], number, object]>([
    ['that throws', verifier(() => Promise.reject(new Error('the domain controller is down'))), 500, { code: 'service-failed' }],
    ['that throws at once', verifier(() => { throw new TypeError('x'); }), 500, { code: 'service-failed' }],
    ['that throws nothing sensible', verifier(() => Promise.reject(undefined)), 500, { code: 'service-failed' }],
    ['that hangs', verifier(never), 503, { code: 'timed-out', phase: 'authenticate', side: 'local', message: 'no verdict within 80 ms' }],
    ['that answers nonsense', verifier(() => ({ ok: true }) as VerifierAnswer), 500, { code: 'service-failed' }],
    ['that lies about its key', verifier(() => ({ ok: true, sessionBaseKey: new Uint8Array(16) })), 401, { ok: false, reason: 'mic-mismatch' }],
    ['that refuses', verifier(() => ({ ok: false, reason: 'account-refused' })), 401, { ok: false, reason: 'account-refused' }],
    ['that is a function and hangs', () => never<undefined>(), 503, { code: 'timed-out' }],
    ['that is a function and throws', () => { throw new Error('x'); }, 500, { code: 'service-failed' }],
    ['that is a function and finds nonsense', () => 'alice' as unknown as Credentials, 500, { code: 'invalid-argument' }],
    ['that is a function and finds wiped credentials', () => { const wiped = alice(); wiped.wipe(); return wiped; }, 500, { code: 'credentials-missing' }],
  ])('%s is the owner’s to hear of, and the server goes on', async (_, credentials, status, verdict) => {
    let isWell = false;
    const well: NtlmServerOptions['credentials'] = () => users.get('alice');
    const ask: Verifier = {
      async verify(question) {
        const source = isWell ? well : credentials;
        if (typeof source === 'object' && 'verify' in source) return source.verify(question);
        throw new Error('not asked');
      },
    };
    const lookup: NtlmServerOptions['credentials'] = (identity) => {
      const source = isWell ? well : credentials;
      return typeof source === 'function' ? source(identity) : undefined;
    };
    const { port, verdicts } = await serve({ credentials: typeof credentials === 'function' ? lookup : ask, verifyTimeout: 80 });
    const call = openConnection(port);
    const failed = await authenticate(call, alice());
    expect([failed.status, failed.response.headers['www-authenticate']]).toEqual([status, status === 401 ? 'NTLM' : undefined]);
    expect(verdicts).toMatchObject([verdict]);
    expect((await call()).status).toBe(401);
    isWell = true;
    if (typeof credentials === 'function') expect((await authenticate(call, alice())).status).toBe(200);
  });

  it('answers all at once: a connection that waits for it holds up no other', async () => {
    const { port } = await serve({
      credentials: async ({ username }) => (await delay(username === 'alice' ? 300 : 0), users.get(username)),
    });
    const slow = authenticate(openConnection(port), alice());
    const order: string[] = [];
    await Promise.all([
      slow.then(() => order.push('alice')),
      authenticate(openConnection(port), { username: 'bob', domain: 'CASTLE', password: 'Portcullis2' }).then(() => order.push('bob')),
    ]);
    expect(order).toEqual(['bob', 'alice']);
  });
});

describe('onVerdict', () => {
  it('is told who was refused, and why', async () => {
    const { port, verdicts } = await serve({});
    await authenticate(openConnection(port), alice('wrong'));
    await authenticate(openConnection(port), { username: 'eve', domain: 'WOOD', password: 'x' });
    expect(verdicts).toMatchObject([
      { ok: false, reason: 'wrong-credentials', identity: { username: 'alice', domain: 'CASTLE' } },
      { ok: false, reason: 'unknown-user', identity: { username: 'eve', domain: 'WOOD' } },
    ]);
  });

  it.each(['NTLM', 'Negotiate'])('has the session key in hand, and nobody has it afterwards: %s', async (scheme) => {
    const seen: { wiped: boolean; length: number }[] = [];
    const keys: { readonly wiped: boolean }[] = [];
    const { port } = await serve({
      schemes: ['Negotiate', 'NTLM'],
      onVerdict: (verdict) => {
        if (!('ok' in verdict && verdict.ok && verdict.mechanism === 'NTLM')) return;
        seen.push({ wiped: verdict.sessionKey.wiped, length: verdict.sessionKey.bytes().length });
        keys.push(verdict.sessionKey);
      },
    });
    const call = openConnection(port);
    expect((await authenticate(call, alice(), {}, scheme)).status).toBe(200);
    expect(seen).toEqual([{ wiped: false, length: 16 }]);
    expect(keys.map(({ wiped }) => wiped)).toEqual([true]);
  });

  const truncated = new NtlmClient({ credentials: alice() }).negotiate().subarray(0, 20);
  const raw = (type: number) => Uint8Array.of(...Buffer.from('NTLMSSP\0'), type, 0, 0, 0);
  const huge = Uint8Array.of(...raw(1), ...new Uint8Array(9000));
  it.each<[string, string, number, string, string]>([
    ['what is no base64', 'NTLM !!!!', 400, 'malformed', 'malformed-token'],
    ['a truncated type 1', header(truncated), 400, 'malformed', 'truncated'],
    ['a type 2', header(raw(2)), 400, 'malformed', 'malformed-token'],
    ['SPNEGO under NTLM', header(encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] })), 400, 'malformed', 'malformed-token'],
    ['SPNEGO cut short', header(encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP] }).subarray(0, 9), 'Negotiate'), 400, 'malformed', 'malformed-token'],
    ['SPNEGO without NTLM', header(encodeNegTokenInit({ mechTypes: [MechType.KERBEROS] }), 'Negotiate'), 401, 'mechanism-refused', 'mechanism-refused'],
    ['Kerberos without SPNEGO', header(kerberosToken('AP-REQ'), 'Negotiate'), 401, 'mechanism-refused', 'mechanism-refused'],
    ['a type 3 out of turn', header(raw(3)), 401, 'challenge-missing', 'verification-failed'],
    ['a type 1 of 9000 bytes', header(huge), 400, 'malformed', 'malformed-token'],
  ])('is told of %s', async (_, authorization, status, reason, code) => {
    const { port, verdicts } = await serve({ schemes: ['NTLM', 'Negotiate'] });
    const call = openConnection(port);
    expect((await call({ authorization })).status).toBe(status);
    expect(verdicts).toMatchObject([{ ok: false, reason, error: { code, side: 'peer' }, identity: undefined }]);
    expect((await authenticate(call, alice())).status).toBe(200);
  });

  it.each([
    ['what is no base64', 'NTLM !!!!', 'the token is no NTLM message'],
    ['a type 3 of 9000 bytes', header(Uint8Array.of(...raw(3), ...new Uint8Array(9000))), 'the NTLM message is longer than 8192 bytes'],
  ])('is told of %s that comes in place of a type 3', async (_, authorization, message) => {
    const { port, verdicts } = await serve({});
    const call = openConnection(port);
    await call({ authorization: header(new NtlmClient({ credentials: alice() }).negotiate()) });
    expect((await call({ authorization })).status).toBe(400);
    expect(verdicts).toMatchObject([{ ok: false, reason: 'malformed', mechanism: undefined, error: { message } }]);
    expect((await authenticate(call, alice())).status).toBe(200);
  });

  it('is told of a type 3 that was replayed on another connection', async () => {
    const { port, verdicts } = await serve({});
    const [first, second] = [openConnection(port), openConnection(port)];
    const client = new NtlmClient({ credentials: alice() });
    const negotiate = header(client.negotiate());
    const answer = header(client.respond(tokenOf(await first({ authorization: negotiate }))));
    expect((await second({ authorization: answer })).status).toBe(401);
    const missing = { code: 'verification-failed', phase: 'authenticate', side: 'peer', message: 'no challenge is open on this connection' };
    expect(verdicts).toMatchObject([{ mechanism: undefined, error: missing }]);
    await second({ authorization: negotiate });
    expect((await second({ authorization: answer })).status).toBe(401);
    expect((await first({ authorization: answer })).status).toBe(200);
    expect((await first({ authorization: answer })).status).toBe(401);
    expect(verdicts.map((verdict) => ('ok' in verdict ? verdict.ok || verdict.reason : verdict.code))).toEqual([
      'challenge-missing',
      'wrong-credentials',
      true,
      'challenge-missing',
    ]);
  });
});

describe('the limit of refusals', () => {
  const refusalLimit = { account: 3, address: 100, time: 2500 };
  const guess = async (port: number, username: string, password = 'wrong') =>
    (await authenticate(openConnection(port), { username, domain: 'CASTLE', password })).status;

  it.each(['alice', 'eve'])('of an account, known or not (%s): then nobody is asked, not for the right password either', async (username) => {
    const asked: string[] = [];
    const { port, verdicts } = await serve({
      refusalLimit,
      credentials: (identity) => (asked.push(identity.username), users.get(identity.username)),
    });
    expect([await guess(port, username), await guess(port, username), await guess(port, username)]).toEqual([401, 401, 401]);
    const last = performance.now();
    const limited = await authenticate(openConnection(port), { username: `${username.toUpperCase()}@castle`, password: 'Drawbridge1' });
    expect(limited.status).toBe(429);
    expect(limited.response.headers).toMatchObject({ 'retry-after': expect.stringMatching(/^[123]$/) as string, connection: 'close' });
    expect(asked).toHaveLength(3);
    expect(verdicts.at(-1)).toMatchObject({ ok: false, reason: 'too-many-refusals', error: { code: 'too-many-refusals' } });
    expect(await guess(port, 'bob', 'Portcullis2')).toBe(200);
    await delay(Math.max(0, 2520 - (performance.now() - last)));
    expect(await guess(port, username, 'Drawbridge1')).toBe(username === 'alice' ? 200 : 401);
  });

  it('of an address, whatever the account', async () => {
    const { port } = await serve({ refusalLimit: { account: 100, address: 4, time: 60_000 } });
    const statuses = [];
    for (const username of ['a', 'b', 'c', 'd', 'e']) statuses.push(await guess(port, username));
    expect(statuses).toEqual([401, 401, 401, 401, 429]);
    expect(await guess(port, 'alice', 'Drawbridge1')).toBe(429);
  });

  it('lets no more guesses through that are made at once', async () => {
    const asked: string[] = [];
    const { port } = await serve({
      refusalLimit: { account: 3, time: 60_000 },
      credentials: async ({ username }) => (asked.push(username), await delay(20), users.get(username)),
    });
    const statuses = await Promise.all(Array.from({ length: 12 }, () => guess(port, 'alice')));
    expect(asked).toHaveLength(3);
    expect(statuses.filter((status) => status === 401)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(9);
  });

  it('makes the right password wait for a turn and no longer', async () => {
    const { port } = await serve({
      refusalLimit: { account: 2, time: 60_000 },
      credentials: async ({ username }) => (await delay(5), users.get(username)),
    });
    const statuses = await Promise.all(Array.from({ length: 20 }, () => guess(port, 'alice', 'Drawbridge1')));
    expect(new Set(statuses)).toEqual(new Set([200]));
  });

  it('counts an account anew after a success', async () => {
    const { port } = await serve({ refusalLimit: { account: 2, time: 60_000 } });
    for (let i = 0; i < 4; i += 1) {
      expect(await guess(port, 'alice')).toBe(401);
      expect(await guess(port, 'alice', 'Drawbridge1')).toBe(200);
    }
  });

  it('forgets a guess whose client is gone, or whose verifier hangs', async () => {
    let hangs = true;
    const { port } = await serve({
      refusalLimit: { account: 1, time: 60_000 },
      verifyTimeout: 5_000,
      credentials: ({ username }) => (hangs ? never() : users.get(username)),
    });
    const gone = await openWire(port);
    const pending = handshake(gone, GET, { credentials: alice() }).catch(() => undefined);
    await delay(50);
    gone.socket.destroy();
    await pending;
    hangs = false;
    expect(await guess(port, 'alice', 'Drawbridge1')).toBe(200);
  });

  it('is of 10 refusals in 15 minutes where nobody says otherwise', async () => {
    const { port, verdicts } = await serve({});
    for (let i = 0; i < 10; i += 1) expect(await guess(port, 'alice')).toBe(401);
    const limited = await authenticate(openConnection(port), alice());
    expect([limited.status, limited.body, limited.response.headers.connection]).toEqual([429, 'Too Many Requests\n', 'close']);
    const tooMany = { code: 'too-many-refusals', phase: 'authenticate', side: 'local', message: 'too many passwords were refused: none is tried for a while' };
    expect(verdicts.at(-1)).toMatchObject({ ok: false, reason: 'too-many-refusals', mechanism: 'NTLM', error: tooMany, identity: { username: 'alice' } });
    expect(Number(limited.response.headers['retry-after'])).toBeGreaterThan(15 * 60 - 30);
    expect(Number(limited.response.headers['retry-after'])).toBeLessThanOrEqual(15 * 60);
  });

  it.each(['wrong-credentials', 'unknown-user', 'account-refused'] as const)('counts what a verifier refuses: %s', async (reason) => {
    let asked = 0;
    const { port } = await serve({ refusalLimit: { account: 2 }, credentials: verifier(() => ((asked += 1), { ok: false, reason })) });
    expect([await guess(port, 'alice'), await guess(port, 'alice'), await guess(port, 'alice')]).toEqual([401, 401, 429]);
    expect(asked).toBe(2);
  });

  it('does not count what says nothing of the password', async () => {
    const { port, verdicts } = await serve({ refusalLimit: { account: 1 }, credentials: verifier(() => ({ ok: true, sessionBaseKey: new Uint8Array(16) })) });
    expect([await guess(port, 'alice'), await guess(port, 'alice')]).toEqual([401, 401]);
    expect(verdicts).toMatchObject([{ reason: 'mic-mismatch' }, { reason: 'mic-mismatch' }]);
  });

  it('counts those of one user’s credentials, too', async () => {
    const { port } = await serve({ refusalLimit: { account: 1 }, credentials: alice() });
    expect([await guess(port, 'alice', 'Drawbridge1'), await guess(port, 'alice'), await guess(port, 'alice', 'Drawbridge1')]).toEqual([200, 401, 429]);
  });

  it('may be none', async () => {
    const { port } = await serve({ refusalLimit: { account: Infinity } });
    for (let i = 0; i < 11; i += 1) expect(await guess(port, 'alice')).toBe(401);
    expect(await guess(port, 'alice', 'Drawbridge1')).toBe(200);
  });

  it.each([
    ['"refusalLimit.account" must be a whole number above 0, or Infinity', { account: 0 }],
    ['"refusalLimit.account" must be a whole number above 0, or Infinity', { account: -Infinity }],
    ['"refusalLimit.address" must be a whole number above 0, or Infinity', { address: 1.5 }],
    ['"refusalLimit.time" must be milliseconds above 0', { time: -1 }],
    ['"refusalLimit.time" must be milliseconds above 0', { time: 0 }],
    ['"refusalLimit" must be an object', 3],
    ['"refusalLimit" must be an object', null],
  ])('is checked at once: %s', (sentence, refusalLimit) => {
    expect(() => createNtlmServer({ ...options, refusalLimit } as NtlmServerOptions)).toThrowError(sentence);
  });
});

describe('a header of 16 KiB', () => {
  const SIZE = 11_900;
  const length = (n: number) => (n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255]);
  const tlv = (tag: number, ...contents: Uint8Array[]) => {
    const bytes = Buffer.concat(contents);
    return Buffer.concat([Buffer.from([tag, ...length(bytes.length)]), bytes]);
  };
  const many = (bytes: number[]) => Buffer.concat(Array.from({ length: Math.floor(SIZE / bytes.length) }, () => Buffer.from(bytes)));
  const oid = tlv(6, Buffer.from([0x2b, 6, 1, 5, 5, 2]));
  const init = (list: Uint8Array, ...rest: Uint8Array[]) => tlv(0x60, oid, tlv(0xa0, tlv(0x30, tlv(0xa0, tlv(0x30, list)), ...rest)));
  const nested = () => {
    let inner = Buffer.alloc(0);
    while (inner.length < SIZE - 100) inner = tlv(0xa0, inner);
    return tlv(0x60, oid, inner);
  };
  const tokens: Record<string, Buffer> = {
    'mechanisms of one arc': init(many([6, 1, 0x2a])),
    'mechanisms of many arcs': init(many([6, 11, 0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a, 0x1f])),
    'mechanisms of one huge arc': init(many([6, 0x81, 0x80, ...Array<number>(127).fill(0xff), 0x7f])),
    'elements in elements': nested(),
    'elements after elements': tlv(0x60, oid, many([5, 0])),
    'a message of that size': init(tlv(6, Buffer.from([0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 0x0a])), tlv(0xa2, tlv(4, Buffer.alloc(SIZE)))),
    'an answer of that size': tlv(0xa1, tlv(0x30, tlv(0xa2, tlv(4, Buffer.alloc(SIZE))))),
  };

  it('costs at most three times another header of that size, whatever SPNEGO is in it', async () => {
    const { port } = await serve({ schemes: ['Negotiate', 'NTLM'], maxRefusals: 1e9, onVerdict: undefined });
    const wire = await openWire(port);
    const heads = Object.entries({ 'another header': Buffer.alloc(SIZE, 1), ...tokens }).map(([name, token]) => {
      const field = name === 'another header' ? 'X-Other' : 'Authorization';
      return [name, withField(GET, field, `Negotiate ${token.toString('base64')}`)] as const;
    });
    const times = new Map(heads.map(([name]) => [name, [] as number[]]));
    for (let round = 0; round < 400; round += 1) {
      for (const [name, head] of heads) {
        const before = performance.now();
        await wire.ask(head);
        if (round >= 200) times.get(name)!.push(performance.now() - before);
      }
    }
    const quick = (name: string) => times.get(name)!.sort((a, b) => a - b)[50]!;
    const ratios = Object.keys(tokens).map((name) => [name, quick(name) / quick('another header')] as const);
    expect(ratios.filter(([, ratio]) => ratio > 3)).toEqual([]);
  });
});
