/** Markdown as it stands in the repository, where GitHub shows it too, made fit for the site. */
import { relative } from 'node:path';
import { linkOnSite, root } from './places.mjs';

/** Of a heading, as GitHub makes it: a link to one leads there and here. */
export const anchorOf = (heading) => heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\p{M}\p{Pc}\- ]/gu, '').replaceAll(' ', '-');

/** A markdown-it plugin: links lead to pages, pictures follow the site's own light and dark. */
export function repositoryMarkdown(md) {
  md.core.ruler.after('inline', 'repository', ({ tokens, env }) => {
    const file = relative(root, env.realPath ?? env.path);
    for (const [i, token] of tokens.entries()) {
      if (token.type === 'th_open' && tokens[i + 1].content === '') token.tag = tokens[i + 2].tag = 'td'; // heads no column
      if (token.type === 'html_block') token.content = bothSchemes(token.content);
      for (const inner of token.children ?? []) {
        if (inner.type !== 'link_open') continue;
        inner.attrSet('href', linkOnSite(inner.attrGet('href'), file));
        if (inner.attrGet('href') === '/playground/') inner.attrSet('target', '_self'); // no page of VitePress
      }
    }
  });
}

/** A `<picture>` goes by the system's scheme, a reader may have chosen the other: two images, one of them hidden. */
function bothSchemes(html) {
  return html.replace(/<picture>[^]*?srcset="([^"]+)"[^]*?<img alt="([^"]*)" src="([^"]+)">[^]*?<\/picture>/g, (_, dark, alt, light) =>
    [['light', light], ['dark', dark]].map(([scheme, src]) => `<img class="only-${scheme}" loading="lazy" alt="${alt}" src="./${src}">`).join('\n'),
  );
}
