/** What is given where a token is due, and the sentence that mends it: each sentence is followed, and has to work. */
import { describe, expect, test } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials, NtlmClient, NtlmError } from '../../src/index.ts';
import { MechType, SpnegoAcceptor, encodeNegTokenInit } from '../../src/spnego/index.ts';
import * as browsers from '../../src/hints/_left-out.ts';
import * as node from '../../src/hints/hints.ts';
import { thrown } from '../support/thrown.ts';

const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });

function inFlight(): { client: NtlmClient; acceptor: NtlmAcceptor; type2: Uint8Array<ArrayBuffer> } {
  const client = new NtlmClient({ credentials });
  const acceptor = new NtlmAcceptor({ credentials });
  return { client, acceptor, type2: acceptor.challenge(client.negotiate()) };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** What people have in hand where a type 2 is due. */
const forms: Readonly<Record<string, (type2: Uint8Array<ArrayBuffer>) => unknown>> = {
  base64,
  'base64 in lines': (type2) => base64(type2).replace(/.{60}/g, '$&\n'),
  base64url: (type2) => Buffer.from(type2).toString('base64url'),
  'the value of a header': (type2) => `NTLM ${base64(type2)}`,
  'the value of a header of another case': (type2) => `ntlm  ${base64(type2)}\r\n`,
  'a header line': (type2) => `WWW-Authenticate: NTLM ${base64(type2)}`,
  'a header line of curl': (type2) => `< WWW-Authenticate: Negotiate ${base64(type2)}`,
  'several challenges in one line': (type2) => `www-authenticate: Basic realm="x", NTLM ${base64(type2)}, Digest a=b`,
  'several challenges in one value': (type2) => `Negotiate, NTLM ${base64(type2)}`,
  'the first of several challenges': (type2) => `NTLM ${base64(type2)}, Basic realm="NTLM"`,
  'base64 in quotes': (type2) => JSON.stringify(base64(type2)),
  JSON: (type2) => JSON.stringify({ token: base64(type2), of: 'NTLM' }),
  'a line of SMTP': (type2) => `334 ${base64(type2)}\r\n`,
  'a line of IMAP': (type2) => `+ ${base64(type2)}\r\n`,
  'a data URL': (type2) => `data:application/octet-stream;base64,${base64(type2)}`,
  'base64 of base64': (type2) => btoa(base64(type2)),
  hexadecimal: (type2) => Buffer.from(type2).toString('hex'),
  'hexadecimal of upper case': (type2) => Buffer.from(type2).toString('hex').toUpperCase(),
  'hexadecimal with colons': (type2) => Buffer.from(type2).toString('hex').replace(/..(?!$)/g, '$&:'),
  'hexadecimal in lines': (type2) => Buffer.from(type2).toString('hex').replace(/../g, '$& ').replace(/.{48}/g, '$&\n'),
  'hexadecimal behind 0x': (type2) => `0x${Buffer.from(type2).toString('hex')}`,
  'hexadecimal as source has it': (type2) => Buffer.from(type2).toString('hex').replace(/..(?!$)/g, '0x$&, ').replace(/(..)$/, '0x$1'),
  'bytes as text': (type2) => Buffer.from(type2).toString('latin1'),
  'bytes as text of UTF-16': (type2) => Buffer.from(type2).toString('utf16le'),
  'an ArrayBuffer': (type2) => type2.slice().buffer,
  'a DataView': (type2) => new DataView(Uint8Array.of(0, ...type2, 0).buffer, 1, type2.length),
  'an array of 16 bits': (type2) => new Uint16Array(type2.slice().buffer, 0, type2.length / 2),
  'a list of numbers': (type2) => [...type2],
  'a Buffer as JSON has it': (type2) => JSON.parse(JSON.stringify(Buffer.from(type2))) as unknown,
};

/** Does what the sentence says: it is JavaScript with the name of the argument in it. */
function mended(given: unknown, sentence: string, name: string): unknown {
  const code = /(?:Buffer|new Uint8Array|Uint8Array|bytes\.subarray)(?:\.from)?\(.*\)/.exec(sentence)?.[0];
  expect(code).toBeDefined();
  return new Function(name, `return ${code}`)(given);
}

describe('text where bytes are due', () => {
  test.each(Object.entries(forms))('%s is refused, nothing has changed, and the sentence mends it', async (_, form) => {
    const { client, acceptor, type2 } = inFlight();
    const given = form(type2);
    const error = thrown(() => client.respond(given as Uint8Array));
    expect(error).toMatchObject({ code: 'invalid-argument', side: 'local', phase: 'challenge' });
    expect(client.state).toBe('negotiated');
    const authenticate = client.respond(mended(given, error.message, 'challenge') as Uint8Array);
    expect(await acceptor.authenticate(authenticate)).toMatchObject({ ok: true });
  });

  test('every call that takes a token says so', async () => {
    const { client, acceptor, type2 } = inFlight();
    const text = base64(type2) as unknown as Uint8Array;
    const refusals = [
      thrown(() => client.step(text)),
      thrown(() => client.finish(text)),
      thrown(() => new NtlmClient({ credentials, spnego: true }).negotiate(text)),
      thrown(() => new NtlmAcceptor({ credentials }).challenge(text)),
      await acceptor.authenticate(text).catch((error: unknown) => error),
      await new SpnegoAcceptor({ credentials }).accept(text).catch((error: unknown) => error),
    ] as NtlmError[];
    for (const { code, message } of refusals) {
      expect(code).toBe('invalid-argument');
      expect(message).toMatch(/^"(\w+)" must be a Uint8Array, and is base64: give Buffer\.from\(\1, 'base64'\)$/);
    }
  });

  test('what it shows of the value is nothing', () => {
    const { client, type2 } = inFlight();
    for (const form of Object.values(forms)) {
      const { message } = thrown(() => client.respond(form(type2) as Uint8Array));
      expect(message).not.toContain(base64(type2).slice(0, 12));
    }
  });

  test.each([['Basic Zm9v'], ['hello'], [{}], [7], [true], ['Digest realm="NTLM"'], ['aGVsbG8gd29ybGQ='], ['4e 54'], ['NTLMSSP']])('%j gets no wrong advice', (given) => {
    const { client } = inFlight();
    expect(thrown(() => client.respond(given as unknown as Uint8Array)).message).toBe('"challenge" must be a Uint8Array');
  });

  test.each([[''], ['  '], [null], [undefined], ['NTLM'], ['ntlm\r\n'], ['WWW-Authenticate: NTLM'], ['< WWW-Authenticate: Negotiate'], ['Negotiate, NTLM'], ['NTLM,Negotiate']])('%j is said to hold no token', (given) => {
    const { client } = inFlight();
    expect(thrown(() => client.respond(given as unknown as Uint8Array)).message).toMatch(/^"challenge" must be a Uint8Array, and .* the other end sent (?:no token|none)$/);
  });

  test('what cannot be mended by an expression is said to be what it is', () => {
    const { client, type2 } = inFlight();
    const said = (given: unknown): string => thrown(() => client.respond(given as Uint8Array)).message;
    expect(said(Promise.resolve(type2))).toMatch(/is a promise: await it$/);
    expect(said(new Blob([type2]))).toMatch(/is a Blob: give new Uint8Array\(await challenge\.arrayBuffer\(\)\)$/);
    expect(said([`NTLM ${base64(type2)}`])).toMatch(/is a list: give the one token in it$/);
    expect(said(Buffer.from(type2).toString())).toMatch(/made text as UTF-8, which loses most of them/);
    expect(said('00000000  4e 54 4c 4d 53 53 50 00  02 00 00 00 08 00 08 00  NTLMSSP.........')).toMatch(/is a hex dump/);
  });
});

describe('bytes of another kind', () => {
  test.each(
    (['utf8', 'utf16le'] as const).flatMap((encoding) =>
      Object.keys(forms).filter((name) => typeof forms[name]!(Uint8Array.of(0, 0)) === 'string' && !name.startsWith('bytes')).map((name) => [name, encoding] as const),
    ),
  )('%s as bytes of %s: the error says how to decode them', (name, encoding) => {
    const { client, type2 } = inFlight();
    const bytes = Buffer.from(forms[name]!(type2) as string, encoding);
    const error = thrown(() => client.respond(bytes));
    expect(error).toMatchObject({ code: 'wrong-signature', side: 'peer', offset: 0, cause: client.error });
    const [, made, what] = /\(text = Buffer\.from\(bytes\)\.toString\('(\w+)'\)\) it (.*)$/s.exec(error.message) ?? [];
    expect(base64(mended(bytes.toString(made as 'latin1'), what!, 'text') as Uint8Array)).toBe(base64(type2));
  });

  test('SPNEGO without `spnego`: the client is told of the option, the acceptor of the other one', () => {
    const { client, type2 } = inFlight();
    const init = encodeNegTokenInit({ mechTypes: [MechType.NTLMSSP], mechToken: type2 });
    const error = thrown(() => client.respond(init));
    expect(error).toMatchObject({ code: 'wrong-signature', side: 'peer' });
    expect(error.message).toContain('spnego: true');
    expect(client.state).toBe('failed');
    expect(thrown(() => new NtlmAcceptor({ credentials }).challenge(init)).message).toContain('SpnegoAcceptor of ntlmachine/spnego');
  });

  test('what stands before it, and bytes that were text as UTF-8', () => {
    const { client, type2 } = inFlight();
    const behind = Buffer.concat([Buffer.from('\r\n'), type2]);
    const { message } = thrown(() => client.respond(behind));
    expect(base64(mended(behind, message, 'bytes') as Uint8Array)).toBe(base64(type2));
    const other = inFlight();
    other.type2.fill(0xff, 24, 32); // its random bytes
    expect(thrown(() => other.client.respond(Buffer.from(Buffer.from(other.type2).toString()))).message).toMatch(/were made text as UTF-8 and bytes again/);
  });

  test('a ticket', () => {
    const { client } = inFlight();
    const ticket = Buffer.from('6082010006092a864886f71201020201006e8200f0', 'hex');
    expect(thrown(() => client.respond(ticket)).message).toContain('it is a token of Kerberos');
  });

  test('anything else is what it was', () => {
    const { client } = inFlight();
    const error = thrown(() => client.respond(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)));
    expect(error).toBe(client.error);
  });
});

