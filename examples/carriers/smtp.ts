/** SMTP AUTH NTLM (MS-SMTPNTLM) for nodemailer, as one of its custom mechanisms. */
import { createTransport } from 'nodemailer';
import type { Credentials, Policy } from 'ntlmachine';
import { SaslClient } from 'ntlmachine/sasl';

export interface SmtpOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** Default `ntlmv2`. Servers with code of the 1990s (exim) take `ntlmv1` of `ntlmachine/legacy` only. */
  readonly policy?: Policy | undefined;
}

export function createMailer({ host, port, credentials, policy }: SmtpOptions) {
  return createTransport({
    host,
    port,
    auth: {
      type: 'custom',
      method: 'NTLM',
      user: credentials.username,
      pass: '', // stays behind the handle
    },
    customAuth: {
      async NTLM({ sendCommand }) {
        const sasl = new SaslClient({ mechanism: 'NTLM', credentials, policy });
        let reply = await sendCommand('AUTH NTLM');
        while (reply.status === 334) reply = await sendCommand(sasl.step(reply.text)!);
        if (reply.status !== 235) throw new Error(reply.response, { cause: sasl.rejected() });
        sasl.step();
      },
    },
  });
}
