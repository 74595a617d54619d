/**
 * What needs no sockets, where JavaScript runs; and the agent, where there is node:http: a row for each runtime. Chromium is
 * the system's, the others come from npm. Metro bundles for React Native: today's compiler of Hermes takes the bundle, and
 * the last engine of Hermes that npm has as a program (0.12) runs it, with what React Native brings along beside it.
 */
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { project, root, start, versionOf } from './trial.mjs';

export const PARTS = ['codec', 'machine', 'client', 'SPNEGO', 'snapshot', 'SASL', 'errors', 'NtlmAgent', 'NtlmAgent, TLS'];
const PACKAGE = (tarball) => [tarball, 'xstate@5'];
const copy = (cwd, ...names) => names.forEach((name) => cpSync(join(root, 'test/runtimes', name), join(cwd, name)));

/** The line of JSON among what a program says. */
const jsonOf = (text) => JSON.parse(text.split('\n').find((line) => line.startsWith('{')) ?? '{}');

/** Programs that look for an `unsupported` NtlmAgent, in a bundle. */
const BUNDLED = `
  import { tryParts } from './bytes.mjs';
  import { NtlmAgent } from 'ntlmachine/http';
  export async function tryAll() {
    const told = await tryParts();
    try {
      new NtlmAgent({});
      told.NtlmAgent = 'made';
    } catch (error) {
      told.NtlmAgent = error.code;
    }
    return told;
  }`;

/** The browser that the tests use, or the one of this system. */
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

async function inChromium({ folder, tarball }) {
  const cwd = await project(folder, 'chromium', PACKAGE(tarball), { files: { 'all.mjs': BUNDLED } });
  copy(cwd, 'bytes.mjs');
  const { outputFiles } = await build({ absWorkingDir: cwd, entryPoints: ['all.mjs'], bundle: true, format: 'iife', globalName: 'trial', write: false, logLevel: 'error' });
  if (CHROMIUM === undefined) throw new Error('there is no Chromium: scripts/install-servers.sh installs it');
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.addScriptTag({ content: outputFiles[0].text });
    return [`Chromium ${browser.version().split('.')[0]}`, await page.evaluate('trial.tryAll()')];
  } finally {
    await browser.close();
  }
}

async function inWorkerd({ folder, tarball }) {
  const worker = `import { tryAll } from './all.mjs'; export default { fetch: async () => Response.json(await tryAll()) };`;
  const program = `
    import { Miniflare } from 'miniflare';
    const miniflare = new Miniflare({ modules: true, scriptPath: 'out.mjs', compatibilityDate: '2025-09-01' });
    console.log(await (await miniflare.dispatchFetch('http://worker.example/')).text());
    await miniflare.dispose();`;
  const cwd = await project(folder, 'workerd', [...PACKAGE(tarball), 'miniflare'], { files: { 'all.mjs': BUNDLED, 'worker.mjs': worker, 'program.mjs': program } });
  copy(cwd, 'bytes.mjs');
  await build({ absWorkingDir: cwd, entryPoints: ['worker.mjs'], bundle: true, format: 'esm', conditions: ['workerd', 'worker', 'browser'], outfile: join(cwd, 'out.mjs'), logLevel: 'error' });
  return [`workerd ${versionOf(cwd, 'workerd')}`, jsonOf(await start(process.execPath, ['program.mjs'], { cwd }))];
}

/** What React Native brings along, and the bare engine has not. */
const PRELUDE = `
  const quiet = () => {};
  globalThis.console ??= { log: print, warn: quiet, error: quiet };
  globalThis.setTimeout ??= () => 0;
  globalThis.clearTimeout = quiet;
  globalThis.AbortController ??= class { signal = { aborted: false, addEventListener: quiet, removeEventListener: quiet }; abort() { this.signal.aborted = true; } };
  globalThis.crypto ??= { getRandomValues: (bytes) => (bytes.forEach((_, i) => (bytes[i] = Math.floor(256 * Math.random()))), bytes) }; // of a trial alone
  // of today's Hermes, and not of that one
  for (const list of [Array, Uint8Array]) list.prototype.at ??= function (index) { return this[index < 0 ? this.length + index : index]; };
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  globalThis.btoa ??= (text) => Array.from(text.match(/[^]{1,3}/g) ?? [], (three) => {
    const bits = Array.from(three, (each) => each.charCodeAt(0).toString(2).padStart(8, '0')).join('').padEnd(6 * (three.length + 1), '0');
    return bits.match(/.{6}/g).map((six) => digits[parseInt(six, 2)]).join('').padEnd(4, '=');
  }).join('');
  globalThis.TextEncoder ??= class { encode(text) { return Uint8Array.from(unescape(encodeURIComponent(text)), (each) => each.charCodeAt(0)); } };
  globalThis.TextDecoder ??= class { decode(bytes) { return decodeURIComponent(escape(String.fromCharCode(...bytes))); } };`;
