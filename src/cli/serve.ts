import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { NtlmError } from '../errors.ts';
import { upperCase } from '../crypto/text.ts';
import { createNtlmServer } from '../http/server/server.ts';
import type { NtlmServerVerdict } from '../http/server/verdict.ts';
import { PASSWORD_HELP, readCredentials, userOptions } from './credentials.ts';
import { policyFrom, policyOption, takesLmHash } from './policy.ts';
import { harmless } from '../visualize/decode/text.ts';
import type { Terminal } from './terminal.ts';
import { UsageError, defineVerb } from './verb.ts';

export const serve = defineVerb({
  name: 'serve',
  description:
    'Serves HTTP on the loopback interface to one user, and tells each authenticated client who it is, as JSON. Prints ' +
    'its URL on standard output and each verdict on standard error. For trying clients, not for production.\n\n' +
    PASSWORD_HELP,
  options: {
    port: { type: 'string', short: 'p', value: 'NUMBER', help: 'TCP port; default 8080, 0 takes a free one.' },
    host: { type: 'string', value: 'ADDRESS', help: 'Address to listen on; default 127.0.0.1.' },
    ...userOptions,
    policy: policyOption('The weakest response taken; default ntlmv2.'),
    'require-mic': { type: 'boolean', help: 'Refuse a response without a MIC.' },
  },
  run: async (values, terminal) => {
    const port = portNumber(values.port ?? '8080');
    const policy = policyFrom(values.policy);
    const credentials = await readCredentials(values, terminal, { lmHash: takesLmHash(policy) });
    const { domain } = credentials;
    const isOurs = (claimed: string) => [domain, claimed].includes('') || upperCase(claimed) === upperCase(domain);
    const server = createNtlmServer({
      credentials: (claimed) => (isOurs(claimed.domain) ? credentials : undefined),
      target: { nbDomainName: domain === '' ? 'WORKGROUP' : domain, nbComputerName: 'NTLMACHINE' },
      policy,
      requireMic: values['require-mic'],
      onVerdict: (verdict, { socket }) => terminal.say(`port ${socket.remotePort}: ${describe(verdict)}`),
    });
    server.listen(port, values.host ?? '127.0.0.1');
    await once(server, 'listening');
    terminal.out(`${urlOf(server.address() as AddressInfo)}\n`);
    await stopped(terminal);
    server.close();
    server.closeAllConnections();
    credentials.wipe();
  },
});

/** @throws UsageError. */
function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 0xffff)) throw new UsageError('--port must be a number from 0 to 65535');
  return port;
}

export function urlOf({ family, address, port }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
}

function describe(verdict: NtlmServerVerdict): string {
  if (verdict instanceof NtlmError) return `${verdict.code}: ${harmless(verdict.message)}`;
  if (!verdict.ok) return `refused, ${verdict.reason}: ${harmless(verdict.error.message)}`;
  if (verdict.mechanism === 'Kerberos') return harmless(`accepted ${verdict.principal}, Kerberos`);
  const { domain, username, workstation } = verdict.identity;
  const from = workstation === '' ? '' : ` on ${workstation}`;
  return harmless(`accepted ${domain}\\${username}${from}, ${verdict.response}, MIC ${verdict.mic ? 'yes' : 'no'}`);
}

async function stopped(terminal: Terminal): Promise<void> {
  terminal.say('Press Ctrl-C to stop.');
  await new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}
