/** What each entry point loads, read from the sources: a room imports what it may and nothing else. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { default: string }>;
  imports?: Record<string, Record<string, string>>;
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
};

/** Every module that `file` loads: static and dynamic imports and re-exports, not those of types alone. */
function importsOf(file: string): string[] {
  const source = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const statements = source.matchAll(/^\s*(import|export)\s+(?!type\b)(?:[^'";]*?\bfrom\s*)?'([^']+)'/gm);
  const dynamic = source.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g);
  return [...Array.from(statements, (match) => match[2]!), ...Array.from(dynamic, (match) => match[1]!)];
}

const sourceOf = (built: string): string => join(root, built.replace('./dist/', 'src/').replace(/\.js$/, '.ts'));

interface Graph {
  /** Source files, from the package's root. */
  readonly files: readonly string[];
  /** Specifiers of other packages and of Node. */
  readonly packages: readonly string[];
}

function graphOf(entry: string, { conditions }: { readonly conditions?: readonly string[] } = {}): Graph {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [entry];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) queue.push(join(dirname(file), specifier));
      else if (specifier.startsWith('#'))
        queue.push(...Object.entries(packageJson.imports?.[specifier] ?? {}).filter(([name]) => conditions?.includes(name) ?? true).map(([, built]) => sourceOf(built)));
      else packages.add(specifier);
    }
  }
  return { files: [...files].map((file) => relative(root, file)).sort(), packages: [...packages].sort() };
}

const entries = Object.entries(packageJson.exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{ name, source: sourceOf(target.default) }],
);
const entrySource = (name: string): string => entries.find((each) => each.name === name)!.source;
const entry = (name: string): Graph => graphOf(entrySource(name));
const nameOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

test('the walk sees what is there', () => {
  expect(entry('.').files).toEqual(
    expect.arrayContaining(['src/machine/machine.ts', 'src/crypto/md4.ts', 'src/messages/reader.ts']),
  );
  expect(entry('.').packages).toContain('xstate');
});

test('every entry point has its source', () => {
  for (const { name, source } of entries) expect(existsSync(source), name).toBe(true);
});

test('./messages loads nothing but itself and the error', () => {
  const { files, packages } = entry('./messages');
  expect(packages).toEqual([]);
  expect(files.filter((file) => !file.startsWith('src/messages/'))).toEqual(['src/checks.ts', 'src/errors.ts']);
});

test('./crypto never loads xstate, nor the messages', () => {
  const { files, packages } = entry('./crypto');
  expect(files.filter((file) => !file.startsWith('src/crypto/'))).toEqual(['src/checks.ts', 'src/errors.ts']);
  expect([...new Set(packages.map(nameOf))]).toEqual(['@noble/hashes', 'node:crypto']);
});

test('DES is loaded by ./legacy and by no other entry point', () => {
  for (const { name, source } of entries) {
    const weak = graphOf(source).files.filter((file) => file === 'src/crypto/des.ts' || file.startsWith('src/legacy/'));
    expect(weak.length > 0, name).toBe(name === './legacy');
  }
});

