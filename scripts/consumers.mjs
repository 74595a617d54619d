/**
 * The package as others take it, each in a folder of its own with what npm installs: bundlers and test runners with their
 * defaults, Node's require, and TypeScript: `npm run consumers`. What is built is run. `--write` puts the tables into
 * docs/runtimes.md, after a whole run; names (`npm run consumers -- parcel`) choose some; ends with 1 where one fails.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newcomer } from './newcomer.mjs';
import { Score, each, inFolder, pack, project, publish, start, table, versionOf } from './trial.mjs';
import { useNtlm } from './use-ntlm.mjs';

/** What each of them runs: a handshake's first bytes, and a request over each door to a server that asks for nothing. */
const BODY = `
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
  return fetched + ' ' + got;`;
const PROGRAM = `
  import { createServer, get } from 'node:http';
  import { Credentials, NtlmClient } from 'ntlmachine';
  import { NtlmAgent } from 'ntlmachine/http';
  import { createNtlmFetch } from 'ntlmachine/fetch';
  export async function main() {${BODY}
  }
`;
const CALL = `main().then((said) => console.log(said), (error) => { console.error(error); process.exitCode = 1; });`;
/** For browsers: the bytes of a client; and what needs sockets or the system's tickets says that it cannot be. */
const PAGE = `
  import { Credentials, NtlmClient } from 'ntlmachine';
  import { NtlmAgent } from 'ntlmachine/http';
  import { kerberos } from 'ntlmachine/kerberos';
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
  const bytes = new NtlmClient({ credentials }).negotiate().length > 31 ? 'lamp' : 'short';
  const refused = [() => new NtlmAgent({ credentials }), () => kerberos()].map((make) => { try { make(); } catch (error) { return error.code; } });
  console.log(bytes + ' ' + (refused.every((code) => code === 'unsupported') ? 'lamp' : refused));`;
const REQUIRE = `
  const { createServer, get } = require('node:http');
  const { Credentials, NtlmClient } = require('ntlmachine');
  const { NtlmAgent } = require('ntlmachine/http');
  const { createNtlmFetch } = require('ntlmachine/fetch');
  async function main() {${BODY}
  }
  ${CALL}`;

/** undici is CommonJS and asks for Node's modules by require, which a module of ESM has not. */
const BANNER = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

