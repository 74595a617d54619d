import { createReadStream, createWriteStream } from 'node:fs';
import http, { type ClientRequest, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { once } from 'node:events';
import { open as openFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Credentials } from '../crypto/credentials.ts';
import { NtlmError } from '../errors.ts';
import { NtlmAgent } from '../http/doors/agent.ts';
import type { ProxyOptions } from '../http/doors/proxy-options.ts';
import type { CredentialsProvider } from '../http/authentication/question.ts';
import { explainRefusal } from '../http/authentication/refusal.ts';
import { bodyOf, type Body } from './body.ts';
import { kerberosOptions, negotiatorFrom } from './kerberos.ts';
import { PASSWORD_HELP, PASSWORD_VARIABLE, PROXY_PASSWORD_VARIABLE, checkUser, readCredentials, userOptions } from './credentials.ts';
import { MAX_REDIRECTS, redirected, type Outgoing } from './redirect.ts';
import { policyFrom, policyOption, takesLmHash } from './policy.ts';
import type { Conversation } from '../visualize/conversation/conversation.ts';
import { record } from '../visualize/conversation/record.ts';
import { harmless } from '../visualize/decode/text.ts';
import { tellLegs } from './legs.ts';
import { readAll, type Terminal } from './terminal.ts';
import { UsageError, defineVerb, type OptionTable, type OptionValues } from './verb.ts';

const {
  user,
  domain: { short: _short, ...domain },
  ...secretOptions
} = userOptions;

const options = {
  request: {
    type: 'string',
    short: 'X',
    value: 'METHOD',
    help: 'Method; default GET, and POST where there is --data.',
  },
  data: {
    type: 'string',
    short: 'd',
    value: 'DATA',
    multiple: true,
    help: 'Body; @FILE reads it from FILE, @- from standard input. Several are joined by "&".',
  },
  header: { type: 'string', short: 'H', value: 'LINE', multiple: true, help: 'Header field, "Name: value".' },
  include: { type: 'boolean', short: 'i', help: 'Print the head of the response before its body.' },
  verbose: { type: 'boolean', short: 'v', help: 'Tell each leg, the states passed and the last head on standard error.' },
  trace: { type: 'string', value: 'FILE', help: 'Save the conversation to FILE, masked, for `explain` and the page.' },
  'trace-tokens': { type: 'boolean', help: 'Save whole tokens too, which can be cracked offline: keep FILE to yourself.' },
  output: { type: 'string', short: 'o', value: 'FILE', help: 'Write the body to FILE.' },
  fail: { type: 'boolean', short: 'f', help: 'No body and exit code 22 for a status of 400 and above.' },
  user,
  domain,
  ...secretOptions,
  ...kerberosOptions,
  workstation: { type: 'string', value: 'NAME', help: 'Name of this computer, as told to the server; default none.' },
  policy: policyOption('The weakest response sent; default ntlmv2.'),
  'channel-bindings': { type: 'boolean', negatable: true, help: 'Bind the certificate of the TLS connection; the default.' },
  location: { type: 'boolean', short: 'L', help: 'Follow redirects; another origin gets no credentials.' },
  proxy: {
    type: 'string',
    short: 'x',
    value: 'URL',
    help: 'HTTP proxy; it gets the same credentials if it asks, unless there is --proxy-user. "environment": that of http_proxy and its like.',
  },
  'proxy-user': { type: 'string', value: 'NAME', help: 'User name for the proxy.' },
  'proxy-password-file': { type: 'string', value: 'FILE', help: 'Read the password for the proxy from FILE.' },
  insecure: { type: 'boolean', short: 'k', help: 'Accept any certificate.' },
  cacert: { type: 'string', value: 'FILE', help: 'PEM file of the authorities to trust.' },
  'max-time': { type: 'string', short: 'm', value: 'SECONDS', help: 'Give up after that long.' },
} as const satisfies OptionTable;

type Values = OptionValues<typeof options>;

const EXIT_FAILED_STATUS = 22; // curl's
const LARGEST_FILE = 2 ** 20; // of certificates
const MAX_PROMPTS = 3;

export const request = defineVerb({
  name: 'request',
  description:
    "Requests URL, in curl's manners. Where the server or the proxy asks for NTLM, the user is authenticated on that " +
    'connection; no credentials go to another origin (the same host under https is the same place).\n\n' +
    PASSWORD_HELP +
    ` That for --proxy-user comes from --proxy-password-file, else from ${PROXY_PASSWORD_VARIABLE}, else from a prompt.`,
  options,
  operands: 'URL',
  operandCount: [1, 1],
  run: async (values, terminal, [operand = '']) => {
    const url = urlOf(operand);
    const agent = new NtlmAgent({
      credentials: credentialsFrom(values, terminal),
      negotiate: await negotiatorFrom(values, { user: values.user !== undefined }),
      allow: url.origin,
      policy: policyFrom(values.policy),
      workstation: values.workstation,
      channelBindings: values['channel-bindings'],
      proxy: proxyFrom(values, terminal),
      ...(values.insecure === true ? { rejectUnauthorized: false } : {}),
      ...(values.cacert === undefined ? {} : { ca: await readText('--cacert', values.cacert) }),
    });
    const tokens = values['trace-tokens'] === true ? 'whole' : 'masked';
    const recording = values.trace === undefined ? undefined : record(agent, { tokens });
    if (values.verbose === true) record(agent, { onEvent: tellLegs(terminal), limit: 1 });
    try {
      const signal = values['max-time'] === undefined ? undefined : AbortSignal.timeout(milliseconds(values['max-time']));
      const body = await bodyOf(values.data, terminal.stdin);
      let next: Outgoing = { url, method: methodOf(values), headers: headersOf(values, body), body };
      for (let redirects = 0; ; redirects += 1) {
        const outgoing = open(next, agent, signal);
        const [response] = await Promise.all([answerTo(outgoing), sendBody(outgoing, next.body)]);
        const { statusCode = 0, headers } = response;
        const following = values.location === true ? redirected(next, statusCode, headers.location) : undefined;
        if (following === undefined) return await show(response, outgoing, values, terminal);
        if (redirects === MAX_REDIRECTS) throw tooManyRedirects();
        tell(response, outgoing, values, terminal);
        response.resume();
        await once(response, 'end');
        next = following;
      }
    } finally {
      agent.destroy();
      if (recording !== undefined) await saveTrace(recording.conversation(), values.trace!);
    }
  },
});

/** @throws UsageError; the operand may hold a password and is not repeated. */
function urlOf(operand: string): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(operand) ? operand : `http://${operand}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw new UsageError('URL must be of http or https');
  if (url.username !== '' || url.password !== '')
    throw new UsageError('URL must not hold a user or password; use --user');
  return url;
}

/** Asked for only where a server asks; a prompt is repeated for who mistyped. */
function credentialsFrom(values: Values, terminal: Terminal): CredentialsProvider {
  if (values.user === undefined) return () => undefined;
  checkUser(values.user);
  const { user: name, domain: place, 'password-file': file, 'hash-file': hashFile } = values;
  const given = [file, hashFile, terminal.env[PASSWORD_VARIABLE]];
  const lmHash = takesLmHash(policyFrom(values.policy));
  const secrets = { user: name, domain: place, 'password-file': file, 'hash-file': hashFile };
  return askedOnce(given, () => readCredentials(secrets, terminal, { lmHash }));
}

/** The proxy of `--proxy`; without `--proxy-user` it asks for the same as the server. */
function proxyFrom(values: Values, terminal: Terminal): ProxyOptions | undefined {
  const { proxy, 'proxy-user': name, 'proxy-password-file': file } = values;
  if (proxy === undefined && name !== undefined) throw new UsageError('--proxy-user wants --proxy');
  if (name === undefined && file !== undefined) throw new UsageError('--proxy-password-file wants --proxy-user');
  if (proxy === undefined) return undefined;
  if (name === undefined) return { url: proxy };
  checkUser(name, { option: '--proxy-user', file: '--proxy-password-file', variable: PROXY_PASSWORD_VARIABLE });
  const password = terminal.env[PROXY_PASSWORD_VARIABLE];
  const env = { ...terminal.env, [PASSWORD_VARIABLE]: password };
  const lmHash = takesLmHash(policyFrom(values.policy));
  const read = () => readCredentials({ user: name, 'password-file': file }, { ...terminal, env }, { lmHash });
  return { url: proxy, credentials: askedOnce([file, password], read) };
}

/** `given`: what needs no prompt, which is not asked for again. */
function askedOnce(given: readonly (string | undefined)[], read: () => Promise<Credentials>): CredentialsProvider {
  const attempts = given.some((source) => source !== undefined) ? 1 : MAX_PROMPTS;
  const known = new Map<number, Promise<Credentials>>(); // the proxy asks for the same as the server
  return ({ attempt }) => {
    if (attempt > attempts) return undefined;
    const answer = known.get(attempt) ?? read();
    known.set(attempt, answer);
    return answer;
  };
}

function methodOf({ request: method, data }: Values): string {
  return method ?? (data === undefined ? 'GET' : 'POST');
}

function open({ url, method, headers }: Outgoing, agent: NtlmAgent, signal: AbortSignal | undefined): ClientRequest {
  const { request: send } = url.protocol === 'https:' ? https : http;
  return send(url, { agent, method, signal, headers });
}

function headersOf({ header = [] }: Values, body: Body | undefined): Record<string, string> {
  const headers = new Headers({ 'user-agent': 'ntlmachine', accept: '*/*' });
  if (body !== undefined) headers.set('content-type', 'application/x-www-form-urlencoded');
  if (body?.length !== undefined) headers.set('content-length', `${body.length}`);
  for (const line of header) {
    const [, name, value] = /^([!#$%&'*+\-.^_`|~\w]+)[ \t]*:([\t\x20-\x7e]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new UsageError('--header must be "Name: value", in ASCII');
    headers.set(name, value);
    if (name.toLowerCase() === 'transfer-encoding') headers.delete('content-length');
  }
  return Object.fromEntries(headers);
}

