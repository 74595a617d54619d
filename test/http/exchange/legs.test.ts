/** Legs over a connection in memory: whatever servers there are, every call comes to one end, and the handler runs once for it. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { explainRefusal } from '../../../src/http/authentication/refusal.ts';
import { Credentials, NtlmError } from '../../../src/index.ts';
import { LOST, MemoryCarrier, type Call, type Ending, type ServerForm } from '../support/memory-carrier.ts';
import { ALICE, WRONG } from '../support/origin.ts';

const open: MemoryCarrier[] = [];
afterEach(() => {
  for (const carrier of open.splice(0)) carrier.close();
});
function over(...made: ConstructorParameters<typeof MemoryCarrier>): MemoryCarrier {
  const carrier = new MemoryCarrier(...made);
  open.push(carrier);
  return carrier;
}

const wrong = { ask: ({ attempt }: { attempt: number }) => (attempt === 1 ? WRONG : undefined), others: false };
const SAFE = ['GET', 'HEAD'];
const isSafe = ({ method, body = 'none' }: Call): boolean => SAFE.includes(method) && body !== 'once' && body !== 'chunked';
const said = ({ answer }: Ending): string | undefined => explainRefusal({ status: answer!.head.status, headers: Object.fromEntries(answer!.head.fields.map(({ name, value }) => [name.toLowerCase(), value])) })?.code;
const forms = (carrier: MemoryCarrier): string[] => carrier.sent.map(({ method, form, message }) => `${method} ${form} ${message}`);

const server: fc.Arbitrary<ServerForm> = fc.record({
  asks: fc.constantFrom('all', 'writes', 'nobody'),
  chunks: fc.constantFrom<ServerForm['chunks'][]>('taken', 411, 501),
  expect: fc.constantFrom<ServerForm['expect'][]>('granted', 'ignored', 'closes', 417),
  standIns: fc.constantFrom('asked', 'open', 'lost', 'late', 'unframed'),
  status: fc.constantFrom(200, 404),
  page: fc.constantFrom(0, 100, 300_000, 17_000_000),
  keeps: fc.boolean(),
  closes: fc.constantFrom('no', 'the first', 'a challenge'),
  cookie: fc.boolean(),
  losses: fc.array(fc.constantFrom('no', 'no', 'before', 'behind', 'between'), { maxLength: 12 }),
});
const call: fc.Arbitrary<Call> = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE'),
  path: fc.constantFrom('/a', '/b'),
  body: fc.constantFrom('none', 'repeatable', 'once', 'chunked'),
  fields: fc.constantFrom([], [], [{ name: 'Expect', value: '100-continue' }], [{ name: 'Cookie', value: 'own=1' }]),
});
const world = fc.record({ form: server, calls: fc.array(call, { minLength: 1, maxLength: 4 }), probe: fc.boolean(), right: fc.boolean() });

/** Whether nothing of this server's doing keeps an account from its answer. */
const isFriendly = ({ closes, page, losses }: ServerForm): boolean => closes !== 'a challenge' && page < 17_000_000 && losses.every((loss) => loss === 'no');

test('every call ends once, whatever the server: with its answer, a refusal that says why, or an error', async () => {
  const endings = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(world, async ({ form, calls, probe, right }) => {
      const carrier = over(form, { probe, ...(right ? {} : { source: wrong }) });
      for (const one of calls) {
        const ending = await carrier.call(one);
        const { answer, error, handled } = ending;
        const what = `${JSON.stringify(one)}: ${answer?.head.status ?? error?.code}`;
        const ended = answer === undefined ? error!.code : String(answer.head.status);
        endings.set(ended, (endings.get(ended) ?? 0) + 1);
        if (answer === undefined) expect(error, what).toBeInstanceOf(NtlmError);
        else if (answer.head.status === LOST) continue;
        else if (answer.head.status === form.status) expect(handled, what).toBeGreaterThan(0);
        else expect(handled, what).toBe(0);
        if (!isSafe(one)) expect(handled, what).toBeLessThanOrEqual(1);
        if (answer?.head.status === 401 && !one.fields?.some(({ name }) => name === 'Expect')) {
          expect(said(ending), what).toMatch(/^(?:credentials-refused|credentials-missing|body-unrepeatable|not-tried-again)$/);
        }
        if (right && isFriendly(form) && !['once', 'chunked'].includes(one.body!) && !one.fields?.some(({ name }) => name === 'Expect')) {
          expect(answer?.head.status, what).toBe(form.status);
        }
        if (!right && form.asks === 'all') expect(handled, what).toBe(0);
      }
      expect(carrier.breaches).toEqual([]);
    }),
    { numRuns: 2 * (fc.readConfigureGlobal().numRuns ?? 100) },
  );
  expect([...endings.keys()]).toEqual(expect.arrayContaining(['200', '401', 'connection-closed']));
});

