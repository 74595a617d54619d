/** Light or dark as the reader chose it on the site, which keeps that where this page can see it; else as the system has it. */

/** Of VitePress. */
const KEY = 'vitepress-theme-appearance';

/** Of the page and of what stands in it, whenever it was chosen. */
export function followScheme(...roots: readonly (Document | ShadowRoot | null)[]): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const rules = roots.flatMap((root) => (root === null ? [] : [...root.styleSheets, ...root.adoptedStyleSheets])).flatMap(schemeRules);
  const apply = (): void => {
    const chosen = chosenScheme();
    const dark = chosen === undefined ? system.matches : chosen === 'dark';
    for (const { media } of rules) media.mediaText = dark ? 'all' : 'not all';
    document.documentElement.style.colorScheme = dark ? 'dark' : 'light';
    for (const root of roots) if (root instanceof ShadowRoot) (root.host as HTMLElement).style.colorScheme = dark ? 'dark' : 'light';
  };
  system.addEventListener('change', apply);
  addEventListener('storage', apply);
  apply();
}

function schemeRules(sheet: CSSStyleSheet): CSSMediaRule[] {
  return [...sheet.cssRules].filter((rule): rule is CSSMediaRule => rule instanceof CSSMediaRule && rule.media.mediaText.includes('prefers-color-scheme'));
}

/** A browser may forbid what it keeps. */
function chosenScheme(): 'light' | 'dark' | undefined {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : undefined;
  } catch {
    return undefined;
  }
}
