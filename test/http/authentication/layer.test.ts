/** One side of one connection, without a socket: what it makes of the heads of answers. */
import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../../src/acceptor/index.ts';
import { Layer } from '../../../src/http/authentication/layer.ts';
import type { LayerOptions } from '../../../src/http/authentication/layer-options.ts';
import type { ConnectionSide } from '../../../src/http/authentication/question.ts';
import type { Realm } from '../../../src/http/authentication/realm.ts';
import { Realms } from '../../../src/http/authentication/realms.ts';
import { parseResponseHead, type ResponseHead } from '../../../src/http/wire/head.ts';
import type { NtlmError } from '../../../src/index.ts';
import { ALICE } from '../support/origin.ts';

const KEY = { key: 'GET /' };
const head = (status: number, ...fields: string[]): ResponseHead =>
  parseResponseHead(Buffer.from(`HTTP/1.1 ${status} X\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`, 'latin1'));

function open(side: ConnectionSide = 'server', options: Partial<LayerOptions> = {}) {
  const realms = new Realms({ prefer: 'NTLM', refusals: { limit: 2, memory: 300_000, longestMemory: 3_600_000, patience: 10_000, entries: 1000 } });
  const realm: Realm = realms.of(side, 'http://a', { ask: async () => ALICE, others: false });
  const late: NtlmError[] = [];
  const limits = { legTimeout: 1000, answerTimeout: 1000, maxAttempts: 5, maxRepeatableBody: 1000, probe: true };
  const make = (): Layer => new Layer({ realm, allowed: true, handshake: {}, limits, inspect: undefined, ...options }, 1, (error) => late.push(error));
  return { realm, make, late };
}

const [status, field] = [{ server: 401, proxy: 407 }, { server: 'WWW-Authenticate', proxy: 'Proxy-Authenticate' }] as const;

/** Up to type 3, which goes out. */
async function answer(layer: Layer, side: ConnectionSide = 'server'): Promise<void> {
  const acceptor = new NtlmAcceptor({ credentials: ALICE, target: { nbDomainName: 'CORP', nbComputerName: 'WEB' } });
  expect(await layer.challenged(head(status[side], `${field[side]}: NTLM`), KEY)).toBeUndefined();
  expect(layer.message).toBe('NEGOTIATE');
  const token = Buffer.from(layer.credentialsField!.value.slice('NTLM '.length), 'base64');
  const challenge = Buffer.from(acceptor.challenge(new Uint8Array(token))).toString('base64');
  expect(await layer.challenged(head(status[side], `${field[side]}: NTLM ${challenge}`), KEY)).toBeUndefined();
  expect([layer.message, layer.authenticated, layer.bound, layer.proving]).toEqual(['AUTHENTICATE', false, true, true]);
  layer.leaving();
  layer.sent();
}

describe.each(['server', 'proxy'] as const)('a %s', (side) => {
  test('that takes type 3 has authenticated the connection', async () => {
    const { realm, make } = open(side);
    const layer = make();
    expect(layer.status).toBe(status[side]);
    await answer(layer, side);
    expect(layer.credentialsField?.name).toBe(side === 'server' ? 'Authorization' : 'Proxy-Authorization');
    expect(layer.credentialsName).toBe(layer.credentialsField?.name.toLowerCase());
    expect(await layer.passed(head(200))).toBeUndefined();
    expect([layer.authenticated, layer.message, layer.credentialsField, layer.credentials, layer.served]).toEqual([true, undefined, undefined, ALICE, 1]);
    expect([realm.scheme, realm.ntlmOffered, realm.connections]).toEqual(['NTLM', true, 1]);
    layer.close();
    expect(realm.connections).toBe(0);
  });

  test.each([
    [200, false],
    [302, false],
    [399, false],
    [400, true],
    [404, true],
    [500, true],
  ])('that answers type 3 by %i may ask again: %s', async (answered, doubtful) => {
    const layer = open(side).make();
    await answer(layer, side);
    await layer.passed(head(answered));
    expect([layer.authenticated, layer.doubtful]).toEqual([true, doubtful]);
  });

  test('that lets type 1 through has authenticated nobody', async () => {
    const { realm, make } = open(side);
    const layer = make();
    await layer.challenged(head(status[side], `${field[side]}: NTLM`), KEY);
    expect(await layer.passed(head(200))).toBeUndefined();
    expect([layer.authenticated, layer.message, realm.paths.answeredUnasked]).toEqual([false, undefined, true]);
  });

  test('asks by its own status and field, for a scheme of ours', () => {
    const layer = open(side).make();
    const other = side === 'server' ? 'proxy' : 'server';
    expect(layer.isAskedBy(head(status[side], `${field[side]}: Basic realm="a", Negotiate`))).toBe(true);
    expect(layer.isAskedBy(head(status[side], `${field[side]}: Basic realm="NTLM"`))).toBe(false);
    expect(layer.isAskedBy(head(status[side], `${field[other]}: NTLM`))).toBe(false);
    expect(layer.isAskedBy(head(status[other], `${field[side]}: NTLM`))).toBe(false);
    expect(open(side, { allowed: false }).make().isAskedBy(head(status[side], `${field[side]}: NTLM`))).toBe(false);
  });
});