/** A name and a value of the answer that the client has, one a line. */
const fieldsOf = ({ answer }: Ending): string[] => answer!.raw.toString('latin1').split('\r\n').slice(1, -2);

test('a call without a body costs three legs, and the next one on its connection none', async () => {
  const carrier = over();
  expect((await carrier.call({ method: 'GET' })).answer!.head.status).toBe(200);
  expect(forms(carrier)).toEqual(['GET whole 0', 'GET whole 1', 'GET whole 3']);
  await carrier.call({ method: 'GET' });
  expect(forms(carrier).slice(3)).toEqual(['GET whole 0']);
  expect(new Set(carrier.sent.map(({ connection }) => connection)).size).toBe(1);
});

test('a body that can be sent twice goes with type 3 alone where a stand-in asks first, and is asked of whole where none may', async () => {
  const post = { method: 'POST', body: 'repeatable' } as const;
  const carrier = over();
  await carrier.call(post);
  expect(forms(carrier)).toEqual(['HEAD stand-in 0', 'HEAD stand-in 1', 'POST whole 3']);
  const unasked = over({}, { probe: false });
  await unasked.call(post);
  expect(forms(unasked)).toEqual(['POST whole 0', 'POST whole 1', 'POST whole 3']);
});

test('one that cannot waits, beside type 1 in chunks, whose end is said before type 3', async () => {
  const carrier = over({}, { probe: false });
  const { answer, handled } = await carrier.call({ method: 'POST', body: 'once' });
  expect([answer!.head.status, handled]).toEqual([200, 1]);
  expect(carrier.sent.map(({ form, expect: asks, chunked, message }) => [form, asks, chunked, message])).toEqual([
    ['waiting', true, false, 0], ['waiting', true, true, 1], ['whole', false, false, 3],
  ]);
});

test('where chunks or an Expect are refused, it goes on without them', async () => {
  for (const chunks of [411, 501] as const) {
    const carrier = over({ chunks }, { probe: false });
    expect((await carrier.call({ method: 'GET' })).answer!.head.status).toBe(200);
    const other = over({ chunks }, { probe: false });
    const { answer, error } = await other.call({ method: 'POST', body: 'once' });
    expect([answer?.head.status, error]).toEqual([401, undefined]); // its body cannot be ended beside type 1, and is not spent there
    expect(other.sent.map(({ chunked }) => chunked)).toEqual([false, true, false]);
  }
  const carrier = over({ expect: 417 }, { probe: false });
  expect((await carrier.call({ method: 'POST', body: 'once' })).answer!.head.status).toBe(200);
  expect(carrier.sent.map(({ expect: asks }) => asks)).toEqual([true, false, false, false]);
});

test('where they are refused once the body is gone, the call fails, and nothing without its body goes out', async () => {
  for (const [form, what] of [[{ chunks: 411 }, 'a body in chunks (411)'], [{ chunks: 501 }, 'a body in chunks (501)']] as const) {
    const carrier = over({ ...form, expect: 'ignored' }, { probe: false, source: wrong });
    await carrier.call({ method: 'GET' });
    const { error } = await carrier.call({ method: 'POST', body: 'once' });
    expect(error).toMatchObject({ code: 'body-unrepeatable', phase: 'transport', side: 'peer', message: expect.stringContaining(what) as string });
    expect(carrier.breaches).toEqual([]);
  }
});

