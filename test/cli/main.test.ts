import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MAIN, run, start } from './command.ts';

const VERBS = ['demo', 'negotiate', 'respond', 'serve'];

/** The contract of a refused command line. */
function expectOneLine(stderr: string): void {
  expect(stderr).toMatch(/^ntlmachine[^\n]*: [^\n]+\n$/);
  expect(stderr).not.toContain('    at ');
}

describe('ntlmachine', () => {
  it('lists every verb in its help', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^  ${verb} `, 'm'));
    expect([code, stderr]).toEqual([0, '']);
  });

  it.each(VERBS)('has a help for %s, by either road', async (verb) => {
    const { code, stdout, stderr } = await run([verb, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: ntlmachine ${verb} `));
    expect(stdout).toContain('--help');
    expect((await run(['help', verb])).stdout).toBe(stdout);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('shows commands on lines of their own, to be copied', async () => {
    const lines = (await run(['gateway', '--help'])).stdout.split('\n').map((line) => line.trim());
    expect(lines).toContain('npm config set https-proxy http://127.0.0.1:3128');
    expect(lines).toContain(String.raw`ntlmachine gateway --upstream http://proxy.corp:3128 -u "CORP\me"`);
  });

  it('shows its help as talk, and fails, without a verb', async () => {
    const { code, stdout, stderr } = await run([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('Usage: ntlmachine');
  });

  it('tells the version of the package', async () => {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect((await run(['--version'])).stdout).toBe(`${version}\n`);
  });

  it('can be run as a program', () => {
    expect(readFileSync(MAIN, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true);
  });

  it.each([
    [['frobnicate'], 'unknown verb "frobnicate"'],
    [['--frobnicate'], 'unknown option "--frobnicate"'],
    [['help', 'frobnicate'], 'unknown verb'],
    [['negotiate', '--frobnicate'], "unknown option '--frobnicate'"],
    [['negotiate', '--user'], 'argument missing'],
    [['negotiate', '--raw=yes'], 'does not take an argument'],
    [['negotiate', '--policy', 'strong'], '--policy must be one of ntlmv2, '],
    [['negotiate', '--os-version', 'eleven'], '--os-version must look like'],
    [['negotiate', '--spn', 'HTTP/a', '--target', 'b'], '--spn and --target exclude each other'],
    [['respond'], '--user is missing'],
    [['respond', '--user', 'CORP/alice'], '--user has a slash in its name: the domain ends with a backslash'],
    [['respond', '--user', 'CORP\\\\alice'], '--user has more than one backslash'],
    [['request', 'http://127.0.0.1/', '--user', '"alice"'], '--user has a quotation mark'],
    [['respond', '--user', 'alice', '--password-file', '-'], 'standard input is for messages'],
    [['respond', '--user', 'alice', '--password-file', 'a', '--hash-file', 'b'], 'exclude each other'],
    [['serve', '--user', 'alice', '--port', '70000'], '--port must be'],
  ])('refuses %j in one line, exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await run(args, { stdin: 'TlRM' });
    expect([code, stdout]).toEqual([2, '']);
    expectOneLine(stderr);
    expect(stderr).toContain(message);
  });

  it.each([
    ['--password', 'hunter2'],
    ['--password=hunter2'],
    ['--pass=hunter2'],
    ['hunter2'],
    ['--user=alice:hunter2'],
    ['--user', 'alice', '-phunter2'],
    ['--user', 'alice', '--pasword=hunter2'],
  ])('takes no password from the command line and does not repeat it: %s %s', async (...args) => {
    for (const verb of [['respond'], ['serve'], []]) {
      const { code, stdout, stderr } = await run([...verb, ...args]);
      expect([code, stdout]).toEqual([2, '']);
      expectOneLine(stderr);
      if (verb.length > 0) expect(stderr).not.toContain('hunter2');
    }
  });

  it('is quiet when the reader of its output leaves', async () => {
    const child = start(['demo']);
    let talk = '';
    child.stderr.on('data', (chunk) => (talk += String(chunk)));
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, talk]).toEqual([0, '']);
  });
});
