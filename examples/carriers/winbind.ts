/**
 * NTLM as whoever is logged on to Linux, without a password: winbind keeps one since the logon (pam_winbind with
 * `cached_login`, or `wbinfo --ccache-save`), and its helper `ntlm_auth --use-cached-creds` makes the messages. The two
 * services of the machine that make messages are replaced by it; when each may be made, and what the challenge must
 * have, stays the machine's.
 *
 * What winbind's messages lack: no name of the service is in them (SPN), and no binding to TLS, so they can be relayed, and a
 * server with Extended Protection refuses them. Prefer Kerberos: `currentUser()` of ntlmachine/kerberos.
 */
import { spawn } from 'node:child_process';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { fromPromise } from 'xstate';
import { Credentials, SessionKey, createNtlmActor, ntlmMachine, type NtlmActor } from 'ntlmachine';

/** One handshake of the helper: `YR` asks for type 1, `TT` and a challenge for type 3. */
function winbind(account: { readonly username: string; readonly domain: string }, options: readonly string[]) {
  const args = ['--helper-protocol=ntlmssp-client-1', `--username=${account.username}`, `--domain=${account.domain}`, ...options];
  const helper = spawn('ntlm_auth', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  helper.on('error', () => {}); // no answer comes then, which is said below
  helper.stdin.on('error', () => {});
  const lines = createInterface(helper.stdout)[Symbol.asyncIterator]();
  return {
    async ask(line: string, expected: readonly string[]): Promise<Uint8Array<ArrayBuffer>> {
      helper.stdin.write(`${line}\n`);
      const { value = '' } = (await lines.next()) as { value?: string };
      const [code = '', base64 = ''] = value.split(' ');
      if (!expected.includes(code)) throw new Error(`ntlm_auth: ${code === 'PW' ? 'winbind keeps no password of this user' : value || 'no answer'}`);
      return Uint8Array.from(Buffer.from(base64, 'base64'));
    },
    end: (): void => void helper.stdin.end(),
  };
}

/** The handshake of one connection. `end` it with the connection. */
export function openHandshake(account: { readonly username: string; readonly domain: string }, options: readonly string[] = ['--use-cached-creds']): { actor: NtlmActor; end(): void } {
  const helper = winbind(account, options);
  const machine = ntlmMachine.provide({
    actors: {
      encodeNegotiate: fromPromise(() => helper.ask('YR', ['YR'])),
      authenticate: fromPromise(async ({ input: { challengeToken, challenge } }) => ({
        token: await helper.ask(`TT ${Buffer.from(challengeToken).toString('base64')}`, ['KK', 'AF']),
        negotiateFlags: challenge.negotiateFlags,
        response: 'ntlmv2' as const,
        mic: false,
        sessionKey: new SessionKey(new Uint8Array(16)), // the helper keeps its own: nothing is signed or sealed over HTTP
      })),
    },
  });
  const credentials = Credentials.fromPassword({ ...account, password: '' }); // its name alone is looked at
  return { actor: createNtlmActor({ credentials }, { machine }), end: helper.end };
}

/** GETs a page as the user who is logged on. */
export async function getAsCurrentUser(url: string, account: { readonly username: string; readonly domain: string }, options?: readonly string[]): Promise<{ status: number; text: string }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 }); // NTLM belongs to the connection
  const { actor, end } = openHandshake(account, options);
  /** What the machine makes next, or why it makes nothing. */
  const made = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const emitted = actor.on('token', ({ token }) => (emitted.unsubscribe(), resolve(`NTLM ${Buffer.from(token).toString('base64')}`)));
      actor.subscribe(({ context: { error } }) => error !== undefined && reject(error.cause ?? error));
    });
  try {
    const type1 = made();
    actor.send({ type: 'negotiate' });
    const { challenge } = await get(url, agent, await type1);
    if (challenge === undefined) throw new Error(`${url} answers type 1 without a challenge`);
    const type3 = made();
    actor.send({ type: 'challenge', token: challenge });
    const { status, text } = await get(url, agent, await type3);
    actor.send({ type: status === 401 ? 'rejected' : 'accepted' });
    return { status, text };
  } finally {
    end();
    agent.destroy();
  }
}

function get(url: string, agent: Agent, authorization: string): Promise<{ status: number; text: string; challenge: Uint8Array | undefined }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, headers: { authorization } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        const [, base64] = /\bNTLM ([A-Za-z0-9+/=]+)/.exec(response.headers['www-authenticate'] ?? '') ?? [];
        resolve({ status: response.statusCode ?? 0, text, challenge: base64 === undefined ? undefined : Uint8Array.from(Buffer.from(base64, 'base64')) });
      });
    });
    outgoing.on('error', reject).end();
  });
}
