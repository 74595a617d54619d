import { describe, expect, test } from 'vitest';
import { decodeToken, explain, readConversation, renderToken, type DecodedToken } from '../../src/visualize/index.ts';
import { tokenOf } from '../../src/visualize/conversation/token.ts';
import { readKerberosToken } from '../../src/spnego/kerberos/token.ts';
import { MechType, encodeNegTokenInit } from '../../src/spnego/index.ts';
import { thrown } from '../support/thrown.ts';
import { kerberosNames, kerberosToken } from '../vectors/kerberos.ts';

const field = ({ fields }: DecodedToken, name: string) => fields.find((candidate) => candidate.name === name);

describe('the clear part of tokens of a real realm', () => {
  test('a ticket: realm, service, key', () => {
    const decoded = decodeToken(kerberosToken('AP-REQ in SPNEGO'));
    expect(decoded).toMatchObject({ message: 'AP-REQ', spnego: true, ntlm: undefined, problems: [] });
    expect(decoded.kerberos).toMatchObject({ mechanism: MechType.KERBEROS, realm: 'CASTLE.EXAMPLE', service: 'HTTP/keep.castle.example', etype: 18, kvno: 2 });
    expect(field(decoded, 'AP-REQ.ap-options')?.value).toBe('mutual-required');
    expect(field(decoded, 'AP-REQ.ticket.enc-part.cipher')?.value).toMatch(/^\d+ bytes, encrypted: the service alone can read it$/);
  });

  test('without mutual authentication', () => {
    expect(field(decodeToken(kerberosToken('AP-REQ without mutual authentication')), 'AP-REQ.ap-options')?.value).toBe('none');
  });

  test('an error: its code, and the clock of whoever answered', () => {
    const decoded = decodeToken(kerberosToken('the clock of the server is 600 s ahead, in SPNEGO'));
    expect(field(decoded, 'KRB-ERROR.error-code')).toMatchObject({ value: '37, KRB_AP_ERR_SKEW', detail: ['the clocks are too far apart'], section: 'RFC 4120 5.9.1' });
  });

  test.each(kerberosNames)('every byte of "%s" has a name, and no secret is shown', (name) => {
    const token = kerberosToken(name);
    const own = decodeToken(encodeNegTokenInit({ mechTypes: [MechType.KERBEROS], mechToken: token }));
    const decoded = name.endsWith('SPNEGO') ? decodeToken(token) : own;
    expect(decoded.problems).toEqual([]);
    expect(decoded.fields.filter(({ name: each }) => each === 'unread')).toEqual([]);
    const kept = tokenOf(name.endsWith('SPNEGO') ? token : encodeNegTokenInit({ mechTypes: [MechType.KERBEROS], mechToken: token }), 'masked');
    expect(kept).toMatchObject({ mechanism: 'kerberos', message: decoded.message, state: kept.masked.length > 0 ? 'masked' : 'whole' });
    const masked = decodeToken(Buffer.from(kept.base64, 'base64'));
    expect(masked.kerberos).toEqual(decoded.kerberos);
    const secrets = masked.fields.filter(({ name: each }) => /(?:cipher|padata|e-data)$/.test(each));
    expect(secrets.every(({ hex }) => /^(?:00)*$/.test(hex))).toBe(true);
    expect(masked.fields.filter(({ name: each }) => !secrets.some((secret) => secret.name === each)).map(({ hex }) => hex)).toEqual(
      decoded.fields.filter(({ name: each }) => !secrets.some((secret) => secret.name === each)).map(({ hex }) => hex),
    );
  });

  test('the short view leaves out what frames', () => {
    const text = renderToken(decodeToken(kerberosToken('AP-REQ')), 'test');
    expect(text).toMatch(/^AP-REQ, \d+ bytes/);
    expect(text).toContain('1.2.840.113554.1.2.2, Kerberos 5');
    expect(text).toContain('"HTTP/keep.castle.example"');
    expect(text).not.toMatch(/tags and lengths|TOK_ID|pvno/);
  });
});