const consumers = [
  {
    name: 'webpack',
    made: 'a program for Node',
    packages: ['webpack@5'],
    files: {
      'program.mjs': PROGRAM + CALL,
      'build.cjs': `require('webpack')({ mode: 'production', target: 'node', entry: './program.mjs', output: { path: __dirname + '/out', filename: 'program.cjs' } }, (error, stats) => {
        if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exitCode = 1; }
      });`,
      'web.cjs': `require('webpack')({ mode: 'production', entry: './page.mjs', output: { path: __dirname + '/web', filename: 'page.cjs' } }, (error, stats) => {
        if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exitCode = 1; }
      });`,
      'page.mjs': PAGE,
    },
    steps: [['build.cjs'], ['out/program.cjs']],
    also: { made: 'a page', steps: [['web.cjs'], ['web/page.cjs']] },
  },
  {
    name: 'vite',
    made: 'a program for Node',
    packages: ['vite'],
    files: {
      'program.js': PROGRAM + CALL,
      'page.js': PAGE,
      'build.mjs': `import { build } from 'vite';
        await build({ logLevel: 'error', ssr: { noExternal: true, external: ['undici'] }, build: { ssr: 'program.js', outDir: 'out' } });`,
      'web.mjs': `import { build } from 'vite';
        await build({ logLevel: 'error', build: { lib: { entry: 'page.js', formats: ['es'], fileName: 'page' }, outDir: 'web' } });`,
    },
    steps: [['build.mjs'], ['out/program.js']],
    also: { made: 'a page', steps: [['web.mjs'], ['web/page.js']] },
  },
  {
    name: 'esbuild',
    made: 'a program for Node',
    packages: ['esbuild'],
    files: {
      'program.js': PROGRAM + CALL,
      'page.js': PAGE,
      'build.mjs': `import { build } from 'esbuild';
        await build({ entryPoints: ['program.js'], bundle: true, platform: 'node', format: 'esm', outfile: 'out/program.mjs', banner: { js: ${JSON.stringify(BANNER)} } });`,
      'web.mjs': `import { build } from 'esbuild';
        await build({ entryPoints: ['page.js'], bundle: true, format: 'esm', outfile: 'web/page.mjs' });`,
    },
    steps: [['build.mjs'], ['out/program.mjs']],
    also: { made: 'a page', steps: [['web.mjs'], ['web/page.mjs']] },
  },
  {
    name: 'rollup',
    made: 'a program for Node',
    packages: ['rollup', '@rollup/plugin-node-resolve', '@rollup/plugin-commonjs'],
    files: {
      'program.js': PROGRAM + CALL,
      'build.mjs': `import { rollup } from 'rollup';
        import commonjs from '@rollup/plugin-commonjs';
        import { nodeResolve } from '@rollup/plugin-node-resolve';
        const bundle = await rollup({ input: 'program.js', plugins: [nodeResolve({ preferBuiltins: true }), commonjs()], external: ['undici'], onLog: () => {} });
        await bundle.write({ dir: 'out', format: 'es', entryFileNames: '[name].mjs' });
        await bundle.close();`,
    },
    steps: [['build.mjs'], ['out/program.mjs']],
  },
  {
    name: 'parcel',
    made: 'a program for Node, with `packageExports`',
    packages: ['parcel'],
    type: 'commonjs',
    manifest: {
      targets: { app: { distDir: 'out', context: 'node', engines: { node: '>=20' }, includeNodeModules: { undici: false } } },
      '@parcel/resolver-default': { packageExports: true },
    },
    files: { 'program.js': PROGRAM + CALL },
    steps: [['node_modules/parcel/lib/bin.js', 'build', 'program.js', '--no-cache', '--log-level', 'error'], ['out/program.js']],
  },
  {
    name: '@vercel/ncc',
    made: 'a program for Node',
    packages: ['@vercel/ncc'],
    files: { 'program.mjs': PROGRAM + CALL },
    steps: [['node_modules/@vercel/ncc/dist/ncc/cli.js', 'build', 'program.mjs', '-o', 'out', '-q'], ['out/index.mjs']],
  },
  {
    name: 'jest',
    made: 'a test, with `node --experimental-vm-modules`',
    packages: ['jest@30'],
    files: { 'program.js': PROGRAM, 'program.test.js': `import { main } from './program.js'; test('runs', async () => expect(await main()).toBe('lamp lamp'));` },
    steps: [['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--silent']],
    quiet: true,
  },
  {
    name: 'vitest',
    made: 'a test',
    packages: ['vitest'],
    files: {
      'program.js': PROGRAM,
      'program.test.js': `import { expect, test } from 'vitest'; import { main } from './program.js'; test('runs', async () => expect(await main()).toBe('lamp lamp'));`,
    },
    steps: [['node_modules/vitest/vitest.mjs', 'run']],
    quiet: true,
  },
  { name: 'Node', made: 'a program that uses `require`', packages: [], version: process.versions.node, files: { 'program.cjs': REQUIRE }, steps: [['program.cjs']] },
];

async function tryConsumer({ packages, files, type, manifest, name, ...consumer }, { folder, tarball, score, rows, at }) {
  let cwd;
  try {
    cwd = await project(folder, name, [tarball, 'xstate@5', 'undici@7', ...packages], { files, type, manifest });
  } catch (error) {
    score.add(name, error.message);
    return;
  }
  for (const { made, steps, quiet = false } of [consumer, ...(consumer.also === undefined ? [] : [consumer.also])]) {
    let problem;
    try {
      let said = '';
      for (const step of steps) said = await start(process.execPath, step, { cwd });
      if (!quiet && said.trim() !== 'lamp lamp') problem = `said ${said}`;
    } catch (error) {
      problem = error.message;
    }
    score.add(`${name}, ${made}`, problem);
    (rows[at] ??= []).push([`${name} ${consumer.version ?? versionOf(cwd, name)}`, made, problem === undefined ? 'works' : 'fails']);
  }
}