test('a challenge that is the last on its connection ends the call, and says what it came with', async () => {
  const { error } = await over({ closes: 'a challenge' }).call({ method: 'GET' });
  expect(error).toMatchObject({ code: 'connection-closed', phase: 'transport', side: 'peer', message: expect.stringMatching(/the server .*"Connection: close"/) as string });
});

test('a 401 that is the last on its connection costs another one', async () => {
  const carrier = over({ closes: 'the first' });
  expect((await carrier.call({ method: 'GET' })).answer!.head.status).toBe(200);
  expect(carrier.sent.map(({ connection }) => connection)).toEqual([1, 2, 2]);
});

test('a page before a challenge is read up to 256 KiB, one on it up to 16 MiB', async () => {
  const pages = async (page: number) => {
    const carrier = over({ page });
    const { answer, error } = await carrier.call({ method: 'GET' });
    return [answer?.head.status ?? error!.code, carrier.sent.map(({ connection }) => connection).join('')];
  };
  expect(await pages(256 * 1024)).toEqual([200, '111']);
  expect(await pages(256 * 1024 + 1)).toEqual([200, '122']);
  expect(await pages(16 * 1024 * 1024)).toEqual([200, '122']);
  expect((await pages(16 * 1024 * 1024 + 1))[0]).toBe('connection-closed');
});

test('what is lost is tried again twice where it is safe, and never where it was whole and is not', async () => {
  const lost = async (method: string, losses: ServerForm['losses']) => {
    const carrier = over({ losses });
    const { answer, error } = await carrier.call({ method });
    return [answer?.head.status ?? error!.code, carrier.sent.length];
  };
  const fails = (times: number): ServerForm['losses'] => ['no', ...Array<'before'>(times).fill('before')];
  expect(await lost('GET', fails(2))).toEqual([200, 5]);
  expect(await lost('GET', fails(3))).toEqual(['connection-closed', 4]);
  expect(await lost('DELETE', fails(1))).toEqual(['connection-closed', 2]);
  expect(await lost('DELETE', ['no', 'between'])).toEqual([200, 4]); // found out before type 3 went
});

test('a type 3 under an unsafe method waits a moment for a connection that is about to close', async () => {
  for (const [method, waits] of [['GET', []], ['DELETE', [5, 5]]] as const) {
    const carrier = over();
    await carrier.call({ method });
    expect(carrier.waits, method).toEqual(waits);
  }
});

test('a HEAD that is answered as if a body followed waits for one behind a challenge', async () => {
  const carrier = over({ page: 100 });
  await carrier.call({ method: 'POST', body: 'repeatable' });
  expect(carrier.waits).toEqual([20, 5]);
});

test('a stand-in that comes to nothing is followed by the request, and by none for its like', async () => {
  for (const standIns of ['lost', 'late', 'unframed', 'open'] as const) {
    const carrier = over({ standIns });
    for (const path of ['/a', '/b', '/c', '/a']) {
      expect((await carrier.call({ method: 'POST', path, body: 'repeatable' })).answer!.head.status).toBe(200);
      await carrier.reconnect();
    }
    expect(forms(carrier).filter((form) => form.startsWith('HEAD')).length, standIns).toBe({ lost: 2, late: 1, unframed: 2, open: 3 }[standIns]);
    expect(carrier.breaches).toEqual([]);
  }
});

test('what a stand-in was refused with has no body, and ends the connection on which the request waits', async () => {
  const carrier = over({ page: 100 }, { source: { ask: () => undefined, others: true } });
  const ending = await carrier.call({ method: 'POST', body: 'repeatable' });
  expect(ending.answer!.head.status).toBe(401);
  expect(fieldsOf(ending)).toEqual(expect.arrayContaining(['Content-Length: 0']));
  expect(fieldsOf(ending).filter((field) => field.startsWith('Content-Length'))).toHaveLength(1);
  expect(fieldsOf(ending)).toEqual(expect.arrayContaining(['WWW-Authenticate: NTLM', 'X-Written: so']));
  expect(said(ending)).toBe('credentials-missing');
  expect(ending.forget).toBe(true);
});

