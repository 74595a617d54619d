/**
 * The package as others take it, each in a folder of its own with what npm installs: bundled by webpack, vite and ncc, run by
 * Jest, compiled by the oldest TypeScript that reads its types: `npm run consumers`. Ends with 1 where one fails.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'ntlmachine-consumers-'));
const run = (command, args, cwd) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** What each of them runs: a request over each door to a server that asks for nothing. */
const PROGRAM = `
  import { createServer, get } from 'node:http';
  import { Credentials, NtlmClient } from 'ntlmachine';
  import { NtlmAgent } from 'ntlmachine/http';
  import { createNtlmFetch } from 'ntlmachine/fetch';
  export async function main() {
    const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
    if (new NtlmClient({ credentials }).negotiate().length < 32) throw new Error('no type 1');
    const server = createServer((_, response) => response.end('lamp')).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const url = 'http://127.0.0.1:' + server.address().port + '/';
    const ntlmFetch = createNtlmFetch({ credentials });
    const fetched = await (await ntlmFetch(url)).text();
    await ntlmFetch.close();
    const agent = new NtlmAgent({ credentials });
    const got = await new Promise((done, fail) => get(url, { agent }, (response) => response.setEncoding('utf8').once('data', done)).once('error', fail));
    agent.destroy();
    server.close();
    return fetched + ' ' + got;
  }
`;
const CALL = `main().then((said) => console.log(said), (error) => { console.error(error); process.exitCode = 1; });`;

const consumers = {
  'webpack 5': {
    packages: ['webpack@5'],
    files: {
      'program.mjs': PROGRAM + CALL,
      'build.cjs': `require('webpack')({ mode: 'production', target: 'node', entry: './program.mjs', output: { path: __dirname + '/out', filename: 'program.cjs' } }, (error, stats) => {
        if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exitCode = 1; }
      });`,
    },
    steps: [['build.cjs'], ['out/program.cjs']],
  },
  'vite, for Node': {
    packages: ['vite'],
    files: {
      'program.js': PROGRAM + CALL,
      'build.mjs': `import { build } from 'vite';
        await build({ logLevel: 'error', ssr: { noExternal: true, external: ['undici'] }, build: { ssr: 'program.js', outDir: 'out' } });`,
    },
    steps: [['build.mjs'], ['out/program.js']],
  },
  'vite, for browsers': {
    packages: ['vite'],
    files: {
      'program.js': `import { Credentials, NtlmClient } from 'ntlmachine'; console.log(new NtlmClient({ credentials: Credentials.anonymous() }).negotiate().length > 31 ? 'lamp lamp' : 'short');`,
      'build.mjs': `import { build } from 'vite';
        await build({ logLevel: 'error', build: { lib: { entry: 'program.js', formats: ['es'], fileName: 'program' }, outDir: 'out' } });`,
    },
    steps: [['build.mjs'], ['out/program.js']],
  },
  ncc: {
    packages: ['@vercel/ncc'],
    files: { 'program.mjs': PROGRAM + CALL },
    steps: [['node_modules/@vercel/ncc/dist/ncc/cli.js', 'build', 'program.mjs', '-o', 'out', '-q'], ['out/index.mjs']],
  },
  'Jest, modules': {
    packages: ['jest@30'],
    files: { 'program.js': PROGRAM, 'program.test.js': `import { main } from './program.js'; test('runs', async () => expect(await main()).toBe('lamp lamp'));` },
    steps: [['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--silent']],
    quiet: true,
  },
  'TypeScript 5.7': {
    packages: ['typescript@5.7', '@types/node@20'],
    files: {
      'program.ts': `${PROGRAM.replaceAll('server.address().port', '(server.address() as { port: number }).port').replace('(_, response)', '(_request, response)')}
        void main;
        export * as http from 'ntlmachine/http'; export * as fetch from 'ntlmachine/fetch'; export * as crypto from 'ntlmachine/crypto';
        export * as messages from 'ntlmachine/messages'; export * as session from 'ntlmachine/session'; export * as spnego from 'ntlmachine/spnego';
        export * as acceptor from 'ntlmachine/acceptor'; export * as snapshot from 'ntlmachine/snapshot'; export * as legacy from 'ntlmachine/legacy';
        export * as sasl from 'ntlmachine/sasl'; export * as gateway from 'ntlmachine/gateway'; export * as visualize from 'ntlmachine/visualize';
        export * as bindings from 'ntlmachine/channel-bindings';`,
      'tsconfig.json': JSON.stringify({ compilerOptions: { strict: true, noEmit: true, skipLibCheck: false, target: 'ES2022', module: 'NodeNext', types: ['node'], lib: ['ES2023', 'ESNext.Disposable', 'DOM'] }, files: ['program.ts'] }),
    },
    steps: [['node_modules/typescript/bin/tsc', '-p', '.']],
    quiet: true,
  },
};

try {
  const tarball = run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], root).trim();
  for (const [name, { packages, files, steps, quiet = false }] of Object.entries(consumers)) {
    const cwd = join(folder, name.replace(/\W+/g, '-'));
    mkdirSync(cwd);
    writeFileSync(join(cwd, 'package.json'), '{"private":true,"type":"module"}');
    for (const [file, text] of Object.entries(files)) writeFileSync(join(cwd, file), text);
    try {
      run('npm', ['install', '--no-audit', '--no-fund', '--silent', join(folder, tarball), 'xstate@5', 'undici@7', ...packages], cwd);
      const said = steps.map((step) => run(process.execPath, step, cwd)).at(-1).trim();
      if (!quiet && said !== 'lamp lamp') throw new Error(`said ${said}`);
      console.log(`${name}: works`);
    } catch (error) {
      process.exitCode = 1;
      console.log(`${name}: ${error.message}\n${error.stdout ?? ''}${error.stderr ?? ''}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