const TYPESCRIPTS = ['5.7', '5.9', '6', '7'];
const ENTRIES = ['http', 'fetch', 'crypto', 'messages', 'session', 'spnego', 'acceptor', 'snapshot', 'legacy', 'sasl', 'gateway', 'visualize', 'channel-bindings', 'kerberos'];
const nameOf = (entry) => `of_${entry.replace('-', '_')}`;
/** Types that fit: tokens where fetch, Blob and subtle take bytes; clients of others; every entry point. */
const TYPED = `
  import { Credentials, NtlmClient, type NtlmError } from 'ntlmachine';
  import { NtlmAgent } from 'ntlmachine/http';
  import { createNtlmFetch } from 'ntlmachine/fetch';
  const credentials = Credentials.fromPassword({ username: 'alice', domain: 'CASTLE', password: 'drawbridge' });
  export async function send(client: NtlmClient, challenge: Uint8Array): Promise<Response> {
    void new Blob([client.negotiate()]);
    await crypto.subtle.digest('SHA-256', client.respond(challenge));
    await fetch('https://keep.example/', { method: 'POST', body: client.step(challenge).token ?? null });
    return createNtlmFetch({ credentials })('https://keep.example/', { method: 'POST', body: client.negotiate() });
  }
  export const agent: import('node:https').Agent = new NtlmAgent({ credentials });
  export const codeOf = (error: NtlmError): string => error.code;`;
const STATIC = `${TYPED}\n${ENTRIES.map((entry) => `import * as ${nameOf(entry)} from 'ntlmachine/${entry}';`).join('\n')}\nexport const all = [${ENTRIES.map(nameOf).join(', ')}];`;
const DYNAMIC = `export async function load() { return [${['', ...ENTRIES.map((entry) => `/${entry}`)].map((entry) => `await import('ntlmachine${entry}')`).join(', ')}]; }`;

const SETTINGS = {
  '`module: node16`': { compilerOptions: { module: 'Node16' }, file: 'program.mts' },
  '`moduleResolution: bundler`': { compilerOptions: { module: 'ESNext', moduleResolution: 'Bundler' }, file: 'program.mts' },
  'CommonJS, `module: nodenext`': { compilerOptions: { module: 'NodeNext' }, file: 'program.cts', otherwise: 'dynamic.cts' },
};

async function tryTypeScript({ folder, tarball, score, rows }) {
  const packages = [...TYPESCRIPTS.map((version) => `typescript-${version}@npm:typescript@${version}`), '@types/node@20', 'kerberos@2'];
  const files = { 'program.mts': STATIC, 'program.cts': STATIC, 'dynamic.cts': DYNAMIC };
  const cwd = await project(folder, 'typescript', [tarball, 'xstate@5', 'undici@7', ...packages], { files });
  const compile = async (version, compilerOptions, file) => {
    const config = `tsconfig-${version}-${file}-${compilerOptions.module}.json`;
    const options = { strict: true, noEmit: true, skipLibCheck: false, target: 'ES2022', types: ['node'], lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'], ...compilerOptions };
    writeFileSync(join(cwd, config), JSON.stringify({ compilerOptions: options, files: [file] }));
    await start(process.execPath, [`node_modules/typescript-${version}/bin/tsc`, '-p', config], { cwd });
  };
  await each(TYPESCRIPTS, async (version) => {
    const cells = [];
    for (const [name, { compilerOptions, file, otherwise }] of Object.entries(SETTINGS)) {
      let problem;
      let cell = 'works';
      try {
        await compile(version, compilerOptions, file).catch(async (error) => {
          // before 5.8 a CommonJS file may not require a module of ESM
          if (otherwise === undefined || !error.message.includes('TS1479')) throw error;
          await compile(version, compilerOptions, otherwise);
          cell = 'by `import()`';
        });
      } catch (error) {
        [problem, cell] = [error.message, 'fails'];
      }
      cells.push(cell);
      score.add(`TypeScript ${version}, ${name}`, problem);
    }
    rows[TYPESCRIPTS.indexOf(version)] = [versionOf(cwd, `typescript-${version}`), ...cells];
  });
}

const score = new Score();
await inFolder('consumers', async (folder) => {
  const tarball = pack(folder);
  const tools = [];
  const types = [];
  const jobs = [
    ['newcomer', () => newcomer({ folder, tarball, score })],
    ['use-ntlm', () => useNtlm({ folder, tarball, score, rows: (tools[consumers.length] = []) })],
    ['typescript', () => tryTypeScript({ folder, tarball, score, rows: types })],
    ...consumers.map((consumer, at) => [consumer.name, () => tryConsumer(consumer, { folder, tarball, score, rows: tools, at })]),
  ];
  const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
  await each(jobs.filter(([name]) => wanted.length === 0 || wanted.includes(name)), ([, job]) => job());
  const show = wanted.length === 0 ? publish : (_, text) => console.log(text);
  show('consumers', table(['by', 'what was made, and run', ''], tools.flat()));
  show('typescript', table(['TypeScript', ...Object.keys(SETTINGS)], types));
});
score.close();
