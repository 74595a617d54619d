import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Credentials, NtlmClient, NtlmError } from '../../../src/index.ts';
import { requireNtlm } from '../../../src/http/server/middleware.ts';
import { resolveServerOptions, type NtlmServerOptions } from '../../../src/http/server/options.ts';
import type { NtlmRequestListener } from '../../../src/http/server/respond.ts';
import { createNtlmServer } from '../../../src/http/server/server.ts';
import type { NtlmServerVerdict } from '../../../src/http/server/verdict.ts';
import { alice, authenticate, bob, closeLater, header, listen, openConnection, options, tokenOf, users, whoAmI } from './support.ts';

describe('a server of createNtlmServer', () => {
  it('answers 401 with the scheme and a body of stated length, and does not run the listener', async () => {
    let runs = 0;
    const call = openConnection(await listen(createNtlmServer(options, () => void runs++)));
    const answer = await call();
    expect(answer).toMatchObject({ status: 401, offers: 'NTLM' });
    expect(answer.response.headers['content-length']).toBe(String(Buffer.byteLength(answer.body)));
    expect(answer.body).not.toBe('');
    const second = await call();
    expect(second.socket).toBe(answer.socket);
    expect(runs).toBe(0);
  });

  it('runs the listener for the right password, and for every later request of the connection', async () => {
    const verdicts: NtlmServerVerdict[] = [];
    const onVerdict = (verdict: NtlmServerVerdict) => void verdicts.push(verdict);
    const call = openConnection(await listen(createNtlmServer({ ...options, onVerdict }, whoAmI)));
    const first = await authenticate(call, alice());
    const later = await call();
    expect([first.status, first.body]).toEqual([200, 'GET alice']);
    expect([later.status, later.body]).toEqual([200, 'GET alice']);
    expect(later.socket).toBe(first.socket);
    expect(verdicts).toMatchObject([{ ok: true, mic: true, response: 'ntlmv2', identity: { username: 'alice' } }]);
  });

  it('tells the client who it is where no listener is given', async () => {
    const answer = await authenticate(openConnection(await listen(createNtlmServer(options))), alice());
    const identity = { username: 'alice', domain: 'CASTLE', response: 'ntlmv2', mic: true };
    expect(JSON.parse(answer.body)).toMatchObject(identity);
  });

  it('answers a wrong password with a fresh 401, and takes the right one on the same connection', async () => {
    let runs = 0;
    const call = openConnection(await listen(createNtlmServer(options, (_, response) => response.end(String(++runs)))));
    const refused = await authenticate(call, alice('wrong'));
    expect(refused).toMatchObject({ status: 401, offers: 'NTLM' });
    expect((await call()).status).toBe(401);
    const accepted = await authenticate(call, alice());
    expect(accepted).toMatchObject({ status: 200, body: '1' });
    expect(accepted.socket).toBe(refused.socket);
  });

  it('refuses a user nobody knows', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    const eve = Credentials.fromPassword({ username: 'eve', password: 'x' });
    expect((await authenticate(call, eve)).status).toBe(401);
  });

  it('binds the identity to the connection: another one starts with nobody', async () => {
    const port = await listen(createNtlmServer(options, whoAmI));
    const [first, second, third] = [openConnection(port), openConnection(port), openConnection(port)];
    expect((await authenticate(first, alice())).body).toBe('GET alice');
    expect((await authenticate(second, bob())).body).toBe('GET bob');
    expect((await third()).status).toBe(401);
    expect([(await first()).body, (await second()).body]).toEqual(['GET alice', 'GET bob']);
  });

  it('does not take the answer to a challenge of another connection', async () => {
    const port = await listen(createNtlmServer(options, whoAmI));
    const [first, second] = [openConnection(port), openConnection(port)];
    const client = new NtlmClient({ credentials: alice() });
    const negotiate = header(client.negotiate());
    const answer = header(client.respond(tokenOf(await first({ authorization: negotiate }))));
    await second({ authorization: negotiate });
    expect((await second({ authorization: answer })).status).toBe(401);
  });

  it('starts anew on a type 1, whoever was authenticated before', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    await authenticate(call, alice());
    const client = new NtlmClient({ credentials: bob() });
    const challenged = await call({ authorization: header(client.negotiate()) });
    expect(challenged.status).toBe(401);
    const authorization = header(client.respond(tokenOf(challenged)));
    expect((await call({ authorization })).body).toBe('GET bob');
    await call({ authorization: header(new NtlmClient({ credentials: alice() }).negotiate()) });
    expect((await call()).status).toBe(401);
  });

  it('takes a type 3 once', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    const client = new NtlmClient({ credentials: alice() });
    const challenged = await call({ authorization: header(client.negotiate()) });
    const authorization = header(client.respond(tokenOf(challenged)));
    expect((await call({ authorization })).status).toBe(200);
    expect((await call({ authorization })).status).toBe(401);
    expect((await call()).status).toBe(401);
  });

  it('answers a type 3 without a type 1 with a fresh 401', async () => {
    const port = await listen(createNtlmServer(options, whoAmI));
    const client = new NtlmClient({ credentials: alice() });
    const challenged = await openConnection(port)({ authorization: header(client.negotiate()) });
    const authorization = header(client.respond(tokenOf(challenged)));
    expect(await openConnection(port)({ authorization })).toMatchObject({ status: 401, offers: 'NTLM' });
  });

  it('refuses an answer that comes after the lifetime of its challenge', async () => {
    const call = openConnection(await listen(createNtlmServer({ ...options, challengeLifetime: 5 }, whoAmI)));
    const client = new NtlmClient({ credentials: alice() });
    const challenged = await call({ authorization: header(client.negotiate()) });
    await delay(20);
    expect((await call({ authorization: header(client.respond(tokenOf(challenged))) })).status).toBe(401);
  });

  const truncated = header(new NtlmClient({ credentials: alice() }).negotiate().subarray(0, 20));
  it.each([
    ['no base64', 'NTLM !!!!', 400],
    ['base64 of something else', `NTLM ${btoa('hello world!')}`, 400],
    ['a truncated type 1', truncated, 400],
    ['a type 2', header(Uint8Array.of(...Buffer.from('NTLMSSP\0'), 2, 0, 0, 0)), 400],
    ['a type 4', header(Uint8Array.of(...Buffer.from('NTLMSSP\0'), 4, 0, 0, 0)), 400],
    ['a bare scheme', 'NTLM', 401],
    ['another scheme', `Basic ${btoa('alice:Drawbridge1')}`, 401],
    ['a scheme that is not offered', header(new NtlmClient({ credentials: alice() }).negotiate(), 'Negotiate'), 401],
    ['an empty header', '', 401],
  ])('answers %s without the listener, and the connection can still authenticate', async (_, authorization, status) => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    const refused = await call({ authorization });
    expect(refused).toMatchObject({ status, offers: status === 401 ? 'NTLM' : '' });
    const accepted = await authenticate(call, alice());
    expect(accepted.status).toBe(200);
    expect(accepted.socket).toBe(refused.socket);
  });

  it('answers a malformed type 3 with 400', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    const client = new NtlmClient({ credentials: alice() });
    const challenged = await call({ authorization: header(client.negotiate()) });
    const answer = client.respond(tokenOf(challenged)).subarray(0, 60);
    expect((await call({ authorization: header(answer) })).status).toBe(400);
  });

  it('reads scheme names in any case and offers several in the order given', async () => {
    const schemes = ['Negotiate', 'NTLM'] as const;
    const port = await listen(createNtlmServer({ ...options, schemes }, whoAmI));
    expect((await openConnection(port)()).offers).toBe('Negotiate, NTLM');
    expect((await authenticate(openConnection(port), alice(), {}, 'negotiate')).body).toBe('GET alice');
    expect((await authenticate(openConnection(port), alice(), {}, 'ntlm')).body).toBe('GET alice');
  });

  it('answers HEAD without a body, refused or not', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    expect(await call({ method: 'HEAD' })).toMatchObject({ status: 401, body: '' });
    expect(await authenticate(call, alice(), { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('hands the body that comes with a type 3 to the listener, whole and once', async () => {
    const bodies: string[] = [];
    const server = createNtlmServer(options, async (request, response) => {
      bodies.push((await buffer(request)).toString());
      response.end('ok');
    });
    const call = openConnection(await listen(server));
    const body = 'x'.repeat(3_000_000);
    expect((await authenticate(call, alice(), { method: 'POST', body })).body).toBe('ok');
    const headers = { 'transfer-encoding': 'chunked' };
    expect((await call({ method: 'POST', body: 'second', headers })).body).toBe('ok');
    expect(bodies.map(({ length }) => length)).toEqual([3_000_000, 6]);
    expect(bodies[0]).toBe(body);
  });

  it('drains the body of a request it refuses, and keeps the connection', async () => {
    const call = openConnection(await listen(createNtlmServer(options, whoAmI)));
    const client = new NtlmClient({ credentials: alice() });
    const refused = await call({ method: 'POST', body: 'y'.repeat(200_000) });
    const authorization = header(client.negotiate());
    const challenged = await call({ method: 'POST', body: 'z'.repeat(200_000), authorization });
    expect(challenged.socket).toBe(refused.socket);
    const answer = header(client.respond(tokenOf(challenged)));
    expect((await call({ method: 'POST', body: 'w', authorization: answer })).body).toBe('POST alice');
  });

  it('asks nobody for a body that it will not read', async () => {
    const port = await listen(createNtlmServer(options, whoAmI));
    const socket = connect(port, '127.0.0.1');
    closeLater(() => socket.destroy());
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n');
    const answer = await text(socket); // the server closes
    expect(answer).toMatch(/^HTTP\/1\.1 401 .*\r\nConnection: close\r\n/s);
    expect(answer).not.toContain('100 Continue');
  });

  it('asks for the body of a client that has authenticated', async () => {
    const echo: NtlmRequestListener = async (request, response) => response.end(await text(request));
    const call = openConnection(await listen(createNtlmServer(options, echo)));
    await authenticate(call, alice());
    const answer = await call({ method: 'POST', body: 'hello', headers: { expect: '100-continue' } });
    expect(answer).toMatchObject({ status: 200, body: 'hello' });
  });

  it('lets requests that are pipelined behind a type 3 wait for its verdict', async () => {
    const slow: NtlmServerOptions = { credentials: async ({ username }) => (await delay(30), users.get(username)) };
    const port = await listen(createNtlmServer(slow, whoAmI));
    const socket = connect(port, '127.0.0.1');
    closeLater(() => socket.destroy());
    const client = new NtlmClient({ credentials: alice() });
    const get = (extra: string) => `GET / HTTP/1.1\r\nHost: x\r\n${extra}\r\n`;
    socket.write(get(`Authorization: ${header(client.negotiate())}\r\n`));
    const [head] = (await once(socket, 'data')) as [Buffer];
    const [, challenge = ''] = /WWW-Authenticate: NTLM (\S+)/.exec(head.toString()) ?? [];
    const answer = client.respond(new Uint8Array(Buffer.from(challenge, 'base64')));
    socket.write(get(`Authorization: ${header(answer)}\r\n`) + get('Connection: close\r\n'));
    const answers = await text(socket);
    expect(answers.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
    expect(answers.match(/GET alice/g)).toHaveLength(2);
  });

  it('answers 500 where the credentials cannot be looked up, and says why to its owner alone', async () => {
    const verdicts: NtlmServerVerdict[] = [];
    const failing: NtlmServerOptions = {
      credentials: () => Promise.reject(new Error('the directory is down')),
      onVerdict: (verdict) => void verdicts.push(verdict),
    };
    const answer = await authenticate(openConnection(await listen(createNtlmServer(failing, whoAmI))), alice());
    expect(answer).toMatchObject({ status: 500, offers: '' });
    expect(answer.body).not.toContain('directory');
    expect(verdicts).toMatchObject([{ code: 'service-failed' }]);
  });

  it('closes a connection after the number of refusals allowed', async () => {
    const call = openConnection(await listen(createNtlmServer({ ...options, maxRefusals: 2 }, whoAmI)));
    const first = await authenticate(call, alice('wrong'));
    const second = await authenticate(call, alice('wrong'));
    expect(second.socket).toBe(first.socket);
    expect([first, second].map(({ response }) => response.headers['connection'])).toEqual(['keep-alive', 'close']);
  });

  it('counts what says nothing of use as a refusal, and no request that says nothing at all', async () => {
    const port = await listen(createNtlmServer({ ...options, maxRefusals: 2 }, whoAmI));
    const ends = async (authorization: string | undefined, call = openConnection(port)) => {
      const answers = [];
      for (let i = 0; i < 2; i += 1) answers.push(await call(authorization === undefined ? {} : { authorization }));
      return answers.map(({ response }) => response.headers['connection']);
    };
    for (const said of ['NTLM', 'NTLM !', 'Basic YTpi', header(Uint8Array.of(...Buffer.from('NTLMSSP\0'), 3, 0, 0, 0))]) expect(await ends(said)).toEqual(['keep-alive', 'close']);
    expect(await ends(undefined)).toEqual(['keep-alive', 'keep-alive']);
  });

  it('counts refusals anew after a success', async () => {
    const call = openConnection(await listen(createNtlmServer({ ...options, maxRefusals: 2 }, whoAmI)));
    await authenticate(call, alice('wrong'));
    await authenticate(call, alice());
    const again = await authenticate(call, alice('wrong'));
    expect(again.response.headers['connection']).toBe('keep-alive');
  });
});

describe('requireNtlm', () => {
  it("guards a server of one's own", async () => {
    const port = await listen(createServer(requireNtlm(options, whoAmI)));
    expect((await openConnection(port)()).status).toBe(401);
    expect((await authenticate(openConnection(port), bob())).body).toBe('GET bob');
  });
});

describe('the options', () => {
  it.each([
    ['"side" must be "server" or "proxy"', { side: 'client' }],
    ['"schemes" must list "NTLM", "Negotiate" or both', { schemes: ['Basic'] }],
    ['"schemes" must list "NTLM", "Negotiate" or both', { schemes: ['NTLM', 'Basic'] }],
    ['"schemes" must list "NTLM", "Negotiate" or both', { schemes: [] }],
    ['"schemes" must list "NTLM", "Negotiate" or both', { schemes: 'NTLM' }],
    ['"schemes" must list "Negotiate", under which Kerberos comes', { schemes: ['NTLM'], kerberos: { begin: () => {} } }],
    ['"maxRefusals" must be a whole number above 0', { maxRefusals: 0 }],
    ['"maxRefusals" must be a whole number above 0', { maxRefusals: 1.5 }],
    ['"challengeLifetime" must be milliseconds above 0', { challengeLifetime: Number.NaN }],
    ['"challengeLifetime" must be milliseconds above 0', { challengeLifetime: 0 }],
    ['"verifyTimeout" must be milliseconds above 0', { verifyTimeout: -1 }],
    ['"trustedProxy" must be a boolean', { trustedProxy: 'yes' }],
    ['"sessions" must be a boolean', { sessions: 1 }],
    ['"onVerdict" must be a function', { onVerdict: 'log' }],
    ['"credentials"', { credentials: 'alice' }],
    ['"policy"', { policy: 'kerberos' }],
  ])('are checked at once: %s', (sentence, wrong) => {
    const build = () => createNtlmServer({ ...options, ...wrong } as unknown as NtlmServerOptions, whoAmI);
    expect(build).toThrowError(NtlmError);
    expect(build).toThrowError(sentence);
  });

  it('have the defaults that are documented', () => {
    const { maxRefusals, challengeLifetime, verifyTimeout, trustedProxy, sessions, schemes } = resolveServerOptions(options);
    expect([maxRefusals, challengeLifetime, verifyTimeout, trustedProxy, sessions, schemes]).toEqual([8, 60_000, 30_000, false, false, ['NTLM']]);
  });

  it('are read once: a list that its owner changes later is not theirs', async () => {
    const schemes: ('NTLM' | 'Negotiate')[] = ['NTLM'];
    const call = openConnection(await listen(createNtlmServer({ ...options, schemes }, whoAmI)));
    schemes.push('Negotiate');
    expect((await call()).offers).toBe('NTLM');
  });

  it.each([
    ['createNtlmServer', () => createNtlmServer(options, 'whoAmI' as never)],
    ['requireNtlm', () => requireNtlm(options, 'whoAmI' as never)],
  ])('come with a listener that is a function: %s', (_door, build) => {
    expect(build).toThrowError(NtlmError);
    expect(build).toThrowError('"listener" must be a function');
  });
});