describe('who is asked for', () => {
  const password = 'drawbridge';
  test('DOMAIN\\user beside a domain', () => {
    const error = thrown(() => Credentials.fromPassword({ username: 'CASTLE\\alice', domain: 'CASTLE', password }));
    expect(error).toMatchObject({ code: 'invalid-argument', message: '"username" names a domain: leave "domain" out' });
    expect(Credentials.fromPassword({ username: 'CASTLE\\alice', password })).toMatchObject({ username: 'alice', domain: 'CASTLE' });
  });

  test.each(['\n', '\r\n', '\r'])('a password that ends with %j, as files and shells give them', (end) => {
    const error = thrown(() => Credentials.fromPassword({ username: 'alice', password: `${password}${end}` }));
    expect(error).toMatchObject({ code: 'invalid-argument', message: '"password" ends with a line break: give it trimmed' });
    expect(error.message).not.toContain(password);
  });
});

test('a bundle for browsers says what is wrong, without advice', () => {
  const error = thrown(() => browsers.checkToken('challenge', 'TlRMTVNTUAAC', 'challenge'));
  expect(error).toMatchObject({ message: '"challenge" must be a Uint8Array', code: 'invalid-argument' });
  const wrong = new NtlmError('not an NTLMSSP message', { code: 'wrong-signature', phase: 'challenge', side: 'peer' });
  expect(browsers.hinted(wrong, Uint8Array.of(0xa1), 'client')).toBe(wrong);
  expect(node.hinted(wrong, Uint8Array.of(0xa1), 'client')).not.toBe(wrong);
  expect(Object.keys(browsers).sort()).toEqual(Object.keys(node).sort());
});
