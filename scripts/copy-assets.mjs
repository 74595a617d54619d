/** What tsc leaves behind: the page's HTML, style and icon. */
import { cpSync } from 'node:fs';

const page = 'visualize/page/assets';
cpSync(`src/${page}`, `dist/${page}`, { recursive: true });
