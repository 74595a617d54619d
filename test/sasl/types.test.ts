/** The types of the entry point, as the compiler takes them where Node's are there, and where a browser's are. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from '../support/documents.ts';

const universal = `
import { SaslClient, secureStreams, type ByteStreams } from 'ntlmachine/sasl';
import type { Credentials } from 'ntlmachine';
declare const credentials: Credentials, wire: ByteStreams, challenge: Uint8Array;
const sasl = new SaslClient({ mechanism: 'GSS-SPNEGO', credentials, sessionSecurity: 'seal' });
const response: Uint8Array | undefined = sasl.step(challenge);
const line: string | undefined = sasl.step('TlRM');
const { readable, writable }: ByteStreams = secureStreams(wire, sasl.session!);
export const all: readonly unknown[] = [response, line, readable, writable];
`;
const ofNode = `
import { secureSocket } from 'ntlmachine/sasl';
import type { NtlmSession } from 'ntlmachine/session';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
declare const session: NtlmSession;
export const secured: Duplex = secureSocket(connect(389), session);
`;

// inside the package, which then resolves itself by name
const directory = mkdtempSync(join(root, '.samples-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What the compiler says of `code` there. */
function complaints(name: string, code: string, compilerOptions: object): string {
  const folder = join(directory, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'sample.ts'), code);
  const settings = { strict: true, noEmit: true, target: 'ES2023', skipLibCheck: false, ...compilerOptions };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: settings, files: ['sample.ts'] }));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  return spawnSync(tsc, ['-p', folder], { encoding: 'utf8' }).stdout;
}

const inBrowsers = { lib: ['ES2023', 'DOM', 'DOM.Iterable', 'ESNext.Disposable'], types: [], module: 'ESNext', moduleResolution: 'bundler' };
const onNode = { lib: ['ES2023'], types: ['node'], module: 'NodeNext', moduleResolution: 'NodeNext' };

it.each([
  ['in browsers', universal, inBrowsers],
  ['on Node, without the DOM', universal + ofNode, onNode],
])('compile %s', (name, code, options) => {
  expect(complaints(name, code, options)).toBe('');
});

it('offer no socket in browsers', () => {
  expect(complaints('wrong', "export { secureSocket } from 'ntlmachine/sasl';", inBrowsers)).toContain('secureSocket');
});
