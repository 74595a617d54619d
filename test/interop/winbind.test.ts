/**
 * The user who is logged on, by winbind's helper, against Apache. A winbind that keeps a password wants a domain that the
 * machine has joined: here the same helper is given the password itself, and without one it says what it misses.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getAsCurrentUser } from '../../examples/carriers/winbind.ts';
import { startApache, type Apache, type Whoami } from './support/apache.ts';
import { alice } from './support/users.ts';

let apache: Apache;
beforeAll(async () => {
  apache = await startApache();
});
afterAll(() => apache?.close());

const { username, domain, password } = alice;

test('its two messages, by the helper', async () => {
  const { status, text } = await getAsCurrentUser(`${apache.http}/cgi/whoami`, { username, domain }, ['--configfile=/dev/null', `--password=${password}`]);
  expect([status, (JSON.parse(text) as Whoami).user]).toEqual([200, `${domain}\\${username}`]);
});

test('a wrong password is refused', async () => {
  expect(await getAsCurrentUser(`${apache.http}/cgi/whoami`, { username, domain }, ['--configfile=/dev/null', '--password=wrong'])).toMatchObject({ status: 401 });
});

test('where winbind keeps no password', async () => {
  await expect(getAsCurrentUser(`${apache.http}/cgi/whoami`, { username, domain })).rejects.toThrow(/ntlm_auth: winbind keeps no password of this user/);
});
