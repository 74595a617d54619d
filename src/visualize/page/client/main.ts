import type { PageEntry, PageRun } from '../view.ts';
import { Chart } from './chart.ts';
import { byId, element } from './dom.ts';
import { MessageView } from './message.ts';
import { Player } from './player.ts';
import { Lists } from './sequence.ts';

const chart = new Chart();
const message = new MessageView();
const player = new Player(show);
const lists = new Lists((index) => player.go(index));
let entries: PageEntry[] = [];
/** A dropped file stays on the page until the next run. */
let source: EventSource | undefined;

function begin(run: PageRun): void {
  byId('title').textContent = run.title === '' ? 'Choose a demonstration, or open a saved trace.' : run.title;
  chart.draw(run.svg, run.machine);
  chart.show(undefined);
  lists.clear();
  player.reset();
  message.show(undefined);
  explain(undefined);
  entries = [];
  run.entries.forEach(add);
}

function add(entry: PageEntry): void {
  entries.push(entry);
  lists.add(entry, entries.length - 1);
  player.grow();
}

function show(index: number): void {
  const entry = entries[index];
  if (entry === undefined) return;
  chart.show(entry);
  lists.show(index);
  const sofar = entries.slice(0, index + 1);
  message.show(sofar.findLast((earlier) => earlier.message !== undefined)?.message);
  const lastReset = sofar.findLastIndex(({ event }) => event === 'reset');
  explain(sofar.slice(lastReset + 1).findLast(({ explanation }) => explanation !== undefined)?.explanation);
  byId('status').textContent = `${entry.event}: ${entry.to}${entry.error === undefined ? '' : `, ${entry.error}`}`;
}

function explain(explanation: PageEntry['explanation']): void {
  const place = byId('explanation');
  if (explanation === undefined) {
    place.replaceChildren(element('p', { className: 'soft', text: 'Known once the handshake is settled.' }));
    return;
  }
  const { outcome, negotiated, refused, causes } = explanation;
  const list = (lines: readonly string[], className: string) => lines.map((text) => element('li', { className, text }));
  place.replaceChildren(
    element('p', { className: `outcome ${outcome === 'accepted' ? 'good' : 'bad'}`, text: outcome }),
    element('ul', {}, [...list(negotiated, ''), ...list(refused, 'error')]),
    ...(causes.length === 0 ? [] : [element('h3', { text: 'Likely causes, the likeliest first' })]),
    element('ol', { className: 'causes' }, causes.map((cause) =>
      element('li', {}, [
        element('strong', { text: cause.summary }),
        element('span', { className: 'pill', text: cause.likelihood }),
        element('span', { className: 'evidence', text: cause.evidence }),
        element('span', { className: 'soft', text: cause.advice }),
      ]),
    )),
  );
}

function problem(text: string): void {
  const place = byId('problem');
  place.textContent = text;
  place.hidden = text === '';
}

function follow(): void {
  source?.close();
  source = new EventSource('events');
  source.addEventListener('run', ({ data }: MessageEvent<string>) => begin(JSON.parse(data) as PageRun));
  source.addEventListener('entry', ({ data }: MessageEvent<string>) => add(JSON.parse(data) as PageEntry));
  source.addEventListener('end', () => player.play({ restart: true }));
}

async function demonstrate(name: string): Promise<void> {
  problem('');
  const response = await fetch(`demo/${name}`, { method: 'POST' });
  if (!response.ok) problem(await response.text());
}

async function open(file: File): Promise<void> {
  problem('');
  const response = await fetch('trace', { method: 'POST', body: file });
  if (!response.ok) return problem(`${file.name}: ${await response.text()}`);
  begin((await response.json()) as PageRun);
}

for (const button of document.querySelectorAll<HTMLButtonElement>('[data-demo]')) {
  button.addEventListener('click', () => void demonstrate(button.dataset['demo'] ?? ''));
}
const input = byId<HTMLInputElement>('open');
input.addEventListener('change', () => {
  const [file] = input.files ?? [];
  if (file !== undefined) void open(file);
  input.value = '';
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dropping');
});
addEventListener('dragleave', () => document.body.classList.remove('dropping'));
addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dropping');
  const [file] = event.dataTransfer?.files ?? [];
  if (file !== undefined) void open(file);
});
follow();
