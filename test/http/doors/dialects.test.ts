/** Over undici 6, as it stands beside Node 20 to 24: the fetch of another undici is refused where it speaks another dialect. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ALICE, Origin } from '../support/origin.ts';

vi.mock('undici', () => import('undici-6'));
const { NtlmDispatcher, createNtlmFetch } = await import('../../../src/http/fetch.ts');

let origin: Origin;
beforeAll(async () => void (origin = await Origin.listen()));
afterAll(() => origin[Symbol.asyncDispose]());

test('its own dialect is understood', async () => {
  const ntlmFetch = createNtlmFetch({ credentials: ALICE });
  expect(await (await ntlmFetch(origin.url)).text()).toBe('alice');
  await ntlmFetch.close();
});

test('a handler of undici 8 is refused before anything is sent, with what does work', () => {
  const dispatcher = new NtlmDispatcher({ credentials: ALICE });
  const before = origin.seen.length;
  const handler = { onRequestStart() {}, onResponseStart() {}, onResponseData() {}, onResponseEnd() {}, onResponseError() {} };
  expect(() => dispatcher.dispatch({ origin: origin.url, path: '/', method: 'GET' }, handler)).toThrow(
    expect.objectContaining({ code: 'unsupported', side: 'local', message: expect.stringMatching(/another undici.*createNtlmFetch/) }),
  );
  expect(origin.seen.length).toBe(before);
});
