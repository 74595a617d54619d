/** Causes that lie in Kerberos: no ticket here, or one that the server does not take, as far as anybody but the service can see. */
import { skewOf } from '../../http/authentication/clocks.ts';
import type { KerberosCause } from '../../kerberos/causes.ts';
import { quoted } from '../decode/text.ts';
import { RC4, errorMeaning, errorName, etypeName } from '../kerberos/numbers.ts';
import type { KerberosError } from '../../spnego/kerberos/token.ts';
import type { Cause, Rule } from './cause.ts';
import { clocksOf, type Facts } from './facts.ts';
import { certain, it, likely, possible } from './words.ts';

type Words = Omit<Cause, 'likelihood' | 'evidence'>;

const serviceOf = ({ ticket, ticketAnswer }: Facts): string => ticket?.service ?? ticketAnswer?.service ?? 'HTTP/HOST';

const SET_CLOCKS = 'set both clocks and the KDC\'s (NTP: `chronyc tracking`, `w32tm /query /status`); Kerberos allows five minutes';

const NEW_TICKET: Words = { id: 'ticket-expired', summary: 'the ticket has expired', advice: 'get a new one: `kinit`, or `klist purge` on Windows and log on again' };

/** The key that the service has is not the one that the ticket was encrypted with. */
const otherKey = (facts: Facts, summary: string): Words => ({
  id: 'ticket-refused',
  summary,
  advice: `compare \`kvno ${serviceOf(facts)}\` with \`klist -kte\` at the server (Heimdal: kgetcred, ktutil list) and make its keytab anew where they differ, then \`kinit\` again; on Windows \`setspn -Q ${serviceOf(facts)}\` must find one account, the one that the service runs as`,
});

/** By the code of a KRB-ERROR. */
const BY_CODE: Readonly<Record<number, (facts: Facts) => Words>> = {
  6: () => ({ id: 'account-unusable', summary: 'the KDC does not know the user', advice: 'look at the name and the realm of the user (`klist`)' }),
  7: (facts) => unknownService(facts.ticketAnswer?.service ?? serviceOf(facts)),
  18: () => ({ id: 'account-unusable', summary: 'the account is locked, disabled or expired', advice: 'look at the account' }),
  23: () => ({ id: 'account-unusable', summary: 'the password has expired', advice: 'change it: `kpasswd`, or at a log-on' }),
  24: () => ({ id: 'wrong-password', summary: 'the password is wrong', advice: 'check the password before it is tried again: accounts lock' }),
  27: (facts) => unknownService(serviceOf(facts)),
  32: (facts) => expired(facts),
  33: () => ({ id: 'clock-skew', summary: "the ticket is not valid yet by the server's clock: the clocks are too far apart", advice: SET_CLOCKS }),
  34: () => ({ id: 'ticket-refused', summary: 'the server has seen this very token before', advice: 'let the client make a new token for each try; something on the way may have sent the request twice' }),
  35: (facts) => otherKey(facts, `the server has no key of ${quoted(serviceOf(facts))}`),
  31: (facts) => otherKey(facts, `the ticket was encrypted with another key than the server has of ${quoted(serviceOf(facts))}`),
  37: (facts) => ({ id: 'clock-skew', summary: `the clocks are too far apart${colon(apart(facts))}`, advice: SET_CLOCKS }),
  41: (facts) => otherKey(facts, `the ticket was encrypted with another key than the server has of ${quoted(serviceOf(facts))}`),
  44: (facts) => otherKey(facts, `the server has a key of ${quoted(serviceOf(facts))}, but not of the version or encryption type of the ticket: its keytab is out of date`),
  45: (facts) => otherKey(facts, `the server has no key of ${quoted(serviceOf(facts))}`),
  85: () => noKdc('the server finds no KDC of the realm'),
  86: () => noKdc('the KDC does not answer the server'),
};

const unknownService = (service: string): Words => ({
  id: 'unknown-service',
  summary: `the KDC does not know the service ${quoted(service)}`,
  advice: `ask for the server by the name that it is registered under: an address or an alias has no ticket; \`kvno ${service}\` (Heimdal: kgetcred) tries it, \`setspn -Q ${service}\` looks for it, \`setspn -S ${service} ACCOUNT\` registers it`,
});

const noKdc = (summary: string): Words => ({
  id: 'realm-unreachable',
  summary,
  advice: 'look for one with `KRB5_TRACE=/dev/stderr kinit` or `nltest /dsgetdc:DOMAIN`: DNS, the firewall (port 88), krb5.conf',
});

/** By the server's clock as its error tells it, and ours as it was recorded. */
function apart({ ticketAnswer, end }: Facts): string | undefined {
  const here = end.exchange.response?.time;
  const skew = here === undefined || ticketAnswer?.error === undefined ? undefined : skewOf((ticketAnswer.error.serverTime - here) / 1000);
  return skew && `the server's is ${skew.seconds} seconds ${skew.way} the client's`;
}

const colon = (text: string | undefined): string => (text === undefined ? '' : `: ${text}`);

/** By whose clock? */
function expired(facts: Facts): Words {
  const clocks = apart(facts);
  return clocks === undefined ? NEW_TICKET : { id: 'clock-skew', summary: `the ticket has expired by the server's clock, and the clocks are too far apart: ${clocks}`, advice: SET_CLOCKS };
}

