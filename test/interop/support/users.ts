/** The accounts every server of these tests knows. Nothing outside this suite uses them. */

export interface TestUser {
  readonly domain: string;
  readonly username: string;
  readonly password: string;
}

export const alice: TestUser = { domain: 'TESTDOM', username: 'alice', password: 'Passw0rd!' };

/** Latin letters outside ASCII: upper-casing must turn ü into Ü and leave ß alone. */
export const juergen: TestUser = { domain: 'TESTDOM', username: 'Jürgen', password: 'Schlüssel-ß' };

/** Nothing in ASCII, and no letter case. */
export const nihon: TestUser = { domain: 'TESTDOM', username: '日本', password: 'パスワード' };

export const testUsers: readonly TestUser[] = [alice, juergen, nihon];

/** The users as gss-ntlmssp's NTLM_USER_FILE wants them. */
export function ntlmUserFile(users: readonly TestUser[] = testUsers): string {
  return users.map(({ domain, username, password }) => `${domain}:${username}:${password}\n`).join('');
}
