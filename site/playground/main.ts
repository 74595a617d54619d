/** The playground: two tabs, and what a link or a dropped file says. Nothing here asks a network. */
import 'ntlmachine/flow';
import { byId, onDrop } from '../../src/visualize/page/client/dom.ts';
import { readLink } from './link.ts';
import { Reader } from './reader.ts';
import { followScheme } from './scheme.ts';
import { Stage } from './stage.ts';

const TABS = ['read', 'step'] as const;
type Tab = (typeof TABS)[number];

followScheme(document, byId('read-flow').shadowRoot, byId('step-flow').shadowRoot);
const reader = new Reader();
const stage = new Stage();

function show(tab: Tab): void {
  for (const each of TABS) {
    const button = byId(`tab-${each}`);
    button.setAttribute('aria-selected', String(each === tab));
    button.tabIndex = each === tab ? 0 : -1;
    byId(each).hidden = each !== tab;
  }
  if (tab === 'step') stage.begin();
}

async function follow(): Promise<void> {
  const linked = await readLink(location.hash);
  switch (linked.kind) {
    case 'input':
      history.replaceState(null, '', location.pathname); // tokens stay in no history
      reader.showBytes(linked.bytes);
      return show('read');
    case 'example':
      reader.showExample(linked.name);
      return show('read');
    case 'step':
      return show('step');
    case 'nothing':
      return;
  }
}

for (const tab of TABS) {
  byId(`tab-${tab}`).addEventListener('click', () => show(tab));
  byId(`tab-${tab}`).addEventListener('keydown', ({ key }) => {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
    const other = TABS.find((each) => each !== tab)!;
    show(other);
    byId(`tab-${other}`).focus();
  });
}
onDrop((file) => {
  show('read');
  void reader.open(file);
});
addEventListener('hashchange', () => void follow());
void follow();
