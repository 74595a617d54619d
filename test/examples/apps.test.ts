/** The samples of apps, as their readers run them, over what was built (`npm run build` comes first). */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { answerLogins, type AuthInfo, type Login } from '../../examples/electron/login.ts';
import { Origin } from '../http/support/origin.ts';

describe('a backend for a frontend', () => {
  const ends: (() => unknown)[] = [];
  afterEach(() => ends.splice(0).forEach((end) => end()));

  async function start(env: Record<string, string>): Promise<string> {
    const server = fileURLToPath(new URL('../../examples/backend-for-frontend/server.mjs', import.meta.url));
    const child = spawn(process.execPath, [server], { env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    ends.push(() => child.kill());
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return line;
  }

  test('asks the API as its user, for pages of its own', async () => {
    await using origin = await Origin.listen({
      handler: (request, response, user) => {
        let body = '';
        request.on('data', (part: Buffer) => (body += part)).on('end', () => response.end(`${request.method} ${request.url} ${body} ${user}`));
      },
    });
    const url = await start({ API: `${origin.url}/orders`, API_LOGIN: 'CORP\\alice:wonderland\n' });
    const ask = async (path: string, init?: RequestInit): Promise<[number, string]> => {
      const response = await fetch(new URL(path, url), init);
      return [response.status, await response.text()];
    };
    expect(await ask('/')).toEqual([200, '<h1>The Keep</h1>']);
    expect(await ask('/api/7?full=1')).toEqual([200, 'GET /orders/7?full=1  alice']);
    expect(await ask('/api/7', { method: 'PUT', body: '{"grain":7}' })).toEqual([200, 'PUT /orders/7 {"grain":7} alice']);
    expect(await ask('/api//evil.example/x')).toEqual([200, 'GET /orders//evil.example/x  alice']);
    expect(await ask('/api/7', { headers: { 'sec-fetch-site': 'cross-site' } })).toEqual([403, '']);
  });

  test('tells a page that the API cannot be asked, and no more', async () => {
    const url = await start({ API: 'http://127.0.0.1:1/', API_LOGIN: 'alice:secret' });
    const response = await fetch(new URL('/api/x', url));
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain('127.0.0.1');
  });
});

describe('Electron’s login event', () => {
  const NTLM: AuthInfo = { isProxy: false, scheme: 'ntlm', host: 'keep.castle.example', port: 443 };
  const alice: Login = { username: 'CASTLE\\alice', password: 'drawbridge' };

  /** An event as Electron's documents describe it, and what came of it. */
  async function emit(listener: ReturnType<typeof answerLogins>, info: AuthInfo, firstAuthAttempt = true): Promise<{ prevented: boolean; answer?: unknown[] }> {
    const event = { preventDefault: vi.fn() };
    const answered = new Promise<unknown[]>((resolve) => listener(event, {}, { firstAuthAttempt }, info, (...args) => resolve(args)));
    const prevented = event.preventDefault.mock.calls.length === 1;
    return prevented ? { prevented, answer: await answered } : { prevented };
  }

  test('is answered for the hosts that are named, and for NTLM alone', async () => {
    const listener = answerLogins({ hosts: [NTLM.host], ask: async () => alice });
    expect(await emit(listener, NTLM)).toEqual({ prevented: true, answer: ['CASTLE\\alice', 'drawbridge'] });
    expect(await emit(listener, { ...NTLM, scheme: 'negotiate' })).toMatchObject({ prevented: true });
    expect(await emit(listener, { ...NTLM, host: 'evil.example' })).toEqual({ prevented: false });
    expect(await emit(listener, { ...NTLM, scheme: 'basic' })).toEqual({ prevented: false });
  });

  test('a password that is refused is asked for once more, and not a third time', async () => {
    const again: boolean[] = [];
    const listener = answerLogins({ hosts: [NTLM.host], ask: async (_, repeated) => (again.push(repeated), alice) });
    await emit(listener, NTLM);
    await emit(listener, NTLM, false);
    expect(await emit(listener, NTLM, false)).toEqual({ prevented: true, answer: [] });
    expect(again).toEqual([false, true]);
    expect(await emit(listener, NTLM)).toMatchObject({ answer: ['CASTLE\\alice', 'drawbridge'] });
  });

  test('a form that is cancelled, or that breaks, cancels', async () => {
    expect(await emit(answerLogins({ hosts: [NTLM.host], ask: async () => undefined }), NTLM)).toMatchObject({ answer: [] });
    const broken = answerLogins({ hosts: [NTLM.host], ask: () => Promise.reject(new Error('no window')) });
    expect(await emit(broken, NTLM)).toMatchObject({ answer: [] });
  });
});
