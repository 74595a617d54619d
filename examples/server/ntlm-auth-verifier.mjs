/**
 * A verifier that asks a domain controller, through Samba's winbind: `ntlm_auth --helper-protocol=ntlm-server-1`.
 *
 * The account of this process has to be in the group `winbindd_priv`; without that ntlm_auth gives no session keys.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** ntlm_auth says it in words: what says something of the account and nothing of the password. */
const ACCOUNT_REFUSED = /locked|disabled|expired|must be changed|not permitted|restriction|not allowed/i;
const UNKNOWN_USER = /does not exist/i;

const hex = (bytes) => Buffer.from(bytes).toString('hex');
/** Two colons: in base64, so that no name can end its line. */
const text = (name, value) => `${name}:: ${Buffer.from(value).toString('base64')}`;

export class NtlmAuthVerifier {
  #command;
  #helper;
  #turn = Promise.resolve();

  /** @param {{ program?: string, configFile?: string }} options `configFile`: Samba's, where it is not in its place */
  constructor({ program = 'ntlm_auth', configFile = process.env.SMB_CONF } = {}) {
    const config = configFile === undefined ? [] : [`--configfile=${configFile}`];
    this.#command = [program, [...config, '--helper-protocol=ntlm-server-1', '-d0']];
  }

  /** What `credentials` of a server asks. A helper takes one question at a time. */
  verify(question) {
    const answer = this.#turn.then(() => this.#ask(question));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  close() {
    this.#helper?.kill();
    this.#helper = undefined;
  }

  async #ask({ identity, challenge, ntChallengeResponse, lmChallengeResponse, signal }) {
    signal.throwIfAborted();
    const lines = [
      `LANMAN-Challenge: ${hex(challenge)}`,
      `NT-Response: ${hex(ntChallengeResponse)}`,
      ...(lmChallengeResponse.length === 24 ? [`LANMAN-Response: ${hex(lmChallengeResponse)}`] : []),
      text('Username', identity.username),
      ...(identity.domain === '' ? [] : [text('NT-Domain', identity.domain)]),
      'Request-User-Session-Key: Yes',
      '.',
    ];
    const answer = await this.#exchange(`${lines.join('\n')}\n`, signal);
    if (answer.get('Authenticated') === 'Yes') {
      return { ok: true, sessionBaseKey: new Uint8Array(Buffer.from(answer.get('User-Session-Key') ?? '', 'hex')) };
    }
    const message = answer.get('Authentication-Error') ?? 'refused by the domain controller';
    const reason = ACCOUNT_REFUSED.test(message) ? 'account-refused' : UNKNOWN_USER.test(message) ? 'unknown-user' : 'wrong-credentials';
    return { ok: false, reason, message };
  }

  #start() {
    const helper = spawn(...this.#command, { stdio: ['pipe', 'pipe', 'inherit'] });
    helper.stdin.on('error', () => {}); // 'close' tells
    return helper;
  }

  /** The fields of the answer, up to a dot alone. A helper that nobody waits for any more is ended: its answer is late. */
  #exchange(question, signal) {
    const helper = (this.#helper ??= this.#start());
    return new Promise((resolve, reject) => {
      const fields = new Map();
      const lines = createInterface({ input: helper.stdout });
      const done = (settle, value) => {
        lines.close();
        helper.off('error', fail);
        helper.off('close', fail);
        signal.removeEventListener('abort', abort);
        settle(value);
      };
      const fail = (cause) => {
        this.close();
        done(reject, new Error('ntlm_auth ended', { cause }));
      };
      const abort = () => {
        this.close();
        done(reject, signal.reason);
      };
      helper.once('error', fail);
      helper.once('close', fail);
      signal.addEventListener('abort', abort);
      lines.on('line', (line) => {
        // It ends a refusal with two dots: the second, which may come late, would be taken for the next answer.
        if (line === '.') return fields.has('Authenticated') || fields.has('Error') ? done(resolve, fields) : undefined;
        const [, name, isBase64, value] = /^([^:]+):(:?) (.*)$/.exec(line) ?? [];
        if (name !== undefined) fields.set(name, isBase64 ? Buffer.from(value, 'base64').toString() : value);
      });
      helper.stdin.write(question);
    });
  }
}
