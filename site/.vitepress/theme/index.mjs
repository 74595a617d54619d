/** VitePress's own theme, in the reader's fonts and this library's colours. */
import Theme from 'vitepress/theme-without-fonts';
import './style.css';

export default Theme;
