/** Where a file of the repository is on the site, if it is a page there. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../../..');

/** As VitePress takes them: the file, and its page. */
export const rewrites = {
  'site/pages/index.md': 'index.md',
  'site/pages/api/:page.md': 'reference/:page.md',
  'docs/:path(.*).md': ':path.md',
  'examples/:name/README.md': 'examples/:name.md',
  'CHANGELOG.md': 'changelog.md',
  'CONTRIBUTING.md': 'contributing.md',
  'SECURITY.md': 'security-policy.md',
};

/** Everything else that ends in .md. */
export const excluded = ['README.md', 'bench/**', 'test/**', '.*/**', 'coverage/**', '**/node_modules/**', '**/dist/**', '.github/**'];

const PLACES = [
  [/^site\/pages\/index\.md$/, () => 'index.md'],
  [/^site\/pages\/api\/(.+\.md)$/, (page) => `reference/${page}`],
  [/^docs\/(.+\.md)$/, (page) => page],
  [/^examples\/([^/]+)\/README\.md$/, (name) => `examples/${name}.md`],
  [/^CHANGELOG\.md$/, () => 'changelog.md'],
  [/^CONTRIBUTING\.md$/, () => 'contributing.md'],
  [/^SECURITY\.md$/, () => 'security-policy.md'],
];

/** From the site's root; `undefined` for what is not on the site. */
export function pageOf(file) {
  for (const [pattern, place] of PLACES) {
    const found = pattern.exec(file);
    if (found !== null) return place(found[1]);
  }
  return undefined;
}

const { url } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).repository;
export const repository = url.replace(/^git\+|\.git$/g, '');

/** Built beside the pages. */
const PLAYGROUND = 'site/playground';

/**
 * A link as it stands in a file of the repository, as it has to stand on the page that is made of it: what is not on the
 * site is at the repository.
 *
 * @throws Error for a link to nothing.
 */
export function linkOnSite(link, file) {
  if (/^(?:[a-z]+:|#|\/)/i.test(link)) return link;
  const [path, ...fragment] = link.split('#');
  const target = posix.normalize(posix.join(posix.dirname(file), decodeURI(path))).replace(/\/$/, '');
  if (!existsSync(join(root, target))) throw new Error(`${file} links to ${link}, which is not there`);
  if (target === PLAYGROUND) return '/playground/';
  const hash = fragment.length === 0 ? '' : `#${fragment.join('#')}`;
  const page = pageOf(target) ?? pageOf(`${target}/README.md`);
  if (page === undefined) return `${repository}/blob/main/${target}${hash}`;
  return `${posix.relative(dirname(pageOf(file)), page)}${hash}`;
}
