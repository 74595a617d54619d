/** What is shown, as a file. */
import type { NtlmFlow } from '../../flow/index.ts';
import { DRAWING_STYLE } from '../../flow/drawing-style.ts';
import { drawLadder } from '../../flow/ladder.ts';
import { layOut } from '../../flow/ladder-layout.ts';
import { toMarkup } from '../../flow/svg.ts';

/** CSS pixels. */
const WIDTH = 760;
/** Pixels of a picture that browsers still make. */
const TALLEST = 32_000;
const COLOURS = ['paper', 'card', 'ink', 'soft', 'line', 'strong', 'accent', 'accent-soft', 'on', 'good', 'good-soft', 'bad', 'bad-soft'];

export function saveText(name: string, type: string, text: string): void {
  save(name, new Blob([text], { type }));
}

export function saveDrawing(flow: NtlmFlow): void {
  const drawing = drawingOf(flow);
  if (drawing !== undefined) saveText('flow.svg', 'image/svg+xml', drawing.markup);
}

export async function savePicture(flow: NtlmFlow): Promise<void> {
  const drawing = drawingOf(flow);
  if (drawing === undefined) return;
  const url = URL.createObjectURL(new Blob([drawing.markup], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(2, TALLEST / drawing.height);
    const canvas = new OffscreenCanvas(WIDTH * scale, drawing.height * scale);
    const context = canvas.getContext('2d');
    context?.scale(scale, scale);
    context?.drawImage(image, 0, 0, WIDTH, drawing.height);
    save('flow.png', await canvas.convertToBlob({ type: 'image/png' }));
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** The whole ladder, its folds as they are on the page, in the colours of the moment, as a document of its own. */
function drawingOf(flow: NtlmFlow): { readonly markup: string; readonly height: number } | undefined {
  const { thread, openFolds } = flow;
  if (thread === undefined) return undefined;
  const layout = layOut(thread, { width: WIDTH, open: openFolds });
  const { height } = layout;
  const drawing = drawLadder(layout, { step: Infinity, from: 0, to: height });
  const style = getComputedStyle(flow);
  const colours = COLOURS.map((name) => `--ntlm-${name}:${style.getPropertyValue(`--ntlm-${name}`)}`).join(';');
  const background = { name: 'rect', attributes: { width: '100%', height: '100%', style: 'fill:var(--ntlm-card)' }, children: [] };
  const sheet = { name: 'style', attributes: {}, children: [`svg{${colours}}${DRAWING_STYLE}`] };
  const document = { ...drawing, attributes: { ...drawing.attributes, xmlns: 'http://www.w3.org/2000/svg' }, children: [sheet, background, ...drawing.children] };
  return { markup: toMarkup(document), height };
}

function save(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
