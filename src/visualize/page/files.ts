/**
 * Where the files of the page are: beside this one, which a bundle of the package keeps where it is. Its code is the
 * package's own, as it was built: a browser asks for the same files as Node loads, and for packages by their names.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { NtlmError } from '../../errors.ts';

const ASSETS: readonly string[] = ['index.html', 'ground.css', 'style.css', 'icon.svg', 'story-light.svg', 'story-dark.svg'].map((name) => `assets/${name}`);

/** By the path that a browser asks for. @throws NtlmError `unsupported` where a bundle left them behind. */
export function pageFiles(): ReadonlyMap<string, URL> {
  const { url } = import.meta as { readonly url?: string }; // none in a bundle of CommonJS
  const files = ASSETS.map((path) => [path.replace('assets/', ''), url && new URL(path, url)] as const);
  if (files.some(([, file]) => !file || !existsSync(file))) {
    throw new NtlmError('the page is made of files of the package, which are not in the bundle: mark ntlmachine as external', {
      code: 'unsupported',
      phase: 'configure',
      side: 'local',
    });
  }
  return new Map(files as (readonly [string, URL])[]);
}

/** What `imports` of package.json stands for in browsers. */
const IN_BROWSERS: Readonly<Record<string, string>> = { '#hmac-md5': 'code/crypto/_hmac-md5-noble.js' };
/** Segments that begin with a letter or digit lead nowhere but down; those of packages with an `@`. */
const OWN = /^code\/((?:\w[\w-]*\/)*[\w-]+\.js)$/;
const OF_PACKAGES = /^packages\/((?:@?\w[\w-]*\/)*[\w-]+\.js)$/;

/** A module by the path that a browser asks for; `undefined` for what is none. `root`: of the page, as its modules write it. */
export async function pageModule(path: string, root: string): Promise<string | undefined> {
  const file = moduleFile(path);
  if (file === undefined || !existsSync(file)) return undefined;
  const code = await readFile(file, 'utf8');
  return code.replace(/^((?:import|export)\b[^'\n]*')([^'.\n][^'\n]*)(';)$/gm, (_, before: string, name: string, after: string) =>
    `${before}${root}${IN_BROWSERS[name] ?? `packages/${name.replace(/(?:\.js)?$/, '.js')}`}${after}`);
}

function moduleFile(path: string): URL | undefined {
  const { url } = import.meta as { readonly url?: string };
  const [own, ofPackage] = [OWN.exec(path)?.[1], OF_PACKAGES.exec(path)?.[1]];
  return own !== undefined ? new URL(`../../${own}`, url) : ofPackage === undefined ? undefined : new URL(`packages/${ofPackage}`, url);
}
