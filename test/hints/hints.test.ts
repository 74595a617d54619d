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
  hexadecimal: (type2) => Buffer.from(type2).toString('hex'),
  'bytes as text': (type2) => Buffer.from(type2).toString('latin1'),
  'an ArrayBuffer': (type2) => type2.slice().buffer,
};

/** Does what the sentence says: it is JavaScript with the name of the argument in it. */
function mended(given: unknown, sentence: string, name: string): unknown {
  const code = /(?:Buffer\.from\(.*'\)|new Uint8Array\(\w+\))/.exec(sentence)?.[0];
  expect(code).toBeDefined();
  return new Function(name, 'Buffer', `return ${code}`)(given, Buffer);
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

  test.each([[''], ['  '], ['Basic Zm9v'], ['hello'], [null], [{}], [7], [new Uint16Array(4)]])('%j gets no wrong advice', (given) => {
    const { client } = inFlight();
    const { message } = thrown(() => client.respond(given as unknown as Uint8Array));
    expect(message).toMatch(/^"challenge" must be a Uint8Array(, and this text is empty: the other end sent no token)?$/);
  });
});

describe('bytes of another kind', () => {
  test.each(['base64', 'the value of a header', 'a header line', 'hexadecimal'])('%s as bytes: the error says how to decode them', (name) => {
    const { client, type2 } = inFlight();
    const bytes = Buffer.from(forms[name]!(type2) as string);
    const error = thrown(() => client.respond(bytes));
    expect(error).toMatchObject({ code: 'wrong-signature', side: 'peer', offset: 0, cause: client.error });
    expect(base64(mended(bytes.toString('latin1'), error.message.slice(error.message.indexOf('it is')), 'text') as Uint8Array)).toBe(base64(type2));
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
