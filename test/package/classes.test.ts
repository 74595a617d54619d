/** One copy of each class over all entry points, and no syntax that React Native's bundler refuses. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { entries, onNode, root, node } from './support.ts';

/** In a process of its own: vitest would load the sources of what is imported by path. */
const run = (program: string): unknown => JSON.parse(node(['--input-type=module', '-e', program]));

describe('every entry point has the same classes', () => {
  test('whatever two export by one name is one thing', () => {
    const told = run(`
      const seen = new Map(), two = [];
      let shared = 0;
      for (const entry of ${JSON.stringify(onNode)}) {
        for (const [name, value] of Object.entries(await import(entry))) {
          if (seen.has(name)) { shared++; if (seen.get(name) !== value) two.push(entry + ' ' + name); }
          seen.set(name, value);
        }
      }
      console.log(JSON.stringify({ two, shared: shared > 3 }));`);
    expect(told).toEqual({ two: [], shared: true });
  });

  test('an error is an NtlmError, credentials are Credentials, a session key is a SessionKey, wherever they come from', () => {
    const told = run(`
      const { NtlmError, Credentials, NtlmClient, SessionKey } = await import('ntlmachine');
      const messages = await import('ntlmachine/messages');
      const crypto = await import('ntlmachine/crypto');
      const session = await import('ntlmachine/session');
      const { openSnapshot } = await import('ntlmachine/snapshot');
      const acceptor = await import('ntlmachine/acceptor');
      const spnego = await import('ntlmachine/spnego');
      const { NtlmAgent } = await import('ntlmachine/http');
      const { createNtlmFetch } = await import('ntlmachine/fetch');
      const { credentialsWithLmHash } = await import('ntlmachine/legacy');
      const { channelBindings } = await import('ntlmachine/channel-bindings');
      const { decode } = await import('ntlmachine/visualize');
      const thrown = async (act) => { try { await act(); return 'nothing'; } catch (error) { return error instanceof NtlmError; } };
      const nobody = { username: 'a', domain: 'b', password: 'c' };
      const credentials = crypto.Credentials.fromPassword(nobody);
      console.log(JSON.stringify({
        errors: await Promise.all([
          () => new NtlmClient({}), () => messages.decodeChallenge(new Uint8Array(3)), () => crypto.ntowfV1(3),
          () => new session.NtlmSession({}), () => openSnapshot(new Uint8Array(3), {}), () => new acceptor.NtlmAcceptor({}),
          () => spnego.decodeSpnegoToken(new Uint8Array(3)), () => new NtlmAgent({}), () => createNtlmFetch({}),
          () => channelBindings.fromCertificate(3), () => credentialsWithLmHash({}),
        ].map(thrown)),
        credentials: [credentials, credentialsWithLmHash(nobody)].map((each) => each instanceof Credentials),
        key: new crypto.SessionKey(new Uint8Array(16)) instanceof SessionKey,
        taken: new NtlmClient({ credentials }) instanceof NtlmClient,
      }));`) as { errors: unknown[] };
    expect(told).toEqual({ errors: told.errors.map(() => true), credentials: [true, true], key: true, taken: true });
  });
});

const dist = readdirSync(join(root, 'dist'), { recursive: true, encoding: 'utf8' });

test('no class has a static block', () => {
  const code = dist.filter((file) => file.endsWith('.js'));
  expect(code.length).toBeGreaterThan(entries.length);
  const found = code.filter((file) => /\bstatic\s*\{/.test(readFileSync(join(root, 'dist', file), 'utf8')));
  expect(found).toEqual([]);
});

test('undici is imported as any package is, by ntlmachine/fetch alone', () => {
  const asks = (text: string): boolean => /\bfrom ['"]undici|import\(['"]undici|require\(['"]undici/.test(text);
  const found = dist.filter((file) => /\.(js|d\.ts)$/.test(file) && asks(readFileSync(join(root, 'dist', file), 'utf8')));
  expect(found.filter((file) => file.endsWith('.js')).sort()).toEqual(['http/fetch.bun.js', 'http/fetch.js']);
  expect(found.filter((file) => file.endsWith('.d.ts')).every((file) => file.startsWith('http/doors/'))).toBe(true);
});

test('Bun, which has another thing by the name of undici, loads the package by its file', () => {
  const code = readFileSync(join(root, 'dist/http/fetch.bun.js'), 'utf8');
  expect(Array.from(code.matchAll(/from ['"](undici[^'"]*)/g), ([, name]) => name)).toEqual(['undici/index.js', 'undici/index.js']);
});
