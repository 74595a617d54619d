/** VitePress's own theme, in the reader's fonts and this library's colours; the story stands at the front. */
import Theme from 'vitepress/theme-without-fonts';
import { h } from 'vue';
import dark from '../../../../docs/story-dark.svg';
import light from '../../../../docs/story-light.svg';
import './style.css';

const ALT = 'A request is answered 401; NEGOTIATE, a CHALLENGE and AUTHENTICATE follow; a wrong password is refused, the machine is reset, and the right one is accepted';
const picture = (scheme, src) => h('img', { class: `only-${scheme}`, src, alt: ALT, width: 1200, height: 630, loading: 'lazy' });

export default {
  extends: Theme,
  Layout: () => h(Theme.Layout, null, { 'home-features-before': () => h('div', { class: 'story' }, [picture('light', light), picture('dark', dark)]) }),
};
