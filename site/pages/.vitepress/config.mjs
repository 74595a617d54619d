import { defineConfig } from 'vitepress';
import { checkSite } from './check.mjs';
import { anchorOf, repositoryMarkdown } from './markdown.mjs';
import { excluded, repository, rewrites } from './places.mjs';
import { referenceSidebar, sidebar } from './sidebar.mjs';

/** Where the site is published: `/`, or the path of a project on GitHub Pages. */
const base = `${(process.env.SITE_BASE ?? '').replace(/\/$/, '')}/`;

export default defineConfig({
  title: 'ntlmachine',
  description: 'NTLM authentication as an explicit state machine, for TypeScript and JavaScript',
  base,
  srcDir: '../..',
  srcExclude: excluded,
  outDir: '../dist',
  router: { prefetchLinks: false }, // a first view loads what it shows
  rewrites,
  ignoreDeadLinks: [/^\/playground\//], // made beside the pages; checked at the end
  head: [
    ['link', { rel: 'icon', href: `${base}icon.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'referrer', content: 'no-referrer' }],
  ],
  markdown: { theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' }, anchor: { slugify: anchorOf }, config: (md) => md.use(repositoryMarkdown) },
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith('ntlm-') } } },
  vite: { publicDir: new URL('../public', import.meta.url).pathname, build: { chunkSizeWarningLimit: 2000 } },
  transformHtml: (html) => html.replace(/<div class="VPHome\b/, '<div role="main" class="VPHome'), // which the theme leaves out
  buildEnd: ({ outDir }) => checkSite(outDir, base),
  themeConfig: {
    logo: '/icon.svg',
    // A guide tells a newcomer more than the reference does, whose short sections any word would find first.
    search: { provider: 'local', options: { miniSearch: { searchOptions: { boostDocument: (id) => (id.includes('/reference/') ? 0.2 : id.includes('/changelog') ? 0.1 : /\/(?:start|recipes)\b/.test(id) ? 2 : 1) } } } },
    outline: { level: [2, 3] },
    externalLinkIcon: true,
    nav: [
      { text: 'Guide', link: '/start', activeMatch: '^/(?!reference|$)' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Playground', link: '/playground/', target: '_self' },
    ],
    socialLinks: [{ icon: 'github', link: repository }],
    sidebar: { '/': sidebar(), '/reference/': referenceSidebar() },
    docFooter: { prev: 'Before', next: 'Next' },
    footer: { message: 'MIT. NTLM is deprecated: use it over TLS, and leave it where you can.' },
  },
});
