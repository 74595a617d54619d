import { credentialsWithLmHash, lm } from '../../src/legacy/index.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NtlmAcceptor, type AcceptorOptions } from '../../src/acceptor/index.ts';
import { ntowfV1 } from '../../src/crypto/index.ts';
import { Credentials } from '../../src/index.ts';
import {
  NegotiateFlags as F,
  decodeAuthenticate,
  decodeNegotiate,
  decodeNtlmV2Response,
  describeTargetInfo,
  hasFlag,
} from '../../src/messages/index.ts';
import { encodeNegTokenResp } from '../../src/spnego/index.ts';
import { run } from './command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ntlmachine-cli-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const PASSWORD = 'Zugbrücke 41 日本';
const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: PASSWORD });
const passwordFile = file('password', `${PASSWORD}\n`);
const user = ['--user', 'CASTLE\\alice'];

const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

/** `negotiate` and `respond` with the same options, against an acceptor. */
async function handshake(args: readonly string[], env = {}, acceptorOptions: Partial<AcceptorOptions> = {}) {
  const acceptor = new NtlmAcceptor({ credentials, ...acceptorOptions });
  const challenge = acceptor.challenge(fromBase64((await run(['negotiate', ...args])).stdout));
  const responded = await run(['respond', ...args], { stdin: base64(challenge), env });
  expect(responded).toMatchObject({ code: 0, stderr: '' });
  const token = fromBase64(responded.stdout);
  return { verdict: await acceptor.authenticate(token), message: decodeAuthenticate(token), responded };
}

describe('ntlmachine negotiate', () => {
  it('prints a type 1 in base64 that follows from the options alone', async () => {
    const [first, second] = await Promise.all([run(['negotiate']), run(['negotiate', ...user])]);
    expect(first).toMatchObject({ code: 0, stderr: '', stdout: second.stdout });
    const { negotiateFlags, version } = decodeNegotiate(fromBase64(first.stdout));
    const asked = F.NEGOTIATE_UNICODE | F.REQUEST_TARGET | F.NEGOTIATE_EXTENDED_SESSIONSECURITY;
    expect(hasFlag(negotiateFlags, asked)).toBe(true);
    expect(version).toMatchObject({ productMajorVersion: 10 });
  });

  it('leaves out what the options switch off', async () => {
    const args = ['--no-unicode', '--no-request-target', '--policy', 'ntlmv1', '--os-version', '6.1.7601'];
    const { negotiateFlags, version } = decodeNegotiate(fromBase64((await run(['negotiate', ...args])).stdout));
    expect(negotiateFlags & (F.NEGOTIATE_UNICODE | F.REQUEST_TARGET | F.NEGOTIATE_EXTENDED_SESSIONSECURITY)).toBe(0);
    expect(version).toMatchObject({ productMajorVersion: 6, productMinorVersion: 1, productBuild: 7601 });
    const { stdout } = await run(['negotiate', '--os-version', 'none']);
    expect(decodeNegotiate(fromBase64(stdout)).version).toBeUndefined();
  });

  it('prints the bytes themselves with --raw', async () => {
    const [raw, text] = await Promise.all([run(['negotiate', '--raw']), run(['negotiate'])]);
    expect(base64(raw.bytes)).toBe(text.stdout.trim());
  });
});

