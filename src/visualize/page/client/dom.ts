/** What the live page and the playground do with their documents. */

/** An element of the page's own document. */
export const byId = <Kind extends HTMLElement = HTMLElement>(id: string): Kind => document.getElementById(id) as Kind;

/** A file that is dropped anywhere on the page; meanwhile the page shows that it may be. */
export function onDrop(open: (file: File) => void): void {
  const { classList } = document.body;
  addEventListener('dragover', (event) => {
    event.preventDefault();
    classList.add('dropping');
  });
  addEventListener('dragleave', () => classList.remove('dropping'));
  addEventListener('drop', (event) => {
    event.preventDefault();
    classList.remove('dropping');
    const [file] = event.dataTransfer?.files ?? [];
    if (file !== undefined) open(file);
  });
}
