/** Debian's Firefox without a window, steered over WebDriver BiDi (W3C), in a profile of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { findProgram, TemporaryDirectory } from './processes.ts';

export interface Firefox extends AsyncDisposable {
  /** The text of the page at `url`; whoever asks for a password gets these. */
  read(url: string, credentials: { readonly username: string; readonly password: string }): Promise<string>;
  /** What an expression of the page's comes to, promises awaited. */
  evaluate(expression: string): Promise<unknown>;
}

/** Its own NTLM instead of Samba's helper, and no talk with anybody of its own accord. */
const PREFERENCES = {
  'network.auth.force-generic-ntlm': true,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'app.update.disabledForTesting': true,
};

interface Message {
  readonly id?: number;
  readonly type: 'success' | 'error' | 'event';
  readonly method?: string;
  readonly message?: string;
  readonly result?: Record<string, unknown>;
  readonly params?: { readonly request?: { readonly request?: string } };
}

export async function startFirefox(): Promise<Firefox> {
  const program = findProgram('firefox-esr');
  const profile = new TemporaryDirectory('firefox');
  const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
  writeFileSync(profile.file('user.js'), lines.join(''));
  const args = ['--headless', '--no-remote', '--profile', profile.path, '--remote-debugging-port', '0'];
  const child = spawn(program, args, { env: { ...process.env, HOME: profile.path }, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
    await profile.close();
  };
  let url: string | undefined;
  for await (const line of createInterface({ input: child.stderr })) {
    url = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  if (url === undefined) throw new Error('firefox-esr ended before it could be steered');
  child.stderr.resume();

  const socket = new WebSocket(`${url}/session`);
  await once(socket, 'open');
  const waiting = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  let credentials = { username: '', password: '' };
  let id = 0;
  const call = (method: string, params: object): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      waiting.set((id += 1), { resolve, reject });
      socket.send(JSON.stringify({ id, method, params }));
    });
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Message;
    if (message.method === 'network.authRequired') {
      const request = message.params?.request?.request;
      const given = { action: 'provideCredentials', credentials: { type: 'password', ...credentials } };
      void call('network.continueWithAuth', { request, ...given }).catch(() => {}); // the page is gone
      return;
    }
    const waits = waiting.get(message.id ?? 0);
    if (message.type === 'error') waits?.reject(new Error(message.message));
    else waits?.resolve(message.result ?? {});
  });

  await call('session.new', { capabilities: { alwaysMatch: { acceptInsecureCerts: true } } });
  await call('session.subscribe', { events: ['network.authRequired'] });
  await call('network.addIntercept', { phases: ['authRequired'] });
  const { contexts } = (await call('browsingContext.getTree', {})) as { contexts: { context: string }[] };
  const context = contexts[0]!.context;
  const evaluate = async (expression: string): Promise<unknown> => {
    const { result } = (await call('script.evaluate', { expression, target: { context }, awaitPromise: true })) as { result?: { value?: unknown } };
    return result?.value;
  };
  return {
    async read(page, given) {
      credentials = given;
      await call('browsingContext.navigate', { context, url: page, wait: 'complete' });
      return String(await evaluate('document.body.innerText'));
    },
    evaluate,
    async [Symbol.asyncDispose]() {
      socket.terminate();
      await close();
    },
  };
}