describe('ntlmachine respond', () => {
  it('answers with a type 3 whose MIC covers the type 1 of negotiate', async () => {
    const args = [...user, '--password-file', passwordFile, '--workstation', 'GATE', '--target', 'keep.example'];
    const { verdict, message } = await handshake(args, {}, { requireMic: true });
    expect(verdict).toMatchObject({ ok: true, mic: true, response: 'ntlmv2' });
    expect(message).toMatchObject({ userName: 'alice', domainName: 'CASTLE', workstation: 'GATE' });
    const { avPairs } = decodeNtlmV2Response(message.ntChallengeResponse);
    expect(describeTargetInfo(avPairs).targetName).toBe('HTTP/keep.example');
  });

  it('has a MIC that fails where negotiate was given other options', async () => {
    const acceptor = new NtlmAcceptor({ credentials });
    const { stdout } = await run(['negotiate', '--os-version', '6.1.7601']);
    const challenge = acceptor.challenge(fromBase64(stdout));
    const answer = await run(['respond', ...user, '--password-file', passwordFile], { stdin: base64(challenge) });
    expect(await acceptor.authenticate(fromBase64(answer.stdout))).toMatchObject({ ok: false, reason: 'mic-mismatch' });
  });

  it('takes the password from the environment', async () => {
    const { verdict, responded } = await handshake(user, { NTLM_PASSWORD: PASSWORD });
    expect(verdict).toMatchObject({ ok: true });
    expect(responded.stdout + responded.stderr).not.toContain(PASSWORD);
    expect((await handshake(user, { NTLM_PASSWORD: 'other' })).verdict).toMatchObject({ reason: 'wrong-credentials' });
  });

  it('takes an empty password for a password', async () => {
    const empty = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: '' });
    expect((await handshake(user, { NTLM_PASSWORD: '' }, { credentials: empty })).verdict).toMatchObject({ ok: true });
  });

  it('prefers the file to the environment, and drops one line end only', async () => {
    const args = [...user, '--password-file', passwordFile];
    expect((await handshake(args, { NTLM_PASSWORD: 'other' })).verdict).toMatchObject({ ok: true });
    const twoLines = [...user, '--password-file', file('two', `${PASSWORD}\r\n\n`)];
    const refused = await run(['respond', ...twoLines], { stdin: base64(typeTwo()) });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('"password" ends with a line break') });
  });

  it('takes a file that PowerShell wrote, which is UTF-16', async () => {
    const written = file('utf16', Buffer.from(`\ufeff${PASSWORD}\r\n`, 'utf16le'));
    expect((await handshake([...user, '--password-file', written])).verdict).toMatchObject({ ok: true });
  });

  it('takes an NT hash from a file', async () => {
    const hash = file('hash', `${Buffer.from(ntowfV1(PASSWORD)).toString('hex')}\n`);
    expect((await handshake([...user, '--hash-file', hash])).verdict).toMatchObject({ ok: true });
  });

  it.each(['ntlm2-session', 'ntlmv1', 'lm-and-ntlmv1', 'lm'] as const)('answers under policy %s', async (policy) => {
    const ascii = credentialsWithLmHash({ username: 'alice', domain: 'CASTLE', password: 'Draw1' });
    const args = [...user, '--policy', policy, '--password-file', file('ascii', 'Draw1')];
    const acceptor = new NtlmAcceptor({ credentials: ascii, policy: lm });
    const challenge = acceptor.challenge(fromBase64((await run(['negotiate', ...args])).stdout));
    const answer = await run(['respond', ...args], { stdin: base64(challenge) });
    expect(answer.stderr).toContain('SecurityWarning');
    expect(await acceptor.authenticate(fromBase64(answer.stdout))).toMatchObject({ ok: true, response: policy });
  });

  it('answers as nobody with --anonymous', async () => {
    expect((await handshake(['--anonymous'], {}, { anonymous: true })).verdict).toMatchObject({ response: 'anonymous' });
  });

  it('reads and writes bytes with --raw, and base64 that is broken into lines without it', async () => {
    const acceptor = new NtlmAcceptor({ credentials });
    const challenge = acceptor.challenge((await run(['negotiate', '--raw'])).bytes);
    const args = ['respond', ...user, '--password-file', passwordFile];
    const lines = base64(challenge).replace(/.{76}/g, '$&\r\n');
    expect((await run(args, { stdin: lines })).code).toBe(0);
    const raw = await run([...args, '--raw'], { stdin: challenge });
    expect(await acceptor.authenticate(new Uint8Array(raw.bytes))).toMatchObject({ ok: true, mic: true });
  });

  it('takes what decode takes: an operand, header lines, a log with older challenges, SPNEGO, hexadecimal', async () => {
    const args = ['respond', ...user, '--password-file', passwordFile];
    const answered = async (wrap: (challenge: string) => { operands?: string[]; stdin?: string }, told = '') => {
      const acceptor = new NtlmAcceptor({ credentials });
      const { operands = [], stdin = '' } = wrap(base64(acceptor.challenge(typeOne())));
      const { stdout, stderr } = await run([...args, ...operands], { stdin });
      expect(stderr).toBe(told);
      return acceptor.authenticate(fromBase64(stdout));
    };
    const header = (challenge: string): string => `HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM ${challenge}\r\n\r\n`;
    const older = header(base64(typeTwo()));
    const inSpnego = (challenge: string): string =>
      base64(encodeNegTokenResp({ negState: 'accept-incomplete', responseToken: fromBase64(challenge) }));
    const ok = { ok: true, response: 'ntlmv2' };
    expect(await answered((challenge) => ({ operands: [challenge] }))).toMatchObject(ok);
    expect(await answered((challenge) => ({ stdin: `NTLM ${challenge}\n` }))).toMatchObject(ok);
    expect(await answered((challenge) => ({ operands: [file('log', older + header(challenge))] }))).toMatchObject(ok);
    expect(await answered((challenge) => ({ stdin: Buffer.from(challenge, 'base64').toString('hex') }))).toMatchObject(ok);
    const told = 'the challenge came inside SPNEGO; this is its answer without it\n';
    expect(await answered((challenge) => ({ stdin: `Negotiate ${inSpnego(challenge)}` }), told)).toMatchObject(ok);
  });

  const truncated = base64(new NtlmAcceptor({ credentials }).challenge(typeOne()).subarray(0, 20));
  it.each([
    ['nothing', '', 'malformed-token: the input is empty'],
    ['no base64', 'TlRM!', 'malformed-token: no token of NTLMSSP'],
    ['something else', btoa('x'.repeat(60)), 'malformed-token: no token of NTLMSSP'],
    ['a truncated challenge', truncated, 'truncated: '],
    ['a type 1', base64(typeOne()), 'wrong-message-type: '],
    ['too much', 'A'.repeat(5_000_000), 'malformed-token: '],
  ])('ends in one line with a code, exit code 1, for %s', async (_, stdin, message) => {
    const { code, stdout, stderr } = await run(['respond', ...user, '--password-file', passwordFile], { stdin });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^ntlmachine respond: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  it.each([
    ['no password and no terminal', [], 'credentials-missing: '],
    ['a file that is not there', ['--password-file', join(directory, 'nowhere')], 'ENOENT'],
    ['a hash of another size', ['--hash-file', file('short', 'c0ffee')], 'invalid-argument: "ntHash"'],
    ['a file without end', ['--password-file', '/dev/zero'], 'too-long: '],
    ['bytes that are no text', ['--password-file', file('latin', Uint8Array.of(0xfc, 0xff))], 'not UTF-8'],
  ])('ends in one line, exit code 1, for %s', async (_, args, message) => {
    const { code, stdout, stderr } = await run(['respond', ...user, ...args], { stdin: base64(typeTwo()) });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^ntlmachine respond: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });
});

function typeOne(): Uint8Array {
  return fromBase64('TlRMTVNTUAABAAAAB4KIogAAAAAoAAAAAAAAACgAAAAKAAAAAAAADw==');
}

function typeTwo(): Uint8Array {
  return new NtlmAcceptor({ credentials }).challenge(typeOne());
}
