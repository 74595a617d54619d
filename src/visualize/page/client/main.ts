/** The page around `<ntlm-flow>`: where the conversation comes from, and where it goes. */
import { NtlmFlow } from '../../flow/index.ts';
import type { Conversation } from '../../conversation/conversation.ts';
import { patched, type Patch } from '../../flow/patch.ts';
import { byId, onDrop } from './dom.ts';
import { saveDrawing, savePicture, saveText } from './save.ts';

const flow = document.querySelector<NtlmFlow>('ntlm-flow')!;
/** What the server tells; what is shown may be another. */
let live: Conversation | undefined;
let isLive = true;

flow.charts = async (machine) => {
  const response = await fetch(`chart/${encodeURIComponent(machine)}`);
  return response.status === 200 ? response.text() : undefined;
};

function show(conversation: Conversation | undefined, title: string): void {
  const goesOn = isLive && conversation === live;
  isLive = conversation === live;
  if (goesOn) flow.conversation = conversation;
  else flow.open(conversation);
  if (conversation !== undefined && !goesOn) queueMicrotask(() => flow.scrollIntoView({ block: 'end' })); // where a window is low, the page is higher
  byId('title').textContent = title;
  byId('live').hidden = isLive || live === undefined;
  for (const control of document.querySelectorAll<HTMLElement>('[data-save]')) control.hidden = conversation === undefined;
}

function showLive(): void {
  const empty = live === undefined || live.connections.length === 0;
  show(live, empty ? 'waiting for the first request' : 'live');
}

function problem(text: string): void {
  byId('problem').textContent = text;
  byId('problem').hidden = text === '';
}

function follow(): void {
  const source = new EventSource('events');
  let linked = false;
  const told = (conversation: Conversation): void => {
    live = conversation;
    if (!isLive) return;
    showLive();
    if (linked || conversation.connections.length === 0) return;
    linked = true;
    queueMicrotask(standAtLink); // behind the element, which renews itself
  };
  source.addEventListener('conversation', ({ data }: MessageEvent<string>) => told(JSON.parse(data) as Conversation));
  source.addEventListener('patch', ({ data }: MessageEvent<string>) => told(patched(live, JSON.parse(data) as Patch)));
}

async function demonstrate(button: HTMLButtonElement): Promise<void> {
  problem('');
  flow.pause();
  const response = await fetch(`demo/${button.dataset['demo'] ?? ''}`, { method: 'POST' });
  if (!response.ok) return problem(await response.text());
  show((await response.json()) as Conversation, button.textContent ?? '');
}

async function open(file: File): Promise<void> {
  problem('');
  const response = await fetch('read', { method: 'POST', body: file });
  const read = (await response.json()) as Conversation | { readonly problem: string };
  if ('problem' in read) return problem(`${file.name}: ${read.problem}`);
  show(read, file.name);
}

/** `#3/12` is the twelfth step of thread 3. */
function standAtLink(): void {
  const [, thread, step] = /^#([^/]+)\/(\d+)$/.exec(location.hash) ?? [];
  if (thread !== undefined) flow.go(decodeURIComponent(thread), Number(step) - 1);
}

flow.addEventListener('step', () => {
  const { position } = flow;
  if (position !== undefined) history.replaceState(null, '', `#${encodeURIComponent(position.thread)}/${position.step + 1}`);
});
addEventListener('hashchange', standAtLink);

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-demo]')) button.addEventListener('click', () => void demonstrate(button));
byId('live').addEventListener('click', showLive);
byId('save').addEventListener('click', () => flow.conversation !== undefined && saveText('conversation.json', 'application/json', JSON.stringify(flow.conversation)));
byId('save-svg').addEventListener('click', () => saveDrawing(flow));
byId('save-png').addEventListener('click', () => void savePicture(flow));

const input = byId<HTMLInputElement>('open');
input.addEventListener('change', () => {
  const [file] = input.files ?? [];
  if (file !== undefined) void open(file);
  input.value = '';
});
onDrop((file) => void open(file));
show(undefined, 'choose a demonstration, or open a file');
follow();
