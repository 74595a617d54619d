/**
 * ntlmachine/fetch in Node 20, 22, 24 and 26, Deno and Bun, with undici 6, 7 and 8: `npm run runtimes`. Runtimes and
 * packages come from npm. `--write` puts the table into docs/runtimes.md; a cell that is not as it should be ends with 1.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Credentials } from 'ntlmachine';
import { createNtlmServer, requireNtlm } from 'ntlmachine/http';

const NODES = [20, 22, 24, 26];
const UNDICIS = ['6.19.8', '6', '7', '8'];
const KINDS = ['Request', 'FormData', 'Headers', 'Blob'];
const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ntlmachine-runtimes-'));
const run = (command, args, cwd = folder) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const install = (cwd, ...packages) => run('npm', ['install', '--no-audit', '--no-fund', '--no-save', '--silent', ...packages], cwd);

try {
  const table = await tryAll();
  console.log(table);
  if (process.argv.includes('--write')) {
    const file = join(root, 'docs/runtimes.md');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/(?<=<!-- runtimes -->\n)[^]*(?=\n<!-- end -->)/, `\n${table}\n`));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function tryAll() {
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}');
  install(folder, ...NODES.map((major) => `node${major}@npm:node@${major}`), 'deno', 'bun');
  const bin = (name) => join(folder, 'node_modules', name);
  const runtimes = [
    ...NODES.map((major) => [bin(`node${major}/bin/node`)]),
    [bin('.bin/deno'), 'run', '-A', '--node-modules-dir=manual'],
    [bin('.bin/bun')],
  ];
  const tarball = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], root).trim();
  const servers = await listen();
  const rows = [];
  const wrong = [];
  for (const version of UNDICIS) {
    const cwd = join(folder, `undici-${version}`);
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'package.json'), '{"private":true,"type":"module"}');
    install(cwd, join(folder, tarball), `undici@${version}`, 'xstate@5', '--force');
    cpSync(join(root, 'test/runtimes/client.mjs'), join(cwd, 'client.mjs'));
    const undici = JSON.parse(readFileSync(join(cwd, 'node_modules/undici/package.json'), 'utf8')).version;
    for (const [command, ...args] of runtimes) {
      if (!existsSync(command)) throw new Error(`${command} was not installed`);
      const child = spawn(command, [...args, 'client.mjs'], { cwd, env: { ...process.env, ...servers.env }, stdio: ['ignore', 'pipe', 'pipe'] });
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
      const line = out.split('\n').find((each) => each.startsWith('{'));
      const told = line === undefined ? { loads: `no: ${err.trim().split('\n').at(-1)}` } : JSON.parse(line);
      const name = nameOf(command);
      rows.push([name, undici, ...summary(told)]);
      wrong.push(...mistakes(told).map((what) => `${name}, undici ${undici}: ${what}`));
    }
  }
  servers.close();
  rows.sort(([one], [other]) => order(one) - order(other));
  if (wrong.length > 0) {
    console.error(wrong.join('\n'));
    process.exitCode = 1;
  }
  const head = ['runtime', 'undici', 'dispatcher given to the global fetch', "to undici's fetch", '`createNtlmFetch`', 'Request, FormData, Headers, Blob', 'TLS'];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function order(name) {
  return [...NODES.map((major) => `Node ${major}.`), 'Deno', 'Bun'].findIndex((start) => name.startsWith(start));
}

function nameOf(command) {
  const [line] = run(command, ['--version']).split('\n');
  if (line.startsWith('v')) return `Node ${line.slice(1)}`;
  return line.startsWith('deno') ? `Deno ${line.split(' ')[1]}` : `Bun ${line}`;
}

function summary(told) {
  if (told.loads !== 'yes') return ['does not load', '', '', '', ''];
  const given = { 200: 'works', 401: 'ignored: 401', unsupported: '`unsupported`' };
  const kinds = KINDS.filter((kind) => told[kind] !== 'yes');
  return [
    given[told['dispatcher, global fetch']] ?? told['dispatcher, global fetch'],
    given[told["dispatcher, undici's fetch"]] ?? told["dispatcher, undici's fetch"],
    told.createNtlmFetch.replace('200, ', 'works '),
    kinds.length === 0 ? 'yes' : kinds.map((kind) => `${kind}: ${told[kind]}`).join('; '),
    told.TLS,
  ];
}

/** Where undici loads, createNtlmFetch works, whatever it is given. */
function mistakes(told) {
  if (told.loads !== 'yes') return [];
  const due = { "dispatcher, undici's fetch": '200', 'a plain object as body': 'unsupported', ...Object.fromEntries(KINDS.map((kind) => [kind, 'yes'])) };
  const wrong = Object.entries(due).filter(([name, value]) => told[name] !== value).map(([name]) => `${name}: ${told[name]}`);
  return told.createNtlmFetch.startsWith('200') ? wrong : [...wrong, `createNtlmFetch: ${told.createNtlmFetch}`];
}

async function listen() {
  const options = { credentials: Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' }) };
  const answer = (request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part)).on('end', () => {
      const { method, headers } = request;
      response.end(JSON.stringify({ method, headers, body: Buffer.concat(parts).toString('latin1') }));
    });
  };
  const plain = createNtlmServer(options, answer);
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']);
  const secure = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
  secure.on('request', requireNtlm(options, answer));
  await Promise.all([plain, secure].map((server) => new Promise((done) => server.listen(0, '127.0.0.1', done))));
  const port = (server) => server.address().port;
  return {
    env: { HTTP: `http://127.0.0.1:${port(plain)}/`, HTTPS: `https://127.0.0.1:${port(secure)}/`, CA: readFileSync(cert, 'utf8') },
    close: () => [plain, secure].forEach((server) => (server.close(), server.closeAllConnections())),
  };
}
