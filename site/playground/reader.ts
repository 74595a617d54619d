/** What is pasted or dropped, as `<ntlm-flow>` shows it. */
import { Credentials, NtlmError } from 'ntlmachine';
import type { NtlmFlow } from 'ntlmachine/flow';
import { readConversation } from 'ntlmachine/visualize';
import { byId } from '../../src/visualize/page/client/dom.ts';
import { examples, type Example } from './examples.ts';
import { exampleLink, inputLink } from './link.ts';
import { answeredIn, verdictsOn } from './verify.ts';

/** Characters: browsers lay out a longer text for minutes. */
const MOST_SHOWN = 512 * 1024;
const PLACEHOLDER = byId<HTMLTextAreaElement>('input').placeholder;

export class Reader {
  readonly #flow = byId<NtlmFlow>('read-flow');
  readonly #input = byId<HTMLTextAreaElement>('input');
  readonly #problem = byId('problem');
  readonly #verify = byId<HTMLFormElement>('verify');
  readonly #verdict = byId('verdict');
  readonly #whole = byId<HTMLInputElement>('whole');
  readonly #withInput = byId<HTMLInputElement>('with-input');
  readonly #linked = byId('linked');
  readonly #address = byId<HTMLInputElement>('address');
  readonly #page = location.href.replace(/#.*/, '');
  #given: string | Uint8Array<ArrayBuffer> = '';
  #example: string | undefined;

  constructor() {
    byId('examples').append(...examples.map((example) => this.#chip(example)));
    this.#input.addEventListener('input', () => this.#take(this.#input.value));
    byId('clear').addEventListener('click', () => this.#show(''));
    this.#whole.addEventListener('change', () => this.#renew());
    this.#withInput.addEventListener('change', () => void this.#showLink());
    byId('link').addEventListener('click', () => void this.#showLink(true));
    this.#verify.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#check();
    });
    const file = byId<HTMLInputElement>('file');
    file.addEventListener('change', () => {
      void this.open(file.files?.[0]);
      file.value = '';
    });
  }

  async open(file: File | undefined): Promise<void> {
    if (file !== undefined) this.showBytes(await bytesOf(file));
  }

  showBytes(bytes: Uint8Array<ArrayBuffer>): void {
    const text = textOf(bytes);
    const shown = text !== undefined && text.length <= MOST_SHOWN;
    this.#input.value = shown ? text : '';
    this.#input.placeholder = shown ? PLACEHOLDER : `A file of ${bytes.length.toLocaleString('en')} bytes, read and not shown here`;
    this.#take(text ?? bytes);
  }

  showExample(name: string): void {
    const example = examples.find((each) => each.name === name);
    if (example !== undefined) this.#show(example.text(), name);
  }

  #chip({ name, title }: Example): HTMLButtonElement {
    const chip = document.createElement('button');
    chip.type = 'button';
    chip.textContent = title;
    chip.dataset['example'] = name;
    chip.addEventListener('click', () => this.showExample(name));
    return chip;
  }

  #show(text: string, example?: string): void {
    this.#input.value = text;
    this.#input.placeholder = PLACEHOLDER;
    this.#take(text, example);
  }

  #take(given: string | Uint8Array<ArrayBuffer>, example?: string): void {
    this.#given = given;
    this.#example = example;
    this.#linked.hidden = true;
    this.#verdict.textContent = '';
    for (const chip of byId('examples').children) chip.setAttribute('aria-pressed', String((chip as HTMLElement).dataset['example'] === example));
    this.#renew();
  }

  #renew(): void {
    this.#problem.hidden = true;
    this.#flow.open(undefined);
    this.#verify.hidden = true;
    this.#flow.classList.remove('shown');
    if (this.#given.length === 0 || (typeof this.#given === 'string' && this.#given.trim() === '')) return;
    try {
      this.#flow.open(readConversation(this.#given, { tokens: this.#whole.checked ? 'whole' : 'masked' }));
      this.#flow.classList.add('shown');
      this.#verify.hidden = answeredIn(this.#given) === undefined;
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      this.#problem.textContent = error.message;
      this.#problem.hidden = false;
    }
  }

  #check(): void {
    const credentials = Credentials.fromPassword({ username: byId<HTMLInputElement>('user').value, password: byId<HTMLInputElement>('password').value });
    try {
      const verdicts = verdictsOn(answeredIn(this.#given) ?? {}, credentials);
      this.#verdict.replaceChildren(...verdicts.map(({ part, outcome }) => label(`${part} ${outcome}`, outcome)), verdicts[0]?.reason ?? '');
    } catch (error) {
      if (!(error instanceof NtlmError)) throw error;
      this.#verdict.textContent = error.message;
    } finally {
      credentials.wipe();
    }
  }

  /** Of an example its name, of anything else nothing, unless it is asked for. */
  async #showLink(wanted = !this.#linked.hidden): Promise<void> {
    if (!wanted) return;
    const bytes = typeof this.#given === 'string' ? new TextEncoder().encode(this.#given) : this.#given;
    const plain = this.#example === undefined ? this.#page : exampleLink(this.#page, this.#example);
    this.#address.value = this.#withInput.checked ? ((await inputLink(this.#page, bytes)) ?? 'too long for a link: send the file') : plain;
    byId('warning').hidden = !this.#withInput.checked;
    this.#linked.hidden = false;
    this.#address.select();
  }
}

function label(text: string, outcome: string): HTMLElement {
  const element = document.createElement('span');
  element.className = 'verdict';
  element.dataset['outcome'] = outcome;
  element.textContent = text;
  return element;
}

/** Out of gzip, where it is in it. */
async function bytesOf(file: File): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const plain = new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  return plain.then((buffer) => new Uint8Array(buffer), () => bytes); // what is broken is told of by who reads it
}

/** `undefined` for what is no text: a capture. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}
