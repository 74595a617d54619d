/** The mechanisms as a line or frame protocol drives them, against our own acceptors. */
import { describe, expect, it } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials } from '../../src/index.ts';
import { NtlmSession } from '../../src/session/index.ts';
import { SpnegoAcceptor } from '../../src/spnego/index.ts';
import { chooseMechanism, SaslClient, saslMechanisms, type SaslClientOptions } from '../../src/sasl/index.ts';
import { thrown } from '../support/thrown.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'DOMAIN', password: 'secret' });
const saslOf = (options: Partial<SaslClientOptions> = {}): SaslClient =>
  new SaslClient({ mechanism: 'NTLM', credentials, ...options });
const toLine = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const fromLine = (line: string): Uint8Array => Uint8Array.from(Buffer.from(line, 'base64'));

/** Both ends of one exchange, up to the server's success. */
async function authenticate(sasl: SaslClient): Promise<NtlmSession | undefined> {
  if (sasl.mechanism === 'GSS-SPNEGO') {
    const acceptor = new SpnegoAcceptor({ credentials });
    const first = await acceptor.accept(sasl.start());
    const last = await acceptor.accept(sasl.step(first.token)!);
    expect(last.state).toBe('accepted');
    expect(sasl.done).toBe(false);
    expect(sasl.step(last.token)).toBeUndefined();
    return acceptor.session;
  }
  const acceptor = new NtlmAcceptor({ credentials });
  const verified = await acceptor.authenticate(sasl.step(acceptor.challenge(sasl.start()))!);
  if (!verified.ok) throw verified.error;
  expect(sasl.done).toBe(true);
  expect(sasl.step()).toBeUndefined();
  return sasl.session && NtlmSession.fromHandshake({ ...verified, side: 'server' });
}

describe.each(saslMechanisms)('%s', (mechanism) => {
  it.each(['none', 'sign', 'seal'] as const)('ends in the session that was agreed on: %s', async (sessionSecurity) => {
    const sasl = saslOf({ mechanism, sessionSecurity });
    const theirs = await authenticate(sasl);
    expect([sasl.done, sasl.client.state]).toEqual([true, 'authenticated']);
    if (sessionSecurity === 'none') {
      expect([sasl.session, theirs]).toEqual([undefined, undefined]);
      return;
    }
    const message = new TextEncoder().encode('a002 SELECT INBOX');
    expect(theirs!.unwrap(sasl.session!.wrap(message))).toEqual(message);
    expect(sasl.session!.unwrap(theirs!.wrap(message))).toEqual(message);
    expect(sasl.session).toBe(sasl.session);
  });

  it('has no session before it is done', () => {
    const sasl = saslOf({ mechanism, sessionSecurity: 'seal' });
    expect([sasl.done, sasl.session]).toEqual([false, undefined]);
    sasl.start();
    expect([sasl.done, sasl.session]).toEqual([false, undefined]);
  });

  it('starts as the answer to a first challenge without bytes', () => {
    for (const nothing of [undefined, new Uint8Array(0)]) {
      expect(saslOf({ mechanism }).step(nothing)).toBeInstanceOf(Uint8Array);
    }
    expect(fromLine(saslOf({ mechanism }).step('')!).length).toBeGreaterThan(30);
  });

  it('starts once', () => {
    const sasl = saslOf({ mechanism });
    sasl.start();
    expect(thrown(() => sasl.start())).toMatchObject({ code: 'unexpected-call', side: 'local' });
  });

  it('refuses a step too many, and one that is not due, and goes on', async () => {
    const sasl = saslOf({ mechanism });
    sasl.start();
    expect(thrown(() => sasl.step())).toMatchObject({ code: 'malformed-token', side: 'peer' });
    sasl.client.reset();
    await authenticate(sasl);
    for (const late of [undefined, new Uint8Array(40)]) {
      expect(thrown(() => sasl.step(late))).toMatchObject({ code: 'unexpected-call', side: 'local' });
    }
  });

  it('answers a line by a line, and one that is no base64 by an error that changes nothing', async () => {
    const sasl = saslOf({ mechanism });
    const acceptor = new SpnegoAcceptor({ credentials });
    const first = await acceptor.accept(fromLine(sasl.start('base64')));
    for (const line of ['TlRM*', 'TlRMT', '=', '5.7.3 Authentication unsuccessful', 'TlRM TVNT']) {
      expect(thrown(() => sasl.step(line))).toMatchObject({ code: 'malformed-token', phase: 'challenge', side: 'peer' });
      expect(sasl.client.state).toBe('negotiated');
    }
    const response = sasl.step(`${toLine(first.token!)}\r\n`)!;
    expect((await acceptor.accept(fromLine(response))).state).toBe('accepted');
  });
});

