/** What the documents show for a shell, each command as it stands: the built command line, Debian's curl, git and npm, at castle.example. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCastle, PASSWORD, type Castle } from '../samples/castle.ts';
import { houses } from '../samples/houses.ts';
import { Stage } from '../samples/program.ts';
import { documents, fencesOf, root } from '../support/documents.ts';

/** What a command comes to: what it says before it ends. Of a server: its first line, which is its address. */
const COMES_TO: readonly (readonly [command: RegExp, says: RegExp])[] = [
  [/^npx ntlmachine demo$/, /\b401\b[^]*\b200\b/],
  [/ntlmachine request -v .*--user/, /Hello CASTLE\\alice/],
  [/^ntlmachine explain browser\.har$/, /401/],
  [/^ntlmachine explain run\.json$/, /accepted/],
  [/^ntlmachine gateway .*--test/, /200/],
  [/^node --import ntlmachine\/watch/, /http:\/\/127\.0\.0\.1:\d+\//],
  [/^curl -x/, /^Example Domain$/],
  [/^curl --ntlm/, /^hello alice$/],
  [/^(git|npm) config/, /^$/],
  [/^export/, /^$/],
];
const SERVERS: readonly RegExp[] = [/^ntlmachine gateway (?!.*--test)/, /node examples\/.*server/];
/** Who runs what is not run here. */
const ELSEWHERE: readonly (readonly [command: RegExp, where: string])[] = [
  [/^npm install /, 'from the packed package: scripts/newcomer.mjs, scripts/install-kerberos.mjs'],
  [/^npm ci && npm start$/, 'test/cli, test/browser/react-login.test.ts'],
  [/^npm ci && npm test$|npx vitest run/, '.ci/run'],
  [/^npm run /, 'long runs by hand, whose outcome docs/security.md tells; that each is a script: test/types/documents.test.ts'],
  [/^docker run /, 'nowhere: it wants a daemon and an image of a registry; the verb and its flags are those that run here'],
];

/** By page, in their order: a page is one shell. */
const pages = documents.flatMap((document) => {
  const commands = fencesOf(document)
    .filter(({ language, words }) => language === 'sh' && !words.includes('run')) // those that want a realm: kerberos-server.test.ts
    .flatMap(({ lines }) => lines.join('\n').replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/\s+#.*/, '').trim());
  const here = commands.filter((command) => !ELSEWHERE.some(([pattern]) => pattern.test(command)));
  return here.length === 0 ? [] : [{ path: document.path, commands: here }];
});

const HAR = { log: { version: '1.2', entries: [{ request: { method: 'GET', url: 'https://keep.castle.example/', headers: [] }, response: { status: 401, headers: [{ name: 'WWW-Authenticate', value: 'Negotiate' }, { name: 'WWW-Authenticate', value: 'NTLM' }] } }] } };
const APP = `import { Credentials } from 'ntlmachine';
import { createNtlmFetch } from 'ntlmachine/fetch';
const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: process.env.NTLM_PASSWORD });
const ntlmFetch = createNtlmFetch({ credentials });
await (await ntlmFetch('https://keep.castle.example/')).text();
await ntlmFetch.close();`;

let castle: Castle;
let stage: Stage;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  castle = await openCastle(houses);
  stage = await Stage.set(castle.surroundings);
  const file = (name: string, content: string): string => {
    writeFileSync(join(stage.folder, name), content);
    return join(stage.folder, name);
  };
  file('browser.har', JSON.stringify(HAR));
  file('app.js', APP);
  file('.curlrc', 'silent\nshow-error\n'); // no meter where there is no terminal
  symlinkSync(join(root, 'examples'), join(stage.folder, 'examples'));
  mkdirSync(join(stage.folder, 'bin'));
  // as npm installs it
  for (const [name, line] of [['ntlmachine', `exec node ${join(root, 'dist/cli/main.js')} "$@"`], ['npx', 'exec "$@"']] as const) chmodSync(file(`bin/${name}`, `#!/bin/sh\n${line}\n`), 0o755);
  const path = `${join(stage.folder, 'bin')}${delimiter}${process.env['PATH']}`;
  env = { ...stage.env, PATH: path, HOME: stage.folder, CURL_CA_BUNDLE: stage.env['NODE_EXTRA_CA_CERTS'], NTLM_PASSWORD: PASSWORD, NODE_OPTIONS: `--import=${join(stage.folder, 'hosts.mjs')}`, LC_ALL: 'C.UTF-8' };
}, 60_000);
afterAll(async () => {
  stage?.[Symbol.dispose]();
  await castle?.[Symbol.asyncDispose]();
});

const inShell = (command: string): ChildProcess => spawn('bash', ['-c', `exec ${command}`.replace(/^exec (?=\w+=|export)/, '')], { cwd: stage.folder, env, stdio: ['ignore', 'pipe', 'pipe'] });

/** Started, and left for the commands behind it. */
class Served {
  readonly address: string;
  readonly #child: ChildProcess;

  private constructor(address: string, child: ChildProcess) {
    this.address = address;
    this.#child = child;
  }

  static async start(command: string): Promise<Served> {
    const child = inShell(command);
    let said = '';
    child.stderr!.on('data', (part) => (said += part));
    for await (const line of createInterface({ input: child.stdout! })) {
      const [address] = /127\.0\.0\.1:\d+/.exec(line) ?? [];
      if (address !== undefined) return new Served(address, child);
    }
    throw new Error(`${command} ended: ${said}`);
  }

  get goesOn(): boolean {
    return this.#child.exitCode === null;
  }

  async close(): Promise<void> {
    if (this.goesOn) await new Promise((resolve) => this.#child.once('close', resolve).kill());
  }
}

async function expectToSay(command: string, says: RegExp): Promise<void> {
  const child = inShell(command);
  const [out, err, status] = await Promise.all([text(child.stdout!), text(child.stderr!), new Promise((resolve) => child.on('close', resolve))]);
  expect({ command, status, said: `${out}${err}`.trim() }).toEqual({ command, status: 0, said: expect.stringMatching(says) });
}

describe.concurrent('what is shown for a shell comes to what it is shown for', () => {
  test.each(pages)('$path', { timeout: 60_000 }, async ({ commands }) => {
    let served: Served | undefined; // one at a time
    try {
      for (const shown of commands) {
        const command = shown.replace(/127\.0\.0\.1:\d+/g, (each) => served?.address ?? each);
        if (SERVERS.some((pattern) => pattern.test(shown))) {
          await served?.close();
          served = await Served.start(command);
          continue;
        }
        const says = COMES_TO.find(([pattern]) => pattern.test(shown))?.[1];
        if (says === undefined) throw new Error(`nothing is known of "${shown}": say what it comes to, or who runs it`);
        await expectToSay(command, says);
      }
      expect(served?.goesOn ?? true).toBe(true);
    } finally {
      await served?.close();
    }
  });
});

test('each rule has a command, and each command one rule', () => {
  const all = documents.flatMap(fencesOf).filter(({ language, words }) => language === 'sh' && !words.includes('run')).flatMap(({ lines }) => lines);
  for (const pattern of [...COMES_TO, ...ELSEWHERE].map(([pattern]) => pattern)) expect(all.some((line) => pattern.test(line)), String(pattern)).toBe(true);
});
