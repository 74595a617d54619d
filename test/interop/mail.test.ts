/** IMAP, POP3 and SMTP with Dovecot and exim, by the examples that show them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Credentials } from 'ntlmachine';
import { ntlmv1 } from 'ntlmachine/legacy';
import { countByImap, countByPop3 } from '../../examples/carriers/mailbox.ts';
import { createMailer } from '../../examples/carriers/smtp.ts';
import { startDovecot, startExim, type Dovecot, type Exim } from './support/mail.ts';
import { alice } from './support/users.ts';

const host = '127.0.0.1';
const credentials = Credentials.fromPassword(alice);
const wrong = Credentials.fromPassword({ ...alice, password: 'wrong' });

describe('Dovecot', () => {
  let dovecot: Dovecot;
  beforeAll(async () => {
    dovecot = await startDovecot();
  });
  afterAll(() => dovecot?.close());

  it.each([
    ['IMAP', countByImap, 'imap'],
    ['POP3', countByPop3, 'pop3'],
  ] as const)('lets us into a mailbox by %s, and a wrong password not', async (_, count, protocol) => {
    const port = dovecot[protocol];
    expect(await count({ host, port, credentials })).toBe(0);
    await expect(count({ host, port, credentials: wrong })).rejects.toMatchObject({
      cause: { code: 'credentials-refused', side: 'peer' },
    });
  });

  it('says so of a mechanism that it does not have', async () => {
    await expect(countByImap({ host, port: dovecot.imap, credentials, mechanism: 'GSS-SPNEGO' })).rejects.toMatchObject({
      cause: { code: 'mechanism-refused', side: 'peer' },
    });
  });
});

describe('exim', () => {
  let exim: Exim;
  beforeAll(async () => {
    exim = await startExim();
  });
  afterAll(() => exim?.close());

  const message = { from: 'alice@example.test', to: 'bob@example.test', text: 'hello' };

  it('takes a message of nodemailer with the NTLMv1 that is all it knows', async () => {
    const mailer = createMailer({ host, port: exim.smtp, credentials, policy: ntlmv1 });
    expect((await mailer.sendMail(message)).accepted).toEqual([message.to]);
    mailer.close();
  });

  it('gets no NTLMv1 by default, and is told why by nobody but us', async () => {
    const refused = createMailer({ host, port: exim.smtp, credentials }).sendMail(message);
    await expect(refused).rejects.toMatchObject({ originalCode: 'downgrade-refused' });
  });

  it('refuses a wrong password', async () => {
    const refused = createMailer({ host, port: exim.smtp, credentials: wrong, policy: ntlmv1 }).sendMail(message);
    await expect(refused).rejects.toMatchObject({ code: 'EAUTH', responseCode: 535 });
  });
});