describe('what a server says first of all', () => {
  it('is for people with NTLM, whatever it is', () => {
    for (const words of ['NTLM supported', 'TlRMTVNTUAA=', '']) expect(saslOf().step(words)).toMatch(/^TlRMTVNTUAAB/);
    expect(saslOf().step(new TextEncoder().encode('ntlm supported'))).toBeInstanceOf(Uint8Array);
  });

  it('is a hint with GSS-SPNEGO', () => {
    const hint = new SpnegoAcceptor({ credentials }).hint();
    expect(saslOf({ mechanism: 'GSS-SPNEGO' }).step(hint)).toBeInstanceOf(Uint8Array);
    const words = thrown(() => saslOf({ mechanism: 'GSS-SPNEGO' }).step(new TextEncoder().encode('supported')));
    expect(words).toMatchObject({ code: 'malformed-token', side: 'peer' });
  });
});

describe('the mechanism', () => {
  it.each<[string | string[], string]>([
    [['PLAIN', 'NTLM', 'GSS-SPNEGO'], 'NTLM'],
    ['GSSAPI GSS-SPNEGO EXTERNAL DIGEST-MD5', 'GSS-SPNEGO'],
    ['AUTH PLAIN ntlm', 'NTLM'],
    ['IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=NTLM', 'NTLM'],
  ])('of %j is %s', (offered, chosen) => {
    expect(chooseMechanism(offered)).toBe(chosen);
  });

  it.each<[string | string[]]>([['PLAIN LOGIN'], [[]], [''], [['NTLMv2', 'XNTLM']]])('of %j is none', (offered) => {
    expect(thrown(() => chooseMechanism(offered))).toMatchObject({ code: 'mechanism-refused', side: 'peer' });
  });

  it('is one of two, and its options are those of a client', () => {
    for (const options of [{ mechanism: 'PLAIN' }, { mechanism: undefined }, { credentials: {} }, { sessionSecurity: 'x' }]) {
      expect(thrown(() => saslOf(options as never))).toMatchObject({ code: 'invalid-argument', side: 'local' });
    }
    expect(thrown(() => new SaslClient(undefined as never))).toMatchObject({ code: 'invalid-argument' });
    expect(thrown(() => saslOf().start('hex' as never))).toMatchObject({ code: 'invalid-argument' });
  });
});

describe('a refusal in the words of the protocol around it', () => {
  it('is one of the credentials after the response, and of the mechanism before it', () => {
    const sasl = saslOf();
    expect(sasl.rejected()).toMatchObject({ code: 'mechanism-refused', side: 'peer' });
    const acceptor = new NtlmAcceptor({ credentials });
    const negotiate = sasl.start();
    expect(sasl.rejected()).toMatchObject({ code: 'mechanism-refused', side: 'peer' });
    sasl.step(acceptor.challenge(negotiate));
    expect(sasl.rejected()).toMatchObject({ code: 'credentials-refused', side: 'peer' });
    expect(sasl.rejected()).toBe(sasl.client.error);
    expect(sasl.client.state).toBe('failed');
  });

  it('after our own is ours', () => {
    const sasl = saslOf({ mechanism: 'GSS-SPNEGO' });
    sasl.start();
    const own = thrown(() => sasl.step(new Uint8Array([0x30])));
    expect(sasl.rejected()).toBe(own);
  });
});
