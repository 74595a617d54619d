/** What comes along with the package. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const read = (file: string): unknown => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
const manifest = read('package.json') as {
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
  readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
  readonly scripts: Record<string, string>;
  readonly publishConfig: object;
};
const { packages } = read('package-lock.json') as { readonly packages: Record<string, Locked> };
const locked = Object.entries(packages).filter(([path]) => path.startsWith('node_modules/'));

/** Everything an install of this package installs, by name. */
function installed(names: readonly string[], found = new Set<string>()): Set<string> {
  for (const name of names) {
    if (found.has(name)) continue;
    found.add(name);
    installed(Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {}), found);
  }
  return found;
}

test('four runtime dependencies at most, and one peer that is needed', () => {
  expect(Object.keys(manifest.dependencies).length).toBeLessThanOrEqual(4);
  const needed = Object.keys(manifest.peerDependencies).filter((name) => !manifest.peerDependenciesMeta?.[name]?.optional);
  expect(needed).toEqual(['xstate']);
});

test('nothing that comes along runs a script when it is installed', () => {
  const names = installed([...Object.keys(manifest.dependencies), 'xstate']);
  expect(names.size).toBeGreaterThanOrEqual(4);
  for (const name of names) expect(packages[`node_modules/${name}`], name).not.toHaveProperty('hasInstallScript');
  expect(Object.keys(manifest.scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
});

test('every locked package is pinned by its hash', () => {
  expect(locked.length).toBeGreaterThan(10);
  expect(locked.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
});

test('it is published with its provenance', () => {
  expect(manifest.publishConfig).toEqual({ access: 'public', provenance: true });
});
