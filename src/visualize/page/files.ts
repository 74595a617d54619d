/** Where the files of the page are: beside this one, which a bundle of the package keeps where it is. */
import { existsSync } from 'node:fs';
import { NtlmError } from '../../errors.ts';

const ASSETS: readonly string[] = ['index.html', 'style.css', 'icon.svg', 'story-light.svg', 'story-dark.svg'].map((name) => `assets/${name}`);
const CODE: readonly string[] = ['client/main.js']; // bundled: not there before a build

/** By the path that a browser asks for. @throws NtlmError `unsupported` where a bundle left them behind. */
export function pageFiles(): ReadonlyMap<string, URL> {
  const { url } = import.meta as { readonly url?: string }; // none in a bundle of CommonJS
  const files = [...ASSETS, ...CODE].map((path) => [path.replace('assets/', ''), url && new URL(path, url)] as const);
  if (files.slice(0, ASSETS.length).some(([, file]) => !file || !existsSync(file))) {
    throw new NtlmError('the page is made of files of the package, which are not in the bundle: mark ntlmachine as external', {
      code: 'unsupported',
      phase: 'configure',
      side: 'local',
    });
  }
  return new Map(files as (readonly [string, URL])[]);
}
