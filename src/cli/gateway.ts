import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createGateway, renderEntry, type Gateway, type GatewayEntry, type GatewayOptions } from '../gateway/index.ts';
import { harmless } from '../visualize/decode/text.ts';
import { visualize } from '../visualize/page/server.ts';
import { PASSWORD_HELP, readCredentials, userOptions } from './credentials.ts';
import { tryGateway } from './gateway-test.ts';
import { kerberosOptions, negotiatorFrom } from './kerberos.ts';
import { layered } from './layers.ts';
import { policyFrom, policyOption, takesLmHash } from './policy.ts';
import type { Terminal } from './terminal.ts';
import { UsageError, defineVerb, type OptionTable, type OptionValues } from './verb.ts';

const options = {
  upstream: {
    type: 'string',
    value: 'URL',
    multiple: true,
    help: 'Proxy to go through: http://proxy.corp:3128. Several are tried in their order.',
  },
  to: { type: 'string', value: 'URL', help: 'Server to stand for instead: https://intranet.corp.' },
  ...userOptions,
  port: { type: 'string', short: 'p', value: 'NUMBER', help: 'TCP port; default 3128, with --to 8080; 0 takes a free one.' },
  listen: { type: 'string', value: 'ADDRESS', help: 'Address to listen on; default 127.0.0.1. Another one needs --client-tokens.' },
  'no-proxy': { type: 'string', value: 'HOST', multiple: true, help: 'Hosts reached directly: intranet, .corp.example, 10.0.0.5, *.' },
  pac: { type: 'string', value: 'FILE', help: 'Proxy auto-configuration, a file or an https URL. Proxies it names get credentials only if --upstream lists them.' },
  'client-tokens': { type: 'string', value: 'FILE', help: 'Passwords for clients, one a line; any user name goes with them.' },
  'tls-cert': { type: 'string', value: 'FILE', help: 'PEM certificate, for clients that are to speak TLS.' },
  'tls-key': { type: 'string', value: 'FILE', help: 'PEM key of it.' },
  'insecure-listen': { type: 'boolean', help: 'Take clients of other machines without TLS.' },
  host: { type: 'string', value: 'HOST:PORT', multiple: true, help: 'With --to: another name under which clients reach this gateway.' },
  ...kerberosOptions,
  policy: policyOption('The weakest response sent; default ntlmv2.'),
  workstation: { type: 'string', value: 'NAME', help: 'Name of this machine in the messages; default none.' },
  cacert: { type: 'string', value: 'FILE', help: 'PEM file of the authorities to trust.' },
  'channel-bindings': { type: 'boolean', negatable: true, help: 'Bind the handshake to the TLS certificate; the default.' },
  connections: { type: 'string', value: 'NUMBER', help: 'Connections to each upstream, tunnels not counted; default 64.' },
  json: { type: 'boolean', help: 'Log one JSON object a request.' },
  watch: { type: 'boolean', help: 'Serve a page that shows its connections live, and say where.' },
  quiet: { type: 'boolean', short: 'q', help: 'Log nothing.' },
  test: { type: 'boolean', help: 'Ask for URL once, say what happened, and end.' },
} as const satisfies OptionTable;

const all = {
  ...options,
  config: { type: 'string', value: 'FILE', help: 'JSON file of these options, by their names.' },
} as const satisfies OptionTable;

type Values = OptionValues<typeof options>;

/** Milliseconds that requests under way have, once the gateway is to end. */
const DRAIN_TIME = 10_000;
const LARGEST_PAC = 1024 * 1024;

export const gateway = defineVerb({
  name: 'gateway',
  description:
    'Listens on the loopback interface. With --upstream it is a proxy that answers the 407 of the proxy behind it; with ' +
    '--to it stands for one server and answers its 401. Every program that can reach it has the identity of --user: on a ' +
    'machine with other users give --client-tokens.\n\n' +
    'Recipes, the gateway in a terminal of its own:\n\n' +
    [
      '  git, npm and curl through a proxy that wants NTLM',
      '    ntlmachine gateway --upstream http://proxy.corp:3128 -u "CORP\\me"',
      '    git config --global http.proxy http://127.0.0.1:3128',
      '    npm config set proxy http://127.0.0.1:3128',
      '    npm config set https-proxy http://127.0.0.1:3128',
      '    curl -x http://127.0.0.1:3128 https://example.com/',
      '  git, with a server that wants NTLM',
      '    ntlmachine gateway --to https://tfs.corp -u "CORP\\me"',
      '    git config --global \\',
      '      url.http://127.0.0.1:8080/.insteadOf https://tfs.corp/',
    ].join('\n') +
    '\n\n' +
    'Every option may also stand in the file of --config, or in the environment: NTLMACHINE_UPSTREAM, NTLMACHINE_NO_PROXY. ' +
    PASSWORD_HELP,
  options: all,
  operands: '[URL]',
  operandCount: [0, 1],
  run: async ({ config, ...given }, terminal, [url]) => {
    const values = await layered(options, given, terminal, config ?? terminal.env['NTLMACHINE_CONFIG']);
    if (values.test !== true && url !== undefined) throw new UsageError('a URL goes with --test only');
    const log = values.quiet === true || values.test === true ? undefined : logger(values, terminal);
    const settings = await gatewayOptions(values, terminal, log);
    const server = createGateway(settings);
    if (values.test === true) return tryGateway(server, settings, url, terminal);
    await listen(server, values);
    const { address, port, family } = server.address() as AddressInfo;
    const scheme = settings.tls === undefined ? 'http' : 'https';
    terminal.out(`${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}/\n`);
    const page = values.watch === true ? await visualize(server) : undefined;
    if (page !== undefined) terminal.say(`Watch it at ${page.url}`);
    try {
      await drained(server, terminal);
    } finally {
      await page?.close();
    }
    return 0;
  },
});

