/** What people have at hand when it fails, each made anew by the library: tokens, heads, a curl log, a HAR. */
import { Credentials, NtlmClient } from 'ntlmachine';
import { NtlmAcceptor } from 'ntlmachine/acceptor';

export interface Example {
  readonly name: string;
  readonly title: string;
  readonly text: () => string;
}

interface Leg {
  readonly request: readonly string[];
  readonly status: number;
  readonly response: readonly string[];
}

const RIGHT = 'drawbridge-41';
const REASONS: Readonly<Record<number, string>> = { 200: 'OK', 401: 'Unauthorized' };
const DAY = 86_400_000;

const alice = (password: string): Credentials => Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password });
const targetOf = (name: string) => ({ nbDomainName: 'CASTLE', nbComputerName: name, dnsDomainName: 'castle.example', dnsComputerName: `${name.toLowerCase()}.castle.example` });
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const filetime = (time: number): bigint => BigInt(time + 11_644_473_600_000) * 10_000n;

interface Choices {
  readonly password?: string;
  /** Of the server's clock, in milliseconds. */
  readonly ahead?: number;
  readonly status?: number;
  /** What comes with the last answer. */
  readonly last?: (negotiate: Uint8Array) => readonly string[];
}

function challengeOf(negotiate: Uint8Array, ahead = 0, server = 'KEEP'): Uint8Array {
  return new NtlmAcceptor({ credentials: alice(RIGHT), target: targetOf(server), now: () => filetime(Date.now() + ahead) }).challenge(negotiate);
}

function legsOf({ password = RIGHT, ahead = 0, status = 200, last = () => [] }: Choices): readonly Leg[] {
  const client = new NtlmClient({ credentials: alice(password), spn: 'HTTP/keep.castle.example' });
  const negotiate = client.negotiate();
  const challenge = challengeOf(negotiate, ahead);
  const date = `Date: ${new Date(Date.now() + ahead).toUTCString()}`;
  return [
    { request: [], status: 401, response: ['WWW-Authenticate: NTLM', date] },
    { request: [`Authorization: NTLM ${base64(negotiate)}`], status: 401, response: [`WWW-Authenticate: NTLM ${base64(challenge)}`, date] },
    { request: [`Authorization: NTLM ${base64(client.respond(challenge))}`], status, response: [...last(negotiate), date] },
  ];
}

const requestHead = ({ request }: Leg): string[] => ['GET /orders HTTP/1.1', 'Host: keep.castle.example', ...request, ''];
const responseHead = ({ status, response }: Leg): string[] => [`HTTP/1.1 ${status} ${REASONS[status] ?? ''}`, 'Server: Microsoft-IIS/10.0', ...response, 'Content-Length: 0', ''];

function curl(legs: readonly Leg[], secure = false): string {
  const port = secure ? 443 : 80;
  const lines = legs.flatMap((leg) => [...requestHead(leg).map((line) => `> ${line}`), ...responseHead(leg).map((line) => `< ${line}`), '* Connection #0 to host keep.castle.example left intact']);
  const tls = secure ? ['* SSL connection using TLSv1.3 / TLS_AES_256_GCM_SHA384'] : [];
  return [`* Connected to keep.castle.example (192.0.2.7) port ${port} (#0)`, ...tls, ...lines].join('\n');
}

function har(legs: readonly Leg[]): string {
  const headers = (lines: readonly string[]) => lines.map((line) => ({ name: line.slice(0, line.indexOf(':')), value: line.slice(line.indexOf(':') + 2) }));
  const entries = legs.map((leg, i) => ({
    startedDateTime: new Date(Date.now() + i * 40).toISOString(),
    time: 20,
    connection: '7',
    request: { method: 'GET', url: 'http://keep.castle.example/orders', httpVersion: 'HTTP/1.1', headers: headers(['Host: keep.castle.example', ...leg.request]) },
    response: { status: leg.status, statusText: REASONS[leg.status] ?? '', httpVersion: 'HTTP/1.1', headers: headers(leg.response), content: {} },
  }));
  return JSON.stringify({ log: { version: '1.2', creator: { name: 'browser', version: '1' }, entries } }, null, 1);
}

const again = (): readonly string[] => ['WWW-Authenticate: NTLM'];

export const examples: readonly Example[] = [
  { name: 'works', title: 'It works', text: () => curl(legsOf({})) },
  { name: 'wrong-password', title: 'Wrong password', text: () => curl(legsOf({ password: 'portcullis-41', status: 401, last: again })) },
  { name: 'clock', title: 'Clock', text: () => har(legsOf({ ahead: 3 * DAY, status: 401, last: again })) },
  { name: 'bindings', title: 'No bindings', text: () => curl(legsOf({ status: 401, last: again }), true) },
  {
    name: 'balancer',
    title: 'Load balancer',
    text: () => {
      const other = (negotiate: Uint8Array): readonly string[] => [`WWW-Authenticate: NTLM ${base64(challengeOf(negotiate, 0, 'TOWER'))}`];
      return legsOf({ status: 401, last: other }).flatMap((leg) => [...requestHead(leg), ...responseHead(leg)]).join('\n');
    },
  },
  { name: 'kerberos', title: 'Negotiate alone', text: () => [...requestHead({ request: [], status: 401, response: [] }), ...responseHead({ request: [], status: 401, response: ['WWW-Authenticate: Negotiate', 'WWW-Authenticate: Basic realm="keep"'] })].join('\n') },
  { name: 'challenge', title: 'A challenge', text: () => `WWW-Authenticate: NTLM ${base64(challengeOf(new NtlmClient({ credentials: alice(RIGHT) }).negotiate()))}` },
];