test('what runs in a browser loads no module of Node', () => {
  const variants = Object.values(packageJson.imports ?? {});
  expect(variants.map(({ default: browser }) => browser)).not.toContain(undefined);
  for (const name of ['.', './messages', './crypto', './legacy']) {
    for (const file of graphOf(entrySource(name), { conditions: ['default'] }).files) {
      const source = readFileSync(join(root, file), 'utf8');
      expect(
        importsOf(join(root, file)).filter((specifier) => specifier.startsWith('node:')),
        file,
      ).toEqual([]);
      expect(/\bBuffer\b(?=[.(])/.test(source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')), file).toBe(false);
    }
  }
});

test('only declared packages are loaded', () => {
  const declared = [...Object.keys(packageJson.dependencies), ...Object.keys(packageJson.peerDependencies)];
  for (const { name, source } of entries) {
    const undeclared = graphOf(source).packages.filter(
      (specifier) => !specifier.startsWith('node:') && !declared.includes(nameOf(specifier)),
    );
    expect(undeclared, name).toEqual([]);
  }
});

describe('no two files import each other', () => {
  /** Imports of types count: they too say who has to be understood first. */
  const importsAnything = (file: string): string[] =>
    Array.from(readFileSync(file, 'utf8').matchAll(/\bfrom '(\.[^']+)'/g), (match) => join(dirname(file), match[1]!));
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(root, 'src', file));

  /** The files of one circle, or nothing (depth first, the way back to a file that is being visited). */
  function circleOf(files: readonly string[]): string[] {
    const done = new Set<string>();
    const path: string[] = [];
    const visit = (file: string): string[] => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].map((each) => relative(root, each));
      if (done.has(file)) return [];
      path.push(file);
      for (const next of importsAnything(file).filter((each) => existsSync(each))) {
        const circle = visit(next);
        if (circle.length > 0) return circle;
      }
      path.pop();
      done.add(file);
      return [];
    };
    for (const file of files) {
      const circle = visit(file);
      if (circle.length > 0) return circle;
    }
    return [];
  }

  test('in src', () => {
    expect(circleOf(sources)).toEqual([]);
  });

  test('the rooms of src/http stand above what they use', () => {
    const floors = ['wire', 'authentication', 'exchange', 'routes', 'doors'];
    const floorOf = (file: string): number => floors.indexOf(relative(join(root, 'src/http'), file).split('/')[0]!);
    const http = sources.filter((file) => floorOf(file) !== -1);
    expect(http.length).toBeGreaterThan(20);
    const upwards = http.flatMap((file) =>
      importsAnything(file)
        .filter((other) => other.startsWith(join(root, 'src/http')) && (floorOf(other) === -1 || floorOf(other) > floorOf(file)))
        .map((other) => `${relative(root, file)} -> ${relative(root, other)}`),
    );
    expect(upwards).toEqual([]);
  });
});

describe('rooms', () => {
  const roomOf = (file: string): string => relative(join(root, 'src'), file).split('/')[0]!.replace(/\.ts$/, '');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(root, 'src', file));

  test.each([
    { room: 'errors', may: [] },
    { room: 'checks', may: ['errors'] },
    { room: 'hints', may: ['errors', 'checks'] },
    { room: 'messages', may: ['errors', 'checks'] },
    { room: 'crypto', may: ['errors', 'checks', 'der'] },
    { room: 'machine', may: ['errors', 'checks', 'messages', 'crypto'] },
    { room: 'legacy', may: ['errors', 'checks', 'messages', 'crypto'] },
    { room: 'acceptor', may: ['errors', 'checks', 'hints', 'messages', 'crypto', 'machine'] },
    { room: 'snapshot', may: ['errors', 'checks', 'messages', 'crypto', 'machine'] },
    { room: 'gateway', may: ['errors', 'checks', 'crypto', 'http'] },
    { room: 'kerberos', may: ['errors', 'checks', 'crypto', 'messages', 'machine', 'spnego', 'http'] },
    { room: 'client', may: ['errors', 'checks', 'hints', 'messages', 'crypto', 'machine'] },
    { room: 'session', may: ['errors', 'checks', 'crypto'] },
    { room: 'sasl', may: ['errors', 'checks', 'machine', 'client', 'session', 'spnego'] },
    { room: 'spnego', may: ['errors', 'checks', 'hints', 'der', 'messages', 'crypto', 'machine', 'session', 'acceptor'] },
  ])('$room imports from $may only', ({ room, may }) => {
    const files = sources.filter((file) => roomOf(file) === room);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const rooms = importsOf(file)
        .filter((specifier) => specifier.startsWith('.'))
        .map((specifier) => roomOf(join(dirname(file), specifier)));
      expect(
        rooms.filter((other) => other !== room && !may.includes(other as never)),
        file,
      ).toEqual([]);
    }
  });
});