async function gatewayOptions(
  values: Values,
  terminal: Terminal,
  onExchange: ((entry: GatewayEntry) => void) | undefined,
): Promise<GatewayOptions> {
  const { upstream, to, workstation, connections } = values;
  if ((upstream === undefined) === (to === undefined)) throw new UsageError('give --upstream or --to, and not both');
  const policy = policyFrom(values.policy);
  const common = {
    ...(await identity(values, terminal, takesLmHash(policy))),
    policy,
    workstation,
    channelBindings: values['channel-bindings'],
    insecureListen: values['insecure-listen'],
    maxUpstreamConnections: connections === undefined ? undefined : number('--connections', connections),
    clientTokens: await linesOf('--client-tokens', values['client-tokens']),
    ca: await textOf('--cacert', values.cacert),
    tls: await tlsOf(values),
    onExchange,
  };
  if (to !== undefined) return { ...common, to, hosts: values.host };
  return { ...common, upstream: upstream!, noProxy: values['no-proxy'], pac: await pacText(values.pac) };
}

async function identity(values: Values, terminal: Terminal, lmHash: boolean): Promise<Pick<GatewayOptions, 'credentials' | 'negotiate'>> {
  const mutual = values.to !== undefined; // proxies, Squid above all, send no proof of theirs
  const negotiate = await negotiatorFrom(values, { user: values.user !== undefined, mutual });
  if (negotiate !== undefined && values.user === undefined) return { credentials: negotiate };
  return { credentials: await readCredentials(values, terminal, { lmHash }), negotiate };
}

async function tlsOf({ 'tls-cert': certFile, 'tls-key': keyFile }: Values): Promise<GatewayOptions['tls']> {
  if ((certFile === undefined) !== (keyFile === undefined)) throw new UsageError('--tls-cert and --tls-key go together');
  const [cert, key] = [await textOf('--tls-cert', certFile), await textOf('--tls-key', keyFile)];
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** @throws UsageError. */
async function textOf(option: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`the file of ${option} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

async function linesOf(option: string, file: string | undefined): Promise<string[] | undefined> {
  const text = await textOf(option, file);
  return text?.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
}

/** A PAC file in the clear could be anybody's: it decides where requests go. */
async function pacText(place: string | undefined): Promise<string | undefined> {
  if (place === undefined || !/^https?:/i.test(place)) return textOf('--pac', place);
  if (!/^https:/i.test(place)) throw new UsageError('--pac takes a file or an https URL');
  const response = await fetch(place, { signal: AbortSignal.timeout(10_000), redirect: 'error' }).catch(() => undefined);
  if (response?.ok !== true) throw new UsageError(`--pac: ${place} gave no file`);
  const text = await response.text();
  if (text.length > LARGEST_PAC) throw new UsageError(`--pac: the file has more than ${LARGEST_PAC} characters`);
  return text;
}

/** @throws UsageError. */
function number(option: string, text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new UsageError(`${option} must be a number`);
  return Number(text);
}

async function listen(server: Gateway, { port, listen: address = '127.0.0.1', to }: Values): Promise<void> {
  const chosen = number('--port', port ?? (to === undefined ? '3128' : '8080'));
  if (chosen > 0xffff) throw new UsageError('--port must be a number from 0 to 65535');
  server.listen(chosen, address);
  await once(server, 'listening');
  await new Promise((resolve) => setImmediate(resolve)); // an address that may not be listened on is refused by now
}

function logger({ json }: Values, terminal: Terminal): (entry: GatewayEntry) => void {
  return (entry) => {
    const line = json === true ? JSON.stringify(entry) : `${new Date(entry.time).toISOString()} ${renderEntry(entry)}`;
    terminal.say(harmless(line));
  };
}

/** Ends it on Ctrl-C, what is under way first; a second one ends it at once. */
async function drained(server: Gateway, terminal: Terminal): Promise<void> {
  const signal = (): Promise<unknown> =>
    Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const failed = once(server, 'error').then(([error]) => Promise.reject(error));
  await Promise.race([signal(), failed]);
  failed.catch(() => {});
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  terminal.say('Ending; requests under way have 10 seconds.');
  const late = new Promise((resolve) => setTimeout(resolve, DRAIN_TIME).unref());
  await Promise.race([closed, signal(), late]);
  server.closeAllConnections();
}
