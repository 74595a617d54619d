/** Whom the samples know: in an app, a directory that keeps NT hashes (`Credentials.fromNtHash`), or a verifier. */
import { Credentials } from 'ntlmachine';

const known = new Map(
  [
    { username: 'alice', domain: 'CASTLE', password: process.env.ALICE_PASSWORD },
    { username: 'bob', domain: 'CASTLE', password: process.env.BOB_PASSWORD },
  ]
    .filter(({ password }) => password !== undefined)
    .map((user) => [user.username, Credentials.fromPassword(user)]),
);

/** The domain is what the client claims: whoever has several looks at it, too. */
export const findCredentials = ({ username }) => known.get(username.toLowerCase());
