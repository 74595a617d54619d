/**
 * dist from what tsc left in .build: the code that the same entry points share stands in one chunk, so that a program
 * opens few files and every class exists once. Code, names and remarks stay as they were written: no map is needed to read
 * it in a debugger. What is said of functions and types is said in the declarations, and not again in the code.
 */
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { parse } from 'acorn';
import { build } from 'esbuild';
import { rollup } from 'rollup';

const BUILT = '.build';
const DIST = 'dist';
/** No code at all. */
const COPIED = ['visualize/page/assets'];
/** Loaded by a browser, from the same chunks as by Node. */
const PAGE = 'visualize/page/client/main.js';
/** What those import from packages, which a browser does not know: each by its name, for the server of the page. */
const PACKAGES = 'visualize/page/packages';
/** Whoever loads a file of these entry points loads nearly all of them. */
const WHOLE = ['messages'];
/**
 * What is loaded together nearly always: a file less to open each. The machine, whose making no bundler leaves out, stands
 * apart, and so do classes that extend another's: what needs neither bundles neither.
 */
const TOGETHER = {
  errors: ['errors.js', 'checks.js'],
  crypto: ['_cipher', 'hmac-md5', 'keys', 'mic', 'rc4', 'responses', 'session-key'].map((name) => `crypto/${name}.js`),
  'machine-policy': ['crypto/legacy-policy.js', 'machine/policy.js', 'machine/sources.js', 'machine/synchronous.js'],
  'spnego-messages': ['mech-types', 'neg-token-init', 'neg-token-resp', 'record', 'spnego-token', 'token-origin'].map((name) => `spnego/messages/${name}.js`),
  // the page draws with what the element draws with: beside it, or an element that is imported for its own sake would be in a chunk
  'flow-drawing': ['bands', 'chips', 'drawing-style', 'folds', 'ladder', 'ladder-layout', 'rungs', 'states', 'story', 'svg', 'threads', 'waits'].map((name) => `visualize/flow/${name}.js`),
  'spnego-machine': ['actor', 'machine', 'mech-list-mic', 'objections', 'services', 'setup'].map((name) => `spnego/${name}.js`),
};

const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const built = readdirSync(BUILT, { recursive: true, encoding: 'utf8' });

/** The paths in package.json that name a file of dist, as far as `wanted` says of their condition. */
function pathsIn(value, wanted, condition = '') {
  if (typeof value === 'string') return value.startsWith(`./${DIST}/`) && wanted(condition) ? [value.slice(DIST.length + 3)] : [];
  return Object.entries(value).flatMap(([key, inner]) => pathsIn(inner, wanted, key));
}

const { exports, imports, bin } = manifest;
const public_ = pathsIn({ exports, imports, bin }, (condition) => condition !== 'types' && condition !== 'bun');
/** What finds a file beside itself has to stay where it was. */
const placed = built.filter((file) => file.endsWith('.js') && readFileSync(join(BUILT, file), 'utf8').includes('import.meta'));
const entries = [...new Set([...public_, ...placed, PAGE])];

/** By what is loaded, or the first of its files: machine/machine.js is chunks/machine.js, spnego/machine.js is chunks/spnego-machine.js. */
const nameOf = (id) => [...new Set(relative(BUILT, id).replace(/\.js$/, '').split('/'))].join('-');

/** Code without its docstrings, each of which stands on lines of its own. */
function withoutDocstrings(code) {
  const docstrings = [];
  const onComment = (block, text, start, end) => block && text.startsWith('*') && docstrings.push([start, end]);
  parse(code, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true, onComment });
  let kept = '';
  let from = 0;
  for (const [start, end] of docstrings) {
    kept += code.slice(from, start).replace(/[ \t]+$/, '');
    from = code[end] === '\n' ? end + 1 : end;
  }
  return kept + code.slice(from);
}

const reached = new Map();
function reachedFrom(entry, getModuleInfo) {
  if (reached.has(entry)) return reached.get(entry);
  const ids = new Set([entry]);
  for (const id of ids) for (const next of getModuleInfo(id)?.importedIds ?? []) ids.add(next);
  reached.set(entry, ids);
  return ids;
}

rmSync(DIST, { recursive: true, force: true });
const bundle = await rollup({
  input: Object.fromEntries(entries.map((file) => [file.replace(/\.js$/, ''), join(BUILT, file)])),
  external: (id) => !id.startsWith('.') && !isAbsolute(id),
  treeshake: { moduleSideEffects: 'no-external' },
  plugins: [{ name: 'docstrings', renderChunk: (code) => withoutDocstrings(code) }],
  onLog(level, log) {
    if (level === 'warn') throw new Error(log.message);
  },
});
const { output } = await bundle.write({
  dir: DIST,
  format: 'es',
  entryFileNames: '[name].js',
  chunkFileNames: ({ name, moduleIds, facadeModuleId }) => `chunks/${WHOLE.includes(name) || name in TOGETHER ? name : nameOf(facadeModuleId ?? moduleIds[0])}.js`,
  hoistTransitiveImports: false,
  minifyInternalExports: false,
  onlyExplicitManualChunks: true,
  manualChunks: (id, { getModuleInfo }) =>
    entries.includes(relative(BUILT, id))
      ? undefined
      : (Object.keys(TOGETHER).find((name) => TOGETHER[name].includes(relative(BUILT, id))) ??
        WHOLE.find((room) => reachedFrom(resolve(BUILT, room, 'index.js'), getModuleInfo).has(id))),
});
await bundle.close();

// Bun has an undici of its own by that name, whose dispatchers do nothing; the package is found by its file.
for (const file of pathsIn(exports, (condition) => condition === 'bun')) {
  const plain = file.replace('.bun.js', '.js');
  const { code } = output.find(({ fileName }) => fileName === plain);
  writeFileSync(join(DIST, file), code.replaceAll("from 'undici'", "from 'undici/index.js'"));
}
const ofUndici = output.filter(({ imports }) => imports?.includes('undici')).map(({ fileName }) => fileName);
if (ofUndici.join() !== 'http/fetch.js') throw new Error(`undici is imported by ${ofUndici}: Bun needs a variant of each`);

for (const folder of COPIED) cpSync(join('src', folder), join(DIST, folder), { recursive: true });

const ofPage = new Set([PAGE]);
const packages = new Set();
for (const file of ofPage) {
  for (const name of output.find(({ fileName }) => fileName === file).imports) {
    if (output.some(({ fileName }) => fileName === name)) ofPage.add(name);
    else if (!name.startsWith('#')) packages.add(name);
  }
}
await build({
  entryPoints: Object.fromEntries([...packages].map((name) => [name.replace(/\.js$/, ''), name])),
  outdir: join(DIST, PACKAGES),
  bundle: true,
  splitting: true,
  chunkNames: 'shared-[hash]',
  format: 'esm',
  target: 'es2023',
  minify: true,
  legalComments: 'none',
  tsconfigRaw: {},
});

/** The declarations of the entry points and what they lead to. */
const declarations = new Set();
const queue = pathsIn(exports, (condition) => condition === 'types');
for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
  if (declarations.has(file)) continue;
  declarations.add(file);
  const text = readFileSync(join(BUILT, file), 'utf8');
  for (const [, path] of text.matchAll(/(?:from|import\()\s*["'](\.[^"']+)\.[jt]s["']/g)) queue.push(join(dirname(file), `${path}.d.ts`));
  mkdirSync(join(DIST, dirname(file)), { recursive: true });
  writeFileSync(join(DIST, file), text);
}
