/** Failures from the field, each as the legs that a client's end sees, with its truth in words that a first sentence must hold. */
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, type NtlmClientOptions } from '../../src/index.ts';
import { NegotiateFlags as F, encodeChallenge } from '../../src/messages/index.ts';
import { MechType, encodeNegTokenInit, encodeNegTokenResp } from '../../src/spnego/messages/index.ts';
import type { Leg } from '../support/recordings.ts';
import { kerberosMade, kerberosToken, type KerberosTokenName } from '../vectors/kerberos.ts';

type Fields = readonly (readonly [string, string])[];

export interface Situation {
  readonly name: string;
  readonly legs: readonly Leg[];
  readonly tls?: boolean;
  /** What the first sentence says. */
  readonly sentence: RegExp;
  readonly outcome: string;
  /** Recordings that cannot show it, and what they say instead. */
  readonly except?: Readonly<Record<string, RegExp>>;
  /** Causes that must not be named at all. */
  readonly never?: readonly string[];
}

export const START = Date.UTC(2026, 10, 26, 12, 0, 0);
const PASSWORD = 'Correct horse';
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const target = (name = 'KEEP') => ({ nbDomainName: 'CASTLE', nbComputerName: name, dnsDomainName: 'castle.example', dnsComputerName: `${name.toLowerCase()}.castle.example` });
const alice = (password = PASSWORD, domain = 'CASTLE', username = 'alice') => Credentials.fromPassword({ username, domain, password });
const filetime = (ms: number): bigint => BigInt(ms + 11_644_473_600_000) * 10_000n;

interface Tokens {
  readonly negotiate: string;
  readonly challenge: string;
  readonly authenticate: string;
}

interface Choices {
  readonly credentials?: Credentials;
  readonly server?: string;
  /** Of the server's clock, in milliseconds. */
  readonly ahead?: number;
  readonly client?: Partial<NtlmClientOptions>;
}

export function tokens({ credentials = alice(), server = 'KEEP', ahead = 0, client = {} }: Choices = {}): Tokens {
  const initiator = new NtlmClient({ credentials, now: () => filetime(START), spn: 'HTTP/keep.castle.example', ...client });
  const negotiate = initiator.negotiate();
  const challenge = new NtlmAcceptor({ credentials: alice(), target: target(server), now: () => filetime(START + ahead) }).challenge(negotiate);
  return { negotiate: base64(negotiate), challenge: base64(challenge), authenticate: base64(initiator.respond(challenge)) };
}

const ask = { server: 'WWW-Authenticate', proxy: 'Proxy-Authenticate' } as const;
const give = { server: 'Authorization', proxy: 'Proxy-Authorization' } as const;
type Side = keyof typeof ask;

interface LegChoices {
  readonly at?: number;
  readonly connection?: string;
  readonly send?: string | undefined;
  readonly status?: number | undefined;
  readonly offer?: readonly string[];
  readonly fields?: Fields;
  readonly side?: Side;
  readonly version?: string;
  readonly end?: Leg['end'];
  readonly body?: string;
  readonly method?: string;
  readonly target?: string;
}

export function leg({ at = 0, connection = '1', send, status, offer = [], fields = [], side = 'server', version, end, body, method, target: path = '/orders' }: LegChoices): Leg {
  const date = ['Date', new Date(START + at).toUTCString()] as const;
  return {
    connection,
    time: START + at,
    request: { ...(method === undefined ? {} : { method }), target: path, headers: [['Host', 'keep.castle.example'], ...(send === undefined ? [] : [[give[side], send] as const])] },
    response: status === undefined ? undefined : { status, ...(version === undefined ? {} : { version }), headers: [...offer.map((value) => [ask[side], value] as const), ...(fields.some(([name]) => name === 'Date') ? [] : [date]), ...fields], ...(body === undefined ? {} : { body }) },
    end,
  };
}

/** 401, type 1 and 2, type 3 and `last`. */
export function handshake(t: Tokens, last: LegChoices, { scheme = 'NTLM', side = 'server', status = side === 'proxy' ? 407 : 401, fields = [] as Fields, connection = '1' } = {} as { scheme?: string; side?: Side; status?: number; fields?: Fields; connection?: string }): Leg[] {
  return [
    leg({ at: 0, connection, status, side, offer: [scheme], fields }),
    leg({ at: 10, connection, send: `${scheme} ${t.negotiate}`, status, side, offer: [`${scheme} ${t.challenge}`], fields }),
    leg({ at: 20, connection, send: `${scheme} ${t.authenticate}`, side, fields, ...last }),
  ];
}