test('the cookies of the challenges come back with type 3, and to the client before its own answer', async () => {
  const carrier = over({ cookie: true });
  const ending = await carrier.call({ method: 'GET', fields: [{ name: 'Cookie', value: 'own=1' }] });
  expect(ending.answer!.head.status).toBe(200);
  expect(carrier.sent.map(({ cookie }) => cookie)).toEqual(['own=1', 'own=1', 'own=1; leg=1']);
  expect(fieldsOf(ending)[0]).toBe('Set-Cookie: leg=1');
});

test('the body of a request that was answered early has to leave before the next leg', async () => {
  const carrier = over({}, { probe: false });
  carrier.stalls = true;
  const { error } = await carrier.call({ method: 'POST', body: 'repeatable' });
  expect(error).toMatchObject({ code: 'connection-closed' });
});

test('a request that brings its own credentials gets its answer, with who left it alone', async () => {
  const carrier = over();
  const ending = await carrier.call({ method: 'GET', fields: [{ name: 'Authorization', value: 'Basic YTpi' }] });
  expect(ending.answer!.head.status).toBe(401);
  expect(said(ending)).toBe('authorization-given');
  expect(carrier.sent).toHaveLength(1);
});

test('an answer that never comes ends with the 32nd leg', async () => {
  const carrier = over({}, { source: { ask: () => Credentials.fromPassword({ username: 'alice', password: `wrong ${Math.random()}` }), others: true } });
  const { error } = await carrier.call({ method: 'GET' });
  expect(error).toMatchObject({ code: 'too-many-legs', phase: 'transport', side: 'peer', message: expect.stringContaining('32 requests') as string });
  expect(carrier.sent).toHaveLength(33);
});

test('what an app throws when it is asked ends the call', async () => {
  const carrier = over({}, { source: { ask: () => Promise.reject(new Error('no')), others: true } });
  const { error } = await carrier.call({ method: 'GET' });
  expect(error).toMatchObject({ code: 'service-failed' });
});

test('a connection that was refused, or is another user’s by now, is replaced before the next call', async () => {
  const given = [WRONG, undefined, ALICE];
  const carrier = over({}, { source: { ask: () => given.shift(), others: true } });
  expect((await carrier.call({ method: 'GET' })).answer!.head.status).toBe(401);
  expect((await carrier.call({ method: 'GET' })).answer!.head.status).toBe(200);
  expect(carrier.sent.map(({ connection, message }) => [connection, message])).toEqual([[1, 0], [1, 1], [1, 3], [2, 1], [2, 3]]);
});

test('nothing waits for quiet that carries nothing, or that is a stand-in', async () => {
  const open = over({ asks: 'nobody' });
  await open.call({ method: 'DELETE' });
  expect(open.waits).toEqual([]);
  const carrier = over();
  await carrier.call({ method: 'POST', body: 'repeatable' });
  expect(carrier.waits).toEqual([5]); // before type 3
});

test('where type 3 was answered by an error, what cannot be sent twice asks first, until an answer says that it need not', async () => {
  const carrier = over({ status: 404 });
  for (const body of ['none', 'once'] as const) await carrier.call({ method: 'POST', body });
  expect(forms(carrier)).toEqual(['POST whole 0', 'POST whole 1', 'POST whole 3', 'HEAD stand-in 0', 'POST waiting 0']);
});

test('where an authenticated connection is asked again, the next body waits there', async () => {
  const carrier = over({ keeps: false }, { probe: false });
  for (let times = 0; times < 3; times++) expect((await carrier.call({ method: 'POST', body: 'once' })).answer!.head.status).toBe(times === 1 ? 401 : 200);
  expect(carrier.sent.filter(({ message }) => message === 0).map(({ form }) => form)).toEqual(['waiting', 'whole']);
});