test('a handshake that is worth one request only is counted, and forgotten where it was worth two', async () => {
  const { realm, make } = open();
  const layer = make();
  for (const handshakes of [1, 2]) {
    await answer(layer);
    await layer.passed(head(200));
    await layer.challenged(head(401, 'WWW-Authenticate: NTLM'), KEY);
    expect([realm.singleRequestHandshakes, layer.authenticated, layer.spoilt]).toEqual([handshakes, false, false]);
    layer.abandon();
  }
  await answer(layer);
  await layer.passed(head(200));
  layer.notePassed();
  expect([realm.singleRequestHandshakes, layer.served]).toEqual([0, 2]);
});

test('a refusal of type 3 spoils the connection', async () => {
  const layer = open().make();
  await answer(layer);
  expect(await layer.challenged(head(401, 'WWW-Authenticate: NTLM'), KEY)).toMatchObject({ code: 'credentials-refused' });
  expect([layer.spoilt, layer.authenticated, layer.message]).toEqual([true, false, undefined]);
});

test('what is observed lives as long as the connection; what is not is let go between handshakes', async () => {
  const layer = open().make();
  const actor = layer.observed();
  await answer(layer);
  await layer.passed(head(200));
  expect(layer.observed()).toBe(actor);
  expect(actor.getSnapshot().value).toBe('authenticated');
  layer.close();
  expect(actor.getSnapshot().status).toBe('done');
  const unseen = open().make();
  await answer(unseen);
  await unseen.passed(head(200));
  expect([unseen.authenticated, unseen.credentials, unseen.attempt]).toEqual([true, ALICE, 1]);
  expect(unseen.observed().getSnapshot().value).toBe('anonymous');
});

test('an inspector that throws ends the connection before it counts', () => {
  const { realm, make, late } = open('server', {
    inspect: () => {
      throw new Error('no');
    },
  });
  expect(make).toThrow(expect.objectContaining({ code: 'service-failed' }));
  expect(realm.connections).toBe(0);
  expect(late).toEqual([]);
});

test('an inspector that throws later is the end of the handshake under way, or of the connection that rests', async () => {
  let broken = false;
  const inspect = (): void => {
    if (broken) throw new Error('no');
  };
  const asked = open('server', { inspect });
  const layer = asked.make();
  broken = true;
  expect(await layer.challenged(head(401, 'WWW-Authenticate: NTLM'), KEY)).toMatchObject({ code: 'service-failed' });
  broken = false;
  const resting = open('server', { inspect });
  const other = resting.make();
  await answer(other);
  await other.passed(head(200));
  broken = true;
  other.observed().send({ type: 'close' });
  expect(resting.late[0]).toMatchObject({ code: 'service-failed' });
});

test('an origin that may not be asked is refused; one that offers nothing of ours has nothing to refuse by', async () => {
  expect(await open('server', { allowed: false }).make().challenged(head(401, 'WWW-Authenticate: NTLM'), KEY)).toMatchObject({ code: 'origin-refused' });
  expect(await open().make().challenged(head(401, 'WWW-Authenticate: Basic realm="a"'), KEY)).toMatchObject({ code: 'ntlm-not-offered', message: 'the server offers no NTLM' });
  expect(await open('proxy').make().challenged(head(407), KEY)).toMatchObject({ code: 'ntlm-not-offered', message: 'the proxy offers no NTLM' });
});

test('a question that is open when the connection ends is over with it', async () => {
  const { realm, make } = open();
  const layer = make();
  const asked = layer.challenged(head(401, 'WWW-Authenticate: NTLM'), KEY);
  layer.close();
  expect(await asked).toMatchObject({ code: 'connection-closed', side: 'local' });
  expect(realm.connections).toBe(0);
});
