/** What docs/migrating.md shows before a change, by the libraries of the versions named, at castle.example. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'acorn';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCastle, PASSWORD, type Castle } from '../samples/castle.ts';
import { houses } from '../samples/houses.ts';
import { Stage, type Ran } from '../samples/program.ts';
import { fencesOf, read, type Fence } from '../support/documents.ts';
import { startSambaAd } from './support/samba-ad.ts';
import { alice } from './support/users.ts';
import { findProgram, freePorts, run, Service, TemporaryDirectory } from './support/processes.ts';

const directory = new TemporaryDirectory('before');
const page = read('docs/migrating.md');
const GREETING = 'Hello CASTLE\\alice';

/** The first sample below a heading. */
function before(heading: string): Fence {
  const line = page.lines.indexOf(`## ${heading}`);
  const sample = fencesOf(page).find((each) => each.line > line);
  if (line < 0 || sample === undefined) throw new Error(`docs/migrating.md has no sample under "${heading}"`);
  return sample;
}

const versionsNamed = new Map([...page.lines.join('\n').matchAll(/^## (\S+)\n\nBefore \(([\d.]+)\)/gm)].map(([, name, version]) => [name, version]));

let castle: Castle;
let stage: Stage;
beforeAll(async () => {
  castle = await openCastle(houses);
  stage = await Stage.set(castle.surroundings);
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(new URL(`before/${file}`, import.meta.url), directory.file(file));
  await run('npm', ['ci', '--silent', '--no-audit', '--no-fund'], { cwd: directory.path });
  symlinkSync(directory.file('node_modules'), join(stage.folder, 'node_modules'));
}, 180_000);
afterAll(async () => {
  stage?.[Symbol.dispose]();
  await castle?.[Symbol.asyncDispose]();
  await directory.close();
});

const ended = ({ status, out, err }: Ran): unknown => ({ status, out: out.trim(), ...(status === 0 ? {} : { err }) });
const versionOf = (name: string): string => (JSON.parse(readFileSync(directory.file(`node_modules/${name}/package.json`), 'utf8')) as { version: string }).version;

test.each([
  ['httpntlm', GREETING],
  ['axios-ntlm', GREETING],
  ['node-client-ntlm', `200 ${GREETING}`],
])('%s', async (name, printed) => {
  expect(`${versionOf(name)}.`.startsWith(`${versionsNamed.get(name)}.`)).toBe(true);
  expect(ended(await stage.run(before(name)))).toEqual({ status: 0, out: printed });
});

/** As a hosts file and a router would have it, like hosts.ts. */
const PYTHON = `
import builtins, json, os, socket
castle = json.loads(os.environ['CASTLE'])
builtins.password = castle['password']
known = socket.getaddrinfo
def getaddrinfo(host, port, *rest, **more):
    house = castle['hosts'].get(f'{host}:{port}')
    return known(host, port, *rest, **more) if house is None else known('127.0.0.1', house, *rest, **more)
socket.getaddrinfo = getaddrinfo
`;

test('node-expose-sspi wants Windows: it is a program', () => {
  expect(parse(before('node-expose-sspi').lines.join('\n'), { ecmaVersion: 'latest', sourceType: 'script' }).body.length).toBeGreaterThan(3);
});

test('there is none besides', () => {
  const headings = page.lines.filter((line) => line.startsWith('## ')).map((line) => line.slice(3));
  const said = readFileSync(fileURLToPath(import.meta.url), 'utf8');
  expect(headings.length).toBeGreaterThan(5);
  expect(headings.filter((name) => !said.includes(`'${name}`))).toEqual([]);
});

test('requests-ntlm, in Python', async () => {
  writeFileSync(directory.file('sitecustomize.py'), PYTHON);
  const env = { ...stage.env, PYTHONPATH: directory.path, REQUESTS_CA_BUNDLE: stage.env['NODE_EXTRA_CA_CERTS'] };
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', before('requests-ntlm').lines.join('\n')], { env }); // Debian's own, which has the package
  expect(stdout).toBe(`${GREETING}\n`);
});

test('cntlm, by its configuration', async () => {
  const [port = 0] = await freePorts(1);
  const proxy = `127.0.0.1:${castle.surroundings.hosts['proxy.castle.example:3128']}`;
  const configuration = before('cntlm').lines.join('\n').replace('proxy.castle.example:3128', proxy).replace(/(?<=Listen +)3128/, String(port));
  writeFileSync(directory.file('cntlm.conf'), `${configuration}\nPassword ${PASSWORD}\n`);
  const service = await Service.start({ program: findProgram('cntlm'), args: ['-f', '-c', directory.file('cntlm.conf')], logs: [], ports: [port] });
  const said = await run('curl', ['-sS', '-x', `http://127.0.0.1:${port}`, 'http://news.example/']).finally(() => service.close());
  expect(said).toBe('http://news.example/ for CASTLE\\alice');
});

test('express-ntlm, by a domain controller that lets itself be asked in another’s name', async () => {
  const domain = await startSambaAd({ signing: false });
  const sample = before('express-ntlm');
  const lines = sample.lines.map((line) => line.replace("'CASTLE'", `'${alice.domain}'`).replace('listen(8080)', 'listen(8080, function () { console.log(this.address().port); })'));
  const child = stage.start({ ...sample, lines });
  try {
    const [port] = (await once(createInterface(child.stdout), 'line', { signal: AbortSignal.timeout(20_000) })) as [string];
    const ask = (password: string) => run('curl', ['-sS', '--ntlm', '-u', `${alice.domain}\\${alice.username}:${password}`, '-w', '%{http_code}', `http://127.0.0.1:${port}/`]);
    expect(await ask(alice.password)).toBe(`hello ${alice.username}\n200`);
    expect(await ask('wrong')).not.toMatch(/hello|200$/);
  } finally {
    child.kill();
    await domain.close();
  }
}, 240_000);
