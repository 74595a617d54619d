/** SOAP over Apache, by the example: the server and its NTLM are real, the Exchange behind them is a stub. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Credentials } from 'ntlmachine';
import { getInbox } from '../../examples/carriers/ews.ts';
import { startApache, type Apache } from './support/apache.ts';
import { alice } from './support/users.ts';

let apache: Apache;
beforeAll(async () => {
  apache = await startApache();
});
afterAll(() => apache?.close());

it('the envelope arrives once, as whom the credentials say, in clear and over TLS', async () => {
  const credentials = Credentials.fromPassword(alice);
  for (const url of [apache.http, apache.https]) {
    const { name, total } = await getInbox({ url: `${url}/cgi/ews`, credentials, ca: apache.ca });
    expect(name).toBe(`${alice.domain}\\${alice.username}`);
    expect(total).toBeGreaterThan(500);
  }
});

it('a wrong password is answered 401', async () => {
  const credentials = Credentials.fromPassword({ ...alice, password: 'wrong' });
  await expect(getInbox({ url: `${apache.http}/cgi/ews`, credentials })).rejects.toThrow('401');
});