/** What the server or a KDC says. */
export const saidByKerberos: Rule = (facts) => {
  const { end, ticketAnswer } = facts;
  if (end.kind !== 'other-mechanism-refused' || ticketAnswer?.error === undefined) return undefined;
  const { code } = ticketAnswer.error;
  const words = BY_CODE[code]?.(facts) ?? { id: 'ticket-refused' as const, summary: errorMeaning(code), advice: `look at the log of the server, and of the KDC, for ${errorName(code)}` };
  return certain({ ...words, evidence: `the answer is KRB-ERROR ${code}, ${errorName(code)}${told(ticketAnswer.error)}` });
};

const told = ({ text }: KerberosError): string => (text === undefined || text === '' ? '' : `, ${quoted(text)}`);

/** The client asked by one name and has a ticket for another. */
export const ticketForAnother: Rule = (facts) => {
  const { end, ticket, host } = facts;
  const [, service = ''] = ticket?.service?.split('/') ?? [];
  const asked = nameIn(host);
  if (end.kind !== 'other-mechanism-refused' || service === '' || asked === '' || sameName(service, asked)) return undefined;
  return likely({
    id: 'spn-mismatch',
    summary: `the ticket is for ${quoted(ticket!.service!)}, and the server was asked for as ${quoted(asked)}: the client took another name for it, by an alias (CNAME) or the name of its address`,
    evidence: `sname is ${quoted(ticket!.service!)}, Host is ${quoted(host)}`,
    advice: `let the client take the name as it is (\`dns_canonicalize_hostname = false\` and \`rdns = false\` in krb5.conf), or have ${quoted(ticket!.service!)} registered for the account of the server`,
  });
};

/** Of a Host, without its port. */
const nameIn = (host: string): string => host.replace(/:\d+$/, '');

/** `web` is `keep.castle.example`. */
function sameName(a: string, b: string): boolean {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  return one === other || one.startsWith(`${other}.`) || other.startsWith(`${one}.`);
}

export const ticketClocks: Rule = (facts) => {
  if (facts.end.kind !== 'other-mechanism-refused') return undefined;
  const clocks = clocksOf(facts);
  const skew = clocks && skewOf((clocks.server - clocks.client) / 1000);
  if (clocks === undefined || skew === undefined) return undefined;
  return likely({ id: 'clock-skew', summary: `the clocks are ${skew.seconds} seconds apart: the server's is ${skew.way} the client's`, evidence: clocks.evidence, advice: SET_CLOCKS });
};

export const ticketEncryption: Rule = ({ end, ticket }) => {
  if (end.kind !== 'other-mechanism-refused' || ticket?.etype !== RC4) return undefined;
  return possible({
    id: 'ticket-refused',
    summary: `the ticket is encrypted with ${etypeName(RC4)}, which newer servers refuse`,
    evidence: `etype is ${RC4}`,
    advice: 'give the account of the service AES keys (msDS-SupportedEncryptionTypes 0x18 and a new password), and get new tickets',
  });
};

export const ticketRefused: Rule = (facts) => {
  const { end, ticket, ticketAnswer } = facts;
  if (end.kind !== 'other-mechanism-refused' || ticketAnswer?.error !== undefined) return undefined;
  if (ticket === undefined) {
    return likely({ id: 'ticket-refused', summary: `${it(facts)} does not take it: it has no such mechanism, or the token is not for it`, evidence: 'the token under Negotiate is not NTLM', advice: 'look at the log of the server; for NTLM the client must be told to leave other mechanisms out' });
  }
  return likely({
    ...otherKey(facts, `${it(facts)} cannot decrypt the ticket: the account that it runs as does not hold the name ${quoted(serviceOf(facts))}, or its key is another`),
    evidence: `a ticket for ${quoted(serviceOf(facts))} was sent${ticket.kvno === undefined ? '' : `, of key number ${ticket.kvno}`}${ticket.etype === undefined ? '' : ` (${etypeName(ticket.etype)})`}, and the answer does not say why it was refused`,
  });
};

export const ticketUnbound: Rule = ({ end, ticket, tls, side }) =>
  end.kind !== 'other-mechanism-refused' || ticket === undefined || tls !== true || side === 'proxy'
    ? undefined
    : possible({ id: 'channel-bindings-absent', summary: 'the server demands channel bindings (Extended Protection), and the client gave none with its ticket', evidence: 'it went over TLS; whether there are any is encrypted', advice: 'try a client that binds its tickets, or set Extended Protection to "allow" for a try' });

const CLIENT_SAYS: Readonly<Record<KerberosCause, (facts: Facts) => Words>> = {
  'no-ticket': () => ({ id: 'no-ticket', summary: 'the client has no Kerberos ticket', advice: 'look with `klist` and get one (`kinit USER@REALM`); where there is one, KRB5CCNAME may name another cache' }),
  'ticket-expired': () => ({ ...NEW_TICKET, summary: "the client's Kerberos ticket has expired" }),
  'unknown-service': ({ host }) => unknownService(`HTTP/${nameIn(host) || 'HOST'}`),
  'clock-skew': () => ({ id: 'clock-skew', summary: "the clocks of the client and the KDC are too far apart", advice: SET_CLOCKS }),
  'realm-unreachable': () => noKdc('the client reaches no KDC of the realm'),
};

/** Why there is no ticket, in the client's own words. */
export const saidByClient: Rule = (facts) => {
  const { says } = facts.handshake.connection;
  if (says === undefined || (facts.end.kind !== 'not-answered' && facts.end.kind !== 'no-challenge')) return undefined;
  return certain({ ...CLIENT_SAYS[says](facts), evidence: 'the client says so' });
};