test('a stand-in that was let in is passed over on its connection where no body can follow its answer, else on another', async () => {
  for (const [page, connections] of [[0, [1, 1, 1, 1]], [100, [1, 2, 2, 2]]] as const) {
    const carrier = over({ standIns: 'open', page });
    expect((await carrier.call({ method: 'POST', body: 'repeatable' })).answer!.head.status).toBe(200);
    expect(forms(carrier)).toEqual(['HEAD stand-in 0', 'POST whole 0', 'POST whole 1', 'POST whole 3']);
    expect(carrier.sent.map(({ connection }) => connection)).toEqual(connections);
  }
});

test('an Expect whose 401 is the last on its connection is left out from then on', async () => {
  const carrier = over({ expect: 'closes' }, { probe: false });
  expect((await carrier.call({ method: 'POST', body: 'once' })).answer!.head.status).toBe(200);
  expect(carrier.sent.map(({ expect: asks, connection }) => [asks, connection])).toEqual([[true, 1], [true, 2], [false, 3], [false, 3]]);
});

test('a body that still waits as its answer comes is forgotten with the connection', async () => {
  const refused = { source: { ask: () => undefined, others: true } };
  const ending = await over({}, { probe: false, ...refused }).call({ method: 'POST', body: 'once' });
  expect([ending.forget, fieldsOf(ending).includes('Connection: close')]).toEqual([true, true]);
  const none = await over({}, refused).call({ method: 'GET' });
  expect([none.forget, fieldsOf(none).includes('Connection: close')]).toEqual([false, false]);
});

test('a cookie of a challenge goes back to its own place alone', async () => {
  for (const [cookie, back] of [['s=1; Secure', undefined], ['s=1; Domain=other.example', undefined], ['s=1; Path=/b', undefined], ['s=1; Path=/a', 's=1'], ['s=1', 's=1']] as const) {
    const carrier = over();
    carrier.challengeFields.push({ name: 'Set-Cookie', value: cookie });
    await carrier.call({ method: 'GET' });
    expect(carrier.sent.map(({ cookie: sent }) => sent), cookie).toEqual([undefined, back, back]);
  }
});

test('what is the client’s own goes to it as it was written, a question that is not ours as well', async () => {
  const carrier = over();
  expect(fieldsOf(await carrier.call({ method: 'GET' }))).toContain('X-Written:so');
  const other = over();
  other.offers = 'Basic realm="x"';
  const ending = await other.call({ method: 'GET' });
  expect([ending.answer!.head.status, fieldsOf(ending)]).toEqual([401, ['X-Written:so', 'WWW-Authenticate: Basic realm="x"', 'Content-Length: 0']]);
});

test('that nobody asked for a request is learned: its like goes as it is', async () => {
  const carrier = over({ asks: 'nobody' });
  for (let times = 0; times < 2; times++) await carrier.call({ method: 'POST', body: 'once' });
  expect(forms(carrier)).toEqual(['HEAD stand-in 0', 'POST waiting 0', 'POST whole 0']);
});

test('of a refused stand-in’s answer all is kept but what speaks of its body, a character a byte', async () => {
  const carrier = over({}, { source: { ask: () => undefined, others: true } });
  carrier.challengeFields.push({ name: 'Transfer-Encoding', value: 'chunked' }, { name: 'Proxy-Status', value: 'edge; received-status=401' }, { name: 'X-Zone', value: 'Zürich' });
  const fields = fieldsOf(await carrier.call({ method: 'POST', body: 'repeatable' }));
  expect(fields).toEqual(expect.arrayContaining(['Proxy-Status: edge; received-status=401', 'X-Zone: Zürich', 'Content-Length: 0']));
  expect(fields.filter((field) => /^transfer-encoding/i.test(field))).toEqual([]);
  expect(fields.filter((field) => field.startsWith('Proxy-Status'))).toHaveLength(2);
});

test('one stand-in that comes to nothing is enough for a call', async () => {
  for (const standIns of ['lost', 'late', 'unframed', 'open'] as const) {
    const carrier = over({ standIns });
    await carrier.call({ method: 'POST', body: 'repeatable' });
    expect(forms(carrier), standIns).toEqual(['HEAD stand-in 0', 'POST whole 0', 'POST whole 1', 'POST whole 3']);
  }
});
