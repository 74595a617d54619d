/**
 * Electron's `login` event. Chromium speaks NTLM itself, and asks the app for a name and a password; unanswered, it shows the
 * 401. For the requests of the main process there are `NtlmAgent` and `createNtlmFetch`.
 *
 * ```ts
 * app.on('login', answerLogins({ hosts: ['keep.castle.example'], ask: showSignIn }));
 * ```
 */

/** What Electron tells of a challenge. */
export interface AuthInfo {
  readonly isProxy: boolean;
  /** `ntlm`, `negotiate`, `basic` or `digest`. */
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
}

export interface Login {
  /** `alice@castle.example` or `CASTLE\alice`. */
  readonly username: string;
  readonly password: string;
}

export interface LoginOptions {
  /** Who may be told a name and a password, a proxy included. */
  readonly hosts: readonly string[];
  /** Shows a form; `undefined` where it was cancelled. `again`: the last answer was refused. */
  readonly ask: (info: AuthInfo, again: boolean) => Promise<Login | undefined>;
}

type Answer = (username?: string, password?: string) => void;
type Listener = (event: { preventDefault(): void }, contents: unknown, details: { readonly firstAuthAttempt?: boolean }, info: AuthInfo, answer: Answer) => void;

/** Refusals of one password are few: an account locks after some. */
const MOST = 2;

export function answerLogins({ hosts, ask }: LoginOptions): Listener {
  const asked = new Map<string, number>();
  return (event, _contents, { firstAuthAttempt }, info, answer) => {
    const { scheme, host, port } = info;
    // Without this Electron cancels; Basic would send the password itself.
    if (!['ntlm', 'negotiate'].includes(scheme) || !hosts.includes(host)) return;
    event.preventDefault();
    const place = `${host}:${port}`;
    const before = firstAuthAttempt === true ? 0 : (asked.get(place) ?? 0);
    asked.set(place, before + 1);
    if (before >= MOST) return answer();
    void ask(info, before > 0).then(
      (login) => (login === undefined ? answer() : answer(login.username, login.password)),
      () => answer(),
    );
  };
}