describe('other mechanisms', () => {
  test('NEGOEX: what it is, and no more', () => {
    const mechToken = Uint8Array.from([...Buffer.from('NEGOEXTS'), 0, 0, 0, 0, ...new Uint8Array(84).fill(7)]);
    const decoded = decodeToken(encodeNegTokenInit({ mechTypes: [MechType.NEGOEX, MechType.NTLMSSP], mechToken }));
    expect(decoded).toMatchObject({ message: 'NEGOEX', problems: [] });
    expect(field(decoded, 'NEGOEX.MessageType')?.value).toBe('0, INITIATOR_NEGO');
    expect(field(decoded, 'NegTokenInit.mechTypes.1')?.value).toBe(`${MechType.NEGOEX}, NEGOEX`);
    expect(tokenOf(encodeNegTokenInit({ mechTypes: [MechType.NEGOEX], mechToken }), 'masked').mechanism).toBe('negoex');
  });

  test('as Windows offers it: its own identifier first, the ticket under the right one', () => {
    const token = encodeNegTokenInit({ mechTypes: [MechType.MS_KERBEROS, MechType.KERBEROS, MechType.NEGOEX, MechType.NTLMSSP], mechToken: kerberosToken('AP-REQ') });
    expect(decodeToken(token)).toMatchObject({ message: 'AP-REQ', kerberos: { mechanism: MechType.KERBEROS } });
  });

  test('a frame of a mechanism that nobody knows is refused, its bytes not kept', () => {
    const foreign = Uint8Array.of(0x60, 0x08, 0x06, 0x03, 0x2a, 0x03, 0x04, 1, 2, 3);
    expect(thrown(() => readKerberosToken(foreign))).toMatchObject({ code: 'mechanism-refused', side: 'peer' });
    expect(tokenOf(foreign, 'whole')).toMatchObject({ mechanism: 'unknown', base64: '' });
  });
});

describe('what curl -v says of a client without a ticket', () => {
  const said = (words: string, host = 'keep.castle.example'): string =>
    [`* Connected to ${host} (127.0.0.1) port 80 (#0)`, `* gss_init_sec_context() failed: ${words} `, "* Server auth using Negotiate with user ''", '> GET / HTTP/1.1', `> Host: ${host}`, '> ', '< HTTP/1.1 401 Unauthorized', `* gss_init_sec_context() failed: ${words} `, '< WWW-Authenticate: Negotiate', '< '].join('\n');

  // as MIT krb5 1.20.1 words it in curl 7.88.1, but for the last
  test.each([
    ['No credentials were supplied, or the credentials were unavailable or inaccessible. SPNEGO cannot find mechanisms to negotiate.', 'no-ticket', /nothing was sent: the client has no Kerberos ticket\.$/],
    ['Ticket expired.', 'ticket-expired', /the client's Kerberos ticket has expired\.$/],
    ['Server HTTP/keep.castle.example@CASTLE.EXAMPLE not found in Kerberos database.', 'unknown-service', /the KDC does not know the service "HTTP\/keep\.castle\.example"\.$/],
    ['Clock skew too great.', 'clock-skew', /clocks of the client and the KDC are too far apart\.$/],
    ["Cannot contact any KDC for realm 'CASTLE.EXAMPLE'.", 'realm-unreachable', /the client reaches no KDC of the realm\.$/],
    ['unable to reach any KDC in realm CASTLE.EXAMPLE', 'realm-unreachable', /the client reaches no KDC of the realm\.$/],
  ])('%s', (words, id, sentence) => {
    const explanation = explain(readConversation(said(words)));
    expect(explanation.sentence).toMatch(sentence);
    expect(explanation.causes).toMatchObject([{ id, likelihood: 'certain' }]);
  });

  test('an address has no service', () => {
    const explanation = explain(readConversation(said('Server HTTP/10.1.2.3@CASTLE.EXAMPLE not found in Kerberos database.', '10.1.2.3')));
    expect(explanation.causes[0]).toMatchObject({ id: 'unknown-service', advice: expect.stringContaining('an address or an alias has no ticket') });
  });
});
