/**
 * The package where JavaScript runs: `npm run runtimes`. First what needs no sockets, and the agent (everywhere.mjs); then
 * ntlmachine/fetch in Node, Deno and Bun with undici 6, 7 and 8. Runtimes and packages come from npm, Chromium from the
 * system; one that is missing is a failure. `--write` puts the tables into docs/runtimes.md; a cell that is not as it should
 * be ends with 1.
 */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { Credentials } from 'ntlmachine';
import { createNtlmServer, requireNtlm } from 'ntlmachine/http';
import { PARTS, onCommand, problemOf, runtimes as bundled } from './everywhere.mjs';
import { Score, each, inFolder, pack, project, publish, root, run, start, table, versionOf } from './trial.mjs';

const NODES = ['20.19', '22', '24', '26'];
const UNDICIS = ['6.19.8', '6', '7', '8'];
const KINDS = ['Request', 'FormData', 'Headers', 'Blob'];

const score = new Score();
await inFolder('runtimes', async (folder) => {
  const tarball = pack(folder);
  const own = await project(folder, 'runtimes', [...NODES.map((version) => `node-${version}@npm:node@${version}`), 'deno', 'bun']);
  const bin = (name) => join(own, 'node_modules', name);
  const commands = [
    ...NODES.map((version) => [bin(`node-${version}/bin/node`)]),
    [bin('.bin/deno'), 'run', '-A', '--node-modules-dir=manual'],
    [bin('.bin/bun')],
  ];
  for (const [command] of commands) if (!existsSync(command)) throw new Error(`${command} was not installed`);
  const servers = await listen(folder);
  try {
    publish('everywhere', await everywhere({ folder, tarball, env: servers.env }, commands));
    publish('runtimes', await withUndici({ folder, tarball, env: servers.env }, commands));
  } finally {
    servers.close();
  }
});
score.close();

async function everywhere(place, commands) {
  const rows = [];
  const add = (name, told, hasSockets) => {
    score.add(name, problemOf(told, hasSockets));
    const cell = (part) => (told[part] === 'unsupported' ? '`unsupported`' : (told[part] ?? ''));
    rows.push([name, ...PARTS.map(cell)]);
  };
  for (const command of commands) add(nameOf(command[0]), await onCommand(command, place).catch((error) => ({ codec: error.message })), true);
  for (const [name, trial] of Object.entries(bundled)) {
    const [version, told] = await trial(place).catch((error) => [name, { codec: error.message }]);
    add(version, told, false);
  }
  return table(['runtime', ...PARTS], rows);
}

async function withUndici({ folder, tarball, env }, commands) {
  const rows = [];
  await each(UNDICIS, async (version) => {
    const cwd = await project(folder, `undici-${version}`, [tarball, `undici@${version}`, 'xstate@5']);
    cpSync(join(root, 'test/runtimes/client.mjs'), join(cwd, 'client.mjs'));
    const undici = versionOf(cwd, 'undici');
    for (const [command, ...args] of commands) {
      const out = await start(command, [...args, 'client.mjs'], { cwd, env }).catch((error) => `{"loads":${JSON.stringify(`no: ${error.message.split('\n').at(-1)}`)}}`);
      const told = JSON.parse(out.split('\n').find((line) => line.startsWith('{')) ?? '{"loads":"no"}');
      const name = nameOf(command);
      rows.push([name, undici, ...summary(told)]);
      const wrong = mistakes(told);
      score.add(`${name}, undici ${undici}`, wrong.length === 0 ? undefined : wrong.join('; '));
    }
  });
  const place = ([name, undici]) => [order(name), undici.split('.').map((part) => part.padStart(3, '0')).join('.')].join(' ');
  rows.sort((one, other) => place(one).localeCompare(place(other)));
  const head = ['runtime', 'undici', 'dispatcher given to the global fetch', "to undici's fetch", '`createNtlmFetch`', 'Request, FormData, Headers, Blob', 'TLS'];
  return table(head, rows);
}

function order(name) {
  return [...NODES.map((version) => `Node ${version.split('.')[0]}.`), 'Deno', 'Bun'].findIndex((known) => name.startsWith(known));
}

function nameOf(command) {
  const [line] = run(command, ['--version'], root).split('\n');
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

async function listen(folder) {
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
  run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'], folder);
  const secure = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
  secure.on('request', requireNtlm(options, answer));
  await Promise.all([plain, secure].map((server) => new Promise((done) => server.listen(0, '127.0.0.1', done))));
  const port = (server) => server.address().port;
  return {
    env: { HTTP: `http://127.0.0.1:${port(plain)}/`, HTTPS: `https://127.0.0.1:${port(secure)}/`, CA: readFileSync(cert, 'utf8') },
    close: () => [plain, secure].forEach((server) => (server.close(), server.closeAllConnections())),
  };
}
