/** What a built site must be: every link leads to a page and a heading of it, and nothing is loaded from elsewhere. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Written beside the pages, after them. */
const BESIDE = /^playground\//;

/** @throws Error that names each mistake. */
export function checkSite(folder, base) {
  const files = new Set(readdirSync(folder, { recursive: true }).map((path) => path.split('\\').join('/')));
  const pages = new Map([...files].filter((path) => path.endsWith('.html')).map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
  const headings = new Map([...pages].map(([path, html]) => [path, new Set(Array.from(html.matchAll(/\sid="([^"]+)"/g), ([, id]) => id))]));
  const mistakes = new Set();

  const check = (page, link) => {
    if (/^(?:https?:|mailto:)/.test(link)) return;
    const [path, hash] = link.split('#');
    const target = path === '' ? page : path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(page), path);
    const file = target === '' || target.endsWith('/') ? `${target}index.html` : target;
    if (BESIDE.test(file)) return;
    if (!files.has(file)) mistakes.add(`${page}: ${link} leads nowhere`);
    else if (hash && pages.has(file) && !headings.get(file).has(decodeURIComponent(hash))) mistakes.add(`${page}: ${link} has no such heading`);
  };

  for (const [page, html] of pages) {
    if (page === '404.html') continue;
    for (const [, link] of html.matchAll(/<a\s[^>]*?href="([^"]*)"/g)) check(page, link.replaceAll('&amp;', '&'));
    for (const [, loaded] of html.matchAll(/<(?:script|img|source|iframe|link\s+rel="(?:stylesheet|preload|modulepreload|icon)")[^>]*?\s(?:src|href)="([^"]*)"/g)) {
      if (/^(?:[a-z]+:)?\/\//i.test(loaded)) mistakes.add(`${page}: ${loaded} is loaded from elsewhere`);
      else if (!loaded.startsWith('data:')) check(page, loaded);
    }
  }
  if (mistakes.size > 0) throw new Error(`the site has mistakes:\n${[...mistakes].join('\n')}`);
}