const weak = base64(
  encodeChallenge({ negotiateFlags: (F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM | F.REQUEST_TARGET) >>> 0, targetName: 'CASTLE', serverChallenge: new Uint8Array(8).fill(7), targetInfo: undefined, version: undefined }),
);
const noInfo = base64(
  encodeChallenge({ negotiateFlags: (F.NEGOTIATE_UNICODE | F.NEGOTIATE_NTLM | F.NEGOTIATE_EXTENDED_SESSIONSECURITY | F.NEGOTIATE_TARGET_INFO) >>> 0, targetName: 'CASTLE', serverChallenge: new Uint8Array(8).fill(7), targetInfo: [], version: undefined }),
);
const t = tokens();
const wrongPassword = tokens({ credentials: alice('Wrong horse') });
const ticket = base64(kerberosToken('AP-REQ in SPNEGO'));
const kerberosAt = kerberosMade - START;
/** A ticket for HTTP/keep.castle.example, and what became of it. */
const ticketed = ({ token = ticket, answer, ahead = 0, at = kerberosAt, ...last }: LegChoices & { token?: string; answer?: KerberosTokenName; ahead?: number } = {}): Leg[] => [
  leg({ at, status: 401, offer: ['Negotiate'], fields: [dated(at + ahead)] }),
  leg({ at: at + 10, send: `Negotiate ${token}`, status: 401, offer: [answer === undefined ? 'Negotiate' : `Negotiate ${base64(kerberosToken(answer))}`], fields: [dated(at + 10 + ahead)], ...last }),
];
const dated = (at: number): Fields[number] => ['Date', new Date(START + at).toUTCString()];
const KERBEROS_ERRORS = [
  ['the clock of the server is 600 s ahead', /the clocks are too far apart/, 600],
  ['the clock of the server is 600 s ahead, in SPNEGO', /the clocks are too far apart/, 600],
  ['the ticket has expired', /the ticket has expired(?:\.$| by the server's clock.*4000\d seconds ahead)/, 40_000],
  ['the ticket is not yet valid', /not valid yet/, -600],
  ['another key of the same number', /encrypted with another key than the server has of "HTTP\/keep\.castle\.example"/, 0],
  ['another key of the same number, in SPNEGO', /encrypted with another key/, 0],
  ['a keytab that is out of date', /its keytab is out of date/, 0],
  ['a ticket for another service', /the server has no key of "HTTP\//, 0],
  ['a replay', /has seen this very token before/, 0],
] as const;
/** The client speaks to the KDC through the server, by requests of one connection, all within SPNEGO. */
const IAKERB = [MechType.IAKERB, MechType.KERBEROS];
const ANSWERED = { 1: 2, 3: 4, 5: 6, 7: 8 } as const;
const iakerb = (last: LegChoices, legs: number): Leg[] =>
  ([1, 3, 5, 7] as const).slice(0, legs).map((at) => {
    const token = kerberosToken(at === 5 && legs === 3 ? 'IAKERB, unknown service, 5 of the initiator' : `IAKERB, ${at} of the initiator`);
    const sent = at === 1 ? encodeNegTokenInit({ mechTypes: IAKERB, mechToken: token }) : encodeNegTokenResp({ responseToken: token });
    return leg({ at: kerberosAt + at, send: `Negotiate ${base64(sent)}`, status: 401, offer: [answered(`IAKERB, ${ANSWERED[at]} of the acceptor`)], fields: [dated(kerberosAt + at)], ...(at === legs * 2 - 1 ? last : {}) });
  });
const answered = (name: KerberosTokenName): string => `Negotiate ${base64(encodeNegTokenResp({ negState: 'accept-incomplete', supportedMech: MechType.IAKERB, responseToken: kerberosToken(name) }))}`;
const rejectSpnego = 'oQcwBaADCgEC';
const bare = { status: 401, offer: ['NTLM'] } as const;
const password = /password is wrong/;

export const SITUATIONS: readonly Situation[] = [
  { name: 'the password is wrong', legs: handshake(wrongPassword, bare), sentence: /refused a well-formed response.*most likely the password is wrong/, outcome: 'rejected', never: ['domain-mismatch', 'spn-mismatch'] },
  { name: 'the proxy password is wrong', legs: handshake(wrongPassword, { status: 407, offer: ['NTLM'] }, { side: 'proxy' }), sentence: /^The proxy refused a well-formed response of "CASTLE\\alice".*407.*password is wrong/, outcome: 'rejected', never: ['channel-bindings-absent'] },
  { name: 'accepted', legs: handshake(t, { status: 200 }), sentence: /^The server accepted "CASTLE\\alice" and answered 200\.$/, outcome: 'accepted' },
  { name: 'accepted, and the page fails', legs: handshake(t, { status: 500 }), sentence: /accepted "CASTLE\\alice" and answered 500/, outcome: 'accepted' },
  { name: 'accepted, then 404', legs: handshake(t, { status: 404 }), sentence: /accepted "CASTLE\\alice" and answered 404/, outcome: 'accepted' },
  { name: 'accepted by both proxy and server', legs: [...handshake(t, { status: 401, offer: [] }, { side: 'proxy' }).slice(0, 2), leg({ at: 20, side: 'proxy', send: `NTLM ${t.authenticate}`, status: 200 })], sentence: /The proxy accepted/, outcome: 'accepted' },
  { name: 'refused, then accepted with another password', legs: [...handshake(wrongPassword, bare), leg({ at: 5000, send: `NTLM ${t.negotiate}`, status: 401, offer: [`NTLM ${t.challenge}`] }), leg({ at: 5010, send: `NTLM ${t.authenticate}`, status: 200 })], sentence: /accepted "CASTLE\\alice" and answered 200/, outcome: 'accepted' },
  { name: 'not permitted', legs: handshake(t, { status: 403 }), sentence: /accepted "CASTLE\\alice" and answered 403.*no right/, outcome: 'rejected' },
  { name: 'locked, as the page says', legs: handshake(t, { ...bare, body: 'The account is locked out' }), sentence: /account is locked/, outcome: 'rejected', except: { mitmdump: password } },
  { name: 'disabled, as the page says', legs: handshake(t, { ...bare, body: '<p>This account has been disabled. Contact your administrator.</p>' }), sentence: /account is disabled/, outcome: 'rejected', except: { mitmdump: password } },
  { name: 'the password has expired, as the page says', legs: handshake(t, { ...bare, body: 'Your password has expired and must be changed.' }), sentence: /password has expired/, outcome: 'rejected', except: { mitmdump: password } },
  { name: '401.3', legs: handshake(t, { ...bare, body: '<h3>HTTP Error 401.3 - Unauthorized</h3>You do not have permission to view this directory or page because of the access control list (ACL) configuration' }), sentence: /may not see this page|access control list/, outcome: 'rejected', except: { mitmdump: password } },
  { name: 'the default page of IIS says nothing', legs: handshake(t, { ...bare, body: '<h2>401 - Unauthorized: Access is denied due to invalid credentials.</h2><h3>You do not have permission to view this directory or page using the credentials that you supplied.</h3>' }), sentence: password, outcome: 'rejected' },
  { name: 'another domain', legs: handshake(tokens({ credentials: alice(PASSWORD, 'VILLAGE') }), bare), sentence: /domain "VILLAGE", and the server's is "CASTLE"/, outcome: 'rejected' },
  { name: 'the clock is an hour off', legs: handshake(tokens({ ahead: 3_600_000 }), { ...bare, fields: [['Date', new Date(START + 3_600_000).toUTCString()]] }, { fields: [['Date', new Date(START + 3_600_000).toUTCString()]] }), sentence: /clocks are 3600 seconds apart: the server's is ahead of/, outcome: 'rejected', except: { curl: password, 'curl with times and ids': password, 'curl --trace-ascii': password, 'curl --trace': password, heads: password, 'heads, CRLF': password, mitmdump: password, 'tshark -x': password, 'follow stream, hex': password } },
  { name: 'an alias', legs: handshake(tokens({ client: { spn: 'HTTP/portal.castle.example' } }), bare), sentence: /password is wrong, or the server does not own the service name "HTTP\/portal\.castle\.example"/, outcome: 'rejected' },
  { name: 'anonymous', legs: handshake(tokens({ credentials: Credentials.anonymous() }), bare), sentence: /anonymous user/, outcome: 'rejected', never: ['wrong-password', 'channel-bindings-absent', 'clock-skew', 'mic-absent', 'spn-absent'] },
  { name: 'guest', legs: handshake(tokens({ credentials: alice(PASSWORD, 'CASTLE', 'Guest') }), bare), sentence: /Guest, which is disabled/, outcome: 'rejected' },
  { name: 'no bindings over TLS', tls: true, legs: handshake(t, bare), sentence: /password is wrong, or the server demands channel bindings/, outcome: 'rejected', except: { heads: password, 'heads, CRLF': password, mitmdump: password, pcap: password, 'pcap, big-endian, nanoseconds': password, pcapng: password, 'tshark -x': password, 'follow stream, hex': password, 'curl --trace-ascii': password, 'curl --trace': password } },
  { name: 'NTLMv1 only', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: [`NTLM ${weak}`] })], sentence: /NTLMv1 only/, outcome: 'unfinished' },
  { name: 'no target information', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: [`NTLM ${noInfo}`] })], sentence: /no target information/, outcome: 'unfinished' },
  { name: 'garbage challenge', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: ['NTLM @@garbage@@'] })], sentence: /cannot be read.*no base64/, outcome: 'refused' },
  { name: 'a challenge of another kind', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: ['NTLM aGVsbG8gd29ybGQhISEh'] })], sentence: /neither NTLM nor SPNEGO/, outcome: 'refused' },
  { name: 'a truncated challenge', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: [`NTLM ${t.challenge.slice(0, 64)}`] })], sentence: /challenge does not follow its format/, outcome: 'unfinished' },
  { name: 'NTLM is named and not carried out', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: ['NTLM'] })], sentence: /names NTLM and does not carry it out/, outcome: 'rejected' },
  { name: 'Kerberos only', legs: [leg({ status: 401, offer: ['Negotiate'] }), leg({ at: 10, send: `Negotiate ${t.negotiate}`, status: 401, offer: ['Negotiate'] })], sentence: /Kerberos only/, outcome: 'rejected' },
  { name: 'SPNEGO says reject', legs: [leg({ status: 401, offer: ['Negotiate'] }), leg({ at: 10, send: `Negotiate ${t.negotiate}`, status: 401, offer: [`Negotiate ${rejectSpnego}`] })], sentence: /refuses NTLM as a mechanism/, outcome: 'unfinished' },
  { name: 'a ticket is refused', legs: ticketed(), sentence: /refused a Kerberos ticket for "HTTP\/keep\.castle\.example" of the realm "CASTLE\.EXAMPLE" \(401\): most likely the server cannot decrypt the ticket/, outcome: 'rejected' },
  { name: 'a ticket without SPNEGO is refused', legs: ticketed({ token: base64(kerberosToken('AP-REQ')) }), sentence: /refused a Kerberos ticket for "HTTP\/keep\.castle\.example".*cannot decrypt the ticket/, outcome: 'rejected' },
  { name: 'a ticket is accepted', legs: ticketed({ status: 200, answer: 'AP-REP in SPNEGO' }), sentence: /^The server accepted a Kerberos ticket for "HTTP\/keep\.castle\.example" of the realm "CASTLE\.EXAMPLE", not NTLM, and answered 200\.$/, outcome: 'accepted' },
  { name: 'a ticket is accepted, without a right', legs: ticketed({ status: 403, answer: 'AP-REP in SPNEGO' }), sentence: /accepted a Kerberos ticket.*answered 403.*no right/, outcome: 'rejected' },
  { name: 'a ticket is too long', legs: ticketed({ status: 431 }), sentence: /431 to the ticket.*too long/, outcome: 'rejected' },
  { name: 'the answer to a ticket is lost', legs: ticketed({ status: undefined, end: 'closed' }), sentence: /closed before the ticket was answered/, outcome: 'unfinished', except: { heads: /its answer is not in here/, 'heads, CRLF': /its answer is not in here/, mitmdump: /its answer is not in here/, 'follow stream, hex': /its answer is not in here/ } },
  { name: 'a ticket for another name', legs: ticketed({ token: base64(kerberosToken('AP-REQ for another service')) }), sentence: /the ticket is for "HTTP\/tower\.castle\.example", and the server was asked for as "keep\.castle\.example"/, outcome: 'rejected' },
  ...KERBEROS_ERRORS.map(([name, sentence, ahead]): Situation => ({ name: `a ticket, ${name}`, legs: ticketed({ token: name.endsWith('SPNEGO') ? ticket : base64(kerberosToken(name === 'a ticket for another service' ? 'AP-REQ for another service' : 'AP-REQ')), answer: name, ahead: ahead * 1000 }), sentence, outcome: 'rejected' })),
  { name: 'a ticket that was used for too long', legs: ticketed({ at: kerberosAt + 40_000_000, token: base64(kerberosToken('AP-REQ')), answer: 'the ticket has expired' }), sentence: /the ticket has expired\.$/, outcome: 'rejected' },
  { name: 'IAKERB', legs: iakerb({ status: 200 }, 4), sentence: /accepted a Kerberos ticket for "HTTP\/keep\.castle\.example".*answered 200/, outcome: 'accepted' },
  { name: 'IAKERB, the service is unknown', legs: iakerb({ offer: [answered('IAKERB, unknown service, 6 of the acceptor')] }, 3), sentence: /IAKERB, TGS-REQ.*the KDC does not know the service "HTTP\/nobody\.castle\.example"/, outcome: 'rejected' },
  { name: 'NEGOEX is refused', legs: ticketed({ token: base64(encodeNegTokenInit({ mechTypes: [MechType.NEGOEX, MechType.NTLMSSP], mechToken: Uint8Array.from([...Buffer.from('NEGOEXTS'), ...new Uint8Array(120)]) })) }), sentence: /refused a token of NEGOEX \(401\)/, outcome: 'rejected' },
  { name: 'Basic only', legs: [leg({ status: 401, offer: ['Basic realm="intranet, of CASTLE"'] })], sentence: /does not offer NTLM, but Basic only/, outcome: 'rejected' },
  { name: 'Basic only, answered by type 1', legs: [leg({ send: `NTLM ${t.negotiate}`, status: 401, offer: ['Basic realm="x"'] })], sentence: /does not offer NTLM, but Basic only/, outcome: 'rejected' },
  { name: 'Bearer and Digest', legs: [leg({ status: 401, offer: ['Bearer', 'Digest realm="x", nonce="y", qop="auth"'] })], sentence: /Bearer and Digest only/, outcome: 'rejected' },
  { name: 'nothing offered', legs: [leg({ status: 401 })], sentence: /401 names no scheme/, outcome: 'rejected' },
  { name: '407 stripped', legs: [leg({ status: 407, side: 'proxy' })], sentence: /407 names no scheme/, outcome: 'rejected' },
  { name: 'Connection: close on the challenge', legs: [leg({ status: 401, offer: ['NTLM'], fields: [['Connection', 'close']], end: 'closed' }), leg({ connection: '2', at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: [`NTLM ${t.challenge}`], fields: [['Connection', 'close']], end: 'closed' })], sentence: /closes the connection behind its answer/, outcome: 'unfinished' },
  { name: 'HTTP/1.0', legs: [leg({ status: 401, offer: ['NTLM'], version: '1.0' }), leg({ connection: '2', at: 10, send: `NTLM ${t.negotiate}`, status: 401, version: '1.0', offer: [`NTLM ${t.challenge}`], end: 'closed' })], sentence: /closes the connection behind its answer/, outcome: 'unfinished' },
  { name: 'a load balancer: another computer', legs: handshake(t, { status: 401, offer: [`NTLM ${tokens({ server: 'TOWER' }).challenge}`] }), sentence: /load balancer.*"keep\.castle\.example" issued it, "tower\.castle\.example" answered/, outcome: 'rejected' },
  { name: 'a load balancer: a new challenge of the same name', legs: handshake(t, { status: 401, offer: [`NTLM ${tokens().challenge}`] }), sentence: /knows nothing of the first one/, outcome: 'rejected' },
  { name: 'a load balancer: 400', legs: handshake(t, { status: 400 }), sentence: /400 to type 3.*knows nothing of the handshake/, outcome: 'rejected' },
  { name: 'a load balancer: a bare 401 of another Server', legs: handshake(t, { ...bare, fields: [['Server', 'Microsoft-IIS/8.5']] }, { fields: [['Server', 'Microsoft-IIS/10.0']] }).map((each, index) => (index < 2 ? each : { ...each, response: { ...each.response!, headers: [['WWW-Authenticate', 'NTLM'], ['Server', 'Microsoft-IIS/8.5']] as const } })), sentence: /another server/, outcome: 'rejected' },
  { name: 'a load balancer: a bare 401 of a server that looks alike, now and then', legs: [...handshake(t, { status: 200 }), ...handshake(tokens(), bare).map((each, index) => ({ ...each, connection: '2', time: each.time + 60_000 + index }))], sentence: /most likely another server than the one that issued the challenge got the response.*or the password is another than before/, outcome: 'rejected' },
  { name: 'a load balancer: a bare 401, dated before the challenge', legs: handshake(t, { ...bare, fields: [['Date', 'Thu, 26 Nov 2026 02:07:20 GMT']] }, { fields: [['Date', 'Thu, 26 Nov 2026 02:07:27 GMT']] }), sentence: /most likely type 3 was answered by another server/, outcome: 'rejected' },
  { name: 'one page is accepted, another is not', legs: [...handshake(t, { status: 200 }), ...handshake(tokens(), bare).map((each, index) => ({ ...each, connection: '2', time: each.time + 60_000 + index, request: { ...each.request, target: '/payroll' } }))], sentence: /most likely the account is right and may not see this page/, outcome: 'rejected' },
  { name: 'curl asks Apache, whose NTLM is of gss-ntlmssp', legs: [leg({ send: 'NTLM TlRMTVNTUAABAAAABoIIAAAAAAAAAAAAAAAAAAAAAAA=', status: 401, offer: ['Negotiate', 'NTLM'], fields: [['Server', 'Apache/2.4.71 (Debian) mod_auth_gssapi/1.6.4']] })], sentence: /most likely type 1 has no Version field, and the server takes none of fewer than 40 bytes/, outcome: 'rejected' },
  { name: 'type 3 is lost: closed', legs: handshake(t, { status: undefined, end: 'closed' }), sentence: /closed before type 3 was answered/, outcome: 'unfinished', except: { heads: /its answer is not in here/, 'heads, CRLF': /its answer is not in here/, mitmdump: /its answer is not in here/, 'tshark -x': /closed before type 3/, 'follow stream, hex': /its answer is not in here/ } },
  { name: 'type 3 is lost: reset', legs: handshake(t, { status: undefined, end: 'reset' }), sentence: /reset before type 3 was answered/, outcome: 'unfinished', except: { heads: /its answer is not in here/, 'heads, CRLF': /its answer is not in here/, mitmdump: /its answer is not in here/, 'follow stream, hex': /its answer is not in here/ } },
  { name: 'a stale connection', legs: [leg({ status: 200 }), leg({ at: 120_000, send: `NTLM ${t.negotiate}`, end: 'reset' })], sentence: /reset before type 1 was answered.*kept from an earlier request/, outcome: 'unfinished', except: { heads: /its answer is not in here/, 'heads, CRLF': /its answer is not in here/, mitmdump: /its answer is not in here/, 'follow stream, hex': /its answer is not in here/ } },
  { name: 'a gateway fails', legs: handshake(t, { status: 502 }), sentence: /gateway answered 502/, outcome: 'unfinished' },
  { name: 'the head is too long', legs: handshake(t, { status: 431 }), sentence: /431 to type 3.*too long/, outcome: 'rejected' },
  { name: 'HTTP/2', legs: [leg({ status: 401, offer: ['NTLM'], version: '2' })], sentence: /HTTP\/2 cannot carry NTLM/, outcome: 'rejected' },
  { name: 'asked again on an authenticated connection', legs: [...handshake(t, { status: 200 }), leg({ at: 60_000, status: 401, offer: ['NTLM'], target: '/other' })], sentence: /had been authenticated, and the server or what stands between has forgotten it/, outcome: 'rejected' },
  { name: 'no credentials', legs: [leg({ status: 401, offer: ['Negotiate', 'NTLM'] })], sentence: /nothing was sent.*no credentials/, outcome: 'rejected' },
  { name: 'Basic sent where NTLM is offered', legs: [leg({ send: 'Basic YTpi', status: 401, offer: ['NTLM'] })], sentence: /used "Basic" and not NTLM/, outcome: 'rejected' },
  { name: 'never asked', legs: [leg({ status: 200 })], sentence: /no authentication took place/i, outcome: 'not-asked' },
  { name: 'a page to log in on', legs: [leg({ status: 302, fields: [['Location', 'https://login.example/adfs?x=1']] })], sentence: /sends the client on to "https:\/\/login\.example\/adfs/, outcome: 'not-asked' },
  { name: '403 without asking', legs: [leg({ status: 403 })], sentence: /403 and did not ask/, outcome: 'not-asked' },
  { name: 'a masked response', legs: handshake({ ...t, authenticate: '[REDACTED]' }, bare), sentence: /refused.*most likely the password is wrong/, outcome: 'rejected', never: ['malformed', 'unreadable'] },
  { name: 'a cut response', legs: handshake({ ...t, authenticate: `${t.authenticate.slice(0, 120)}...` }, bare), sentence: /refused.*most likely the password is wrong/, outcome: 'rejected', never: ['malformed', 'unreadable'] },
  { name: 'a masked challenge', legs: handshake({ ...t, challenge: '***' }, bare), sentence: /refused.*most likely the password is wrong/, outcome: 'rejected', never: ['malformed', 'unreadable'] },
  { name: 'the server refuses behind a proxy that accepted', legs: [...handshake(t, { status: 401, offer: [] }, { side: 'proxy' }).slice(0, 2), leg({ at: 20, side: 'proxy', send: `NTLM ${t.authenticate}`, status: 401 }), ...handshake(wrongPassword, bare)].map((each, index) => (index === 2 ? { ...each, response: { ...each.response!, headers: [['WWW-Authenticate', 'NTLM']] as const } } : each)), sentence: /^The server refused a well-formed response.*password is wrong/, outcome: 'rejected' },
  { name: 'a user without a domain', legs: handshake(tokens({ credentials: alice('Wrong horse', '') }), bare), sentence: /refused a well-formed response of "alice".*password is wrong/, outcome: 'rejected', never: ['domain-mismatch'] },
  { name: 'a user by UPN', legs: handshake(tokens({ credentials: Credentials.fromPassword({ username: 'alice@castle.example', password: 'x' }) }), bare), sentence: /"alice@castle\.example".*password is wrong/, outcome: 'rejected', never: ['domain-mismatch'] },
  { name: 'refused three times', legs: [0, 1, 2].flatMap((attempt) => handshake(wrongPassword, bare, { connection: String(attempt) } as never)), sentence: password, outcome: 'rejected' },
  { name: 'a page among many that fails', legs: [...handshake(t, { status: 200 }), leg({ at: 30, target: '/style.css', status: 200 }), leg({ at: 40, target: '/logo.png', status: 404 })], sentence: /accepted "CASTLE\\alice" and answered 200/, outcome: 'accepted' },
  { name: 'a 421 to type 3', legs: handshake(t, { status: 421 }), sentence: /421 to type 3.*knows nothing of the handshake/, outcome: 'rejected' },
  { name: 'not found before anybody asked', legs: [leg({ status: 404 })], sentence: /404 and did not ask/, outcome: 'not-asked' },
  { name: 'a proxy refuses the tunnel', legs: [leg({ method: 'CONNECT', target: 'keep.castle.example:443', status: 403 })], sentence: /^The proxy answered 403 and did not ask/, outcome: 'not-asked' },
  { name: 'a proxy cannot reach the server', legs: [leg({ method: 'CONNECT', target: 'keep.castle.example:443', status: 502 })], sentence: /502 and did not ask/, outcome: 'not-asked' },
  { name: 'type 3 under another connection', legs: [leg({ status: 401, offer: ['NTLM'] }), leg({ at: 10, send: `NTLM ${t.negotiate}`, status: 401, offer: [`NTLM ${t.challenge}`] }), leg({ at: 20, connection: '2', send: `NTLM ${t.authenticate}`, status: 401, offer: ['NTLM'] })], sentence: /type 3 went out on another connection than its challenge/, outcome: 'rejected', except: { heads: password, 'heads, CRLF': password, mitmdump: password, 'follow stream, hex': password } },
];
