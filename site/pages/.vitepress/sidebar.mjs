/** The order of the pages. One that is named nowhere stands under "More", so that none is lost. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './places.mjs';

const GROUPS = [
  ['Guides', ['start', 'clients', 'http', 'proxies', 'client', 'actor', 'server', 'carriers', 'session', 'gateway', 'command-line']],
  ['When it fails', ['visualize', 'explain', 'errors', 'recipes/browser-works', 'recipes/locked', 'recipes/extended-protection', 'recipes/load-balancer', 'recipes/clock', 'recipes/kerberos-only']],
  ['Recipes', ['recipes/iis', 'recipes/sharepoint', 'recipes/exchange', /^recipes\//]],
  ['Leave NTLM', ['leaving-ntlm', 'kerberos']],
  ['Coming from', [/^(?:from-|migrating)/]],
  ['The machines', ['handshake', 'connection', 'spnego', 'kerberos-context', 'acceptor']],
  ['About', ['policies', 'security', 'performance', 'runtimes', 'versions']],
];

/** The first heading. */
function titleOf(page) {
  const [, title = page] = /^# (.+)$/m.exec(readFileSync(join(root, 'docs', `${page}.md`), 'utf8')) ?? [];
  return title.replaceAll('`', '');
}

export function sidebar() {
  const rest = new Set(
    readdirSync(join(root, 'docs'), { recursive: true })
      .filter((path) => path.endsWith('.md'))
      .map((path) => path.replace(/\.md$/, ''))
      .sort(),
  );
  const taken = (wanted) => {
    const found = [...rest].filter((page) => (typeof wanted === 'string' ? page === wanted : wanted.test(page)));
    for (const page of found) rest.delete(page);
    return found.map((page) => ({ text: titleOf(page), link: `/${page}` }));
  };
  const groups = GROUPS.map(([text, pages]) => ({ text, items: pages.flatMap(taken) }));
  const more = { text: 'More', items: taken(/./) };
  const project = {
    text: 'Project',
    items: [
      { text: 'Changelog', link: '/changelog' },
      { text: 'Contributing', link: '/contributing', file: 'CONTRIBUTING.md' },
      { text: 'Security policy', link: '/security-policy' },
    ].filter(({ file }) => file === undefined || existsSync(join(root, file))),
  };
  return [...groups, more, project].filter(({ items }) => items.length > 0);
}

/** Of the pages in site/pages/api, which are made before. */
export function referenceSidebar() {
  const pages = readdirSync(join(root, 'site/pages/api')).map((name) => name.replace(/\.md$/, ''));
  const entries = pages.filter((name) => name !== 'index' && !name.startsWith('ntlmachine')).sort();
  return [
    {
      text: 'Reference',
      link: '/reference/',
      items: [...pages.filter((name) => name.startsWith('ntlmachine')).sort(), ...entries].map((name) => ({ text: name.replace(/^(?!ntlmachine)/, '/').replace(/-types$/, ': types'), link: `/reference/${name}` })),
    },
  ];
}