function milliseconds(seconds: string): number {
  if (!(Number(seconds) > 0)) throw new UsageError('--max-time must be seconds above 0');
  return Math.ceil(Number(seconds) * 1000);
}

async function sendBody(outgoing: ClientRequest, body: Body | undefined): Promise<void> {
  if (body === undefined) return void outgoing.end();
  await pipeline(body.open(), outgoing).catch((error: Error) => outgoing.destroy(error));
}

function tooManyRedirects(): NtlmError {
  return new NtlmError(`more than ${MAX_REDIRECTS} redirects`, { code: 'too-many-legs', phase: 'transport', side: 'peer' });
}

async function answerTo(outgoing: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return response;
}

async function show(
  response: IncomingMessage,
  outgoing: ClientRequest,
  values: Values,
  terminal: Terminal,
): Promise<number> {
  const { statusCode: status = 0 } = response;
  tell(response, outgoing, values, terminal);
  const failed = values.fail === true && status >= 400;
  const refusal = explainRefusal(response);
  if (refusal !== undefined)
    terminal.say(`ntlmachine request: ${status}, ${refusal.code}: ${harmless(refusal.message)}`);
  else if (failed) terminal.say(`ntlmachine request: the server answered ${status}`);
  if (failed) return EXIT_FAILED_STATUS;
  if (values.include === true) terminal.out(`${headLines(response).join('\r\n')}\r\n\r\n`);
  if (values.output !== undefined) await pipeline(response, createWriteStream(values.output));
  else for await (const bytes of response) terminal.out(bytes as Uint8Array);
  return 0;
}

/** For who wants to see what went on, redirects too. */
function tell(response: IncomingMessage, outgoing: ClientRequest, { verbose }: Values, terminal: Terminal): void {
  if (verbose !== true) return;
  terminal.say(`> ${outgoing.method} ${harmless(outgoing.path)}`);
  for (const line of headLines(response)) terminal.say(`< ${harmless(line)}`);
}

function headLines({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): string[] {
  const lines = [`HTTP/${httpVersion} ${statusCode} ${statusMessage}`];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return lines;
}

/** For its owner alone, also where the file is there already. */
async function saveTrace(conversation: Conversation, path: string): Promise<void> {
  const warning = conversation.tokens === 'whole' ? { warning: 'whole tokens: passwords can be guessed from this file; keep it to yourself' } : {};
  const file = await openFile(path, 'w', 0o600);
  try {
    await file.chmod(0o600);
    await file.writeFile(`${JSON.stringify({ ...warning, ...conversation }, null, 1)}\n`);
  } finally {
    await file.close();
  }
}

async function readText(option: string, path: string): Promise<string> {
  return new TextDecoder().decode(await readAll(createReadStream(path), option, LARGEST_FILE));
}
