import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { NtlmAcceptor } from '../../src/acceptor/index.ts';
import { Credentials } from '../../src/index.ts';
import { MAIN, run } from '../cli/command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ntlmachine-prompt-'));
afterAll(() => rmSync(directory, { recursive: true }));

const PASSWORD = 'Zugbrücke 41';
const challengeFile = join(directory, 'challenge');
const answerFile = join(directory, 'answer');
const respond = `'${process.execPath}' '${MAIN}' respond --user alice < '${challengeFile}' > '${answerFile}'`;

/** Runs `command` on a pseudo-terminal of util-linux's script(1) and types `keys` when a prompt is there. */
async function onTerminal(command: string, keys: string): Promise<string> {
  const child = spawn('script', ['-qefc', command, '/dev/null'], { env: { PATH: process.env['PATH'], TERM: 'xterm' } });
  let drawn = '';
  child.stdout.on('data', (chunk) => {
    const before = drawn;
    drawn += String(chunk);
    if (drawn.includes('Password of ') && !before.includes('Password of ')) child.stdin.write(keys);
  });
  await once(child, 'close');
  return drawn;
}

describe('the password prompt on a real terminal', async () => {
  const acceptor = new NtlmAcceptor({ credentials: Credentials.fromPassword({ username: 'alice', password: PASSWORD }) });
  const negotiate = (await run(['negotiate', '--raw'])).bytes;
  writeFileSync(challengeFile, Buffer.from(acceptor.challenge(negotiate)).toString('base64'));

  it('reads the password from the terminal while the challenge comes from a file, and shows none of it', async () => {
    const drawn = await onTerminal(respond, `${PASSWORD}\r`);
    expect(drawn.trim()).toBe('Password of alice:');
    const answer = new Uint8Array(Buffer.from(readFileSync(answerFile, 'latin1'), 'base64'));
    expect(await acceptor.authenticate(answer)).toMatchObject({ ok: true, mic: true });
  });

  it('gives the terminal back on Ctrl-C, and ends with 130', async () => {
    const drawn = await onTerminal(`${respond}; echo code $?; stty -a`, 'hunter2\u0003');
    expect(drawn).toContain('code 130');
    expect(drawn).toMatch(/[^-]icanon/);
    expect(drawn).toMatch(/[^-]echo /);
    expect(drawn).not.toContain('hunter2');
  });

  it('draws colours there, unless NO_COLOR forbids', async () => {
    const demo = `'${process.execPath}' '${MAIN}' demo`;
    expect(await onTerminal(demo, '')).toContain('\u001b[');
    expect(await onTerminal(`NO_COLOR=1 ${demo}`, '')).not.toContain('\u001b[');
  });
});