const METRO = `
  const Metro = require('metro');
  const { getDefaultConfig, mergeConfig } = require('metro-config');
  (async () => {
    const config = mergeConfig(await getDefaultConfig(__dirname), {
      projectRoot: __dirname,
      resolver: { sourceExts: ['js', 'mjs', 'cjs', 'json'], unstable_conditionNames: ['react-native', 'require'] },
      transformer: { babelTransformerPath: require.resolve('@react-native/metro-babel-transformer') },
      reporter: { update() {} },
      cacheStores: [],
      maxWorkers: 2,
    });
    await Metro.runBuild(config, { entry: 'index.js', out: 'out/app.js', platform: 'android', dev: false, minify: false });
  })().catch((error) => { console.error(error); process.exit(1); });`;

async function inHermes({ folder, tarball }) {
  const packages = ['metro', 'metro-config', '@babel/core', '@react-native/babel-preset', '@react-native/metro-babel-transformer', 'hermes-compiler', 'hermes-engine-cli'];
  const files = {
    'prelude.js': PRELUDE,
    'index.js': `import './prelude.js'; import { tryAll } from './all.mjs'; tryAll().then((told) => console.log(JSON.stringify(told)), (error) => console.log(String(error)));`,
    'all.mjs': BUNDLED,
    'build.cjs': METRO,
    'babel.config.js': `module.exports = { presets: ['@react-native/babel-preset'] };`,
  };
  const cwd = await project(folder, 'hermes', [...PACKAGE(tarball), ...packages], { type: 'commonjs', files });
  copy(cwd, 'bytes.mjs');
  mkdirSync(join(cwd, 'out'));
  await start(process.execPath, ['build.cjs'], { cwd });
  const system = { linux: 'linux64', darwin: 'osx', win32: 'win64' }[process.platform];
  const bin = (name, path) => join(cwd, 'node_modules', name, path, `${system}-bin`);
  await start(join(bin('hermes-compiler', 'hermesc'), 'hermesc'), ['-w', '-emit-binary', '-O', '-out', 'out/app.hbc', 'out/app.js'], { cwd });
  const said = await start(join(bin('hermes-engine-cli', ''), 'hermes'), ['-w', 'out/app.js'], { cwd });
  return [`Metro ${versionOf(cwd, 'metro')} and Hermes`, jsonOf(said)];
}

/** Rows of the table, and what each was: `[name, { part: 'yes' … }]`. */
export const runtimes = { Chromium: inChromium, workerd: inWorkerd, Hermes: inHermes };

/** A runtime that runs a program as Node does. */
export async function onCommand([command, ...args], { folder, tarball, env }) {
  const cwd = join(folder, 'programs');
  if (!existsSync(cwd)) {
    await project(folder, 'programs', PACKAGE(tarball));
    copy(cwd, 'bytes.mjs', 'agent.mjs');
  }
  return jsonOf(await start(command, [...args, 'agent.mjs'], { cwd, env }));
}

/** What a row has to say: everything, or that it cannot be. */
export function problemOf(told, hasSockets) {
  const due = (part) => (!part.startsWith('NtlmAgent') ? 'yes' : hasSockets ? 'yes' : part === 'NtlmAgent' ? 'unsupported' : undefined);
  const wrong = PARTS.filter((part) => told[part] !== due(part));
  return wrong.length === 0 ? undefined : wrong.map((part) => `${part}: ${told[part]}`).join('; ');
}
