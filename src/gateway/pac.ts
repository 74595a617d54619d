/**
 * Proxy auto-configuration. The script runs in an interpreter of its own (QuickJS in WebAssembly) on a thread of its
 * own: it sees nothing of this process, its memory is bounded, and the thread is ended when its time is over. An
 * interpreter alone cannot promise the last: out of memory, it may go on and never ask whether to stop.
 */
import nodeModule from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { NtlmError } from '../errors.ts';

/** One member of what a PAC file answers. */
export type PacChoice = { readonly kind: 'direct' } | { readonly kind: 'proxy'; readonly url: URL };

export interface PacFile {
  /** What the file says of a URL, in its order; without path and query where the URL is https. */
  choose(url: URL): Promise<readonly PacChoice[]>;
  close(): void;
}

/** Milliseconds: of one answer, and of a thread until it can give one. */
const TIME_LIMIT = 2000;
const START_LIMIT = 20_000;
const MEMORY_LIMIT = 64 * 1024 * 1024;

/** Of the thread. Its modules come by their files: a thread of a text has no place to look from. */
const SCRIPT = `
const { parentPort, workerData: { modules, memoryLimit, text } } = require('node:worker_threads');
(async () => {
  const [{ createPacResolver }, { QuickJS }] = await Promise.all(modules.map((file) => import(file)));
  const engine = await QuickJS.create({ memoryLimit });
  const find = createPacResolver(engine, text, { sandbox: { alert() {} } });
  parentPort.on('message', ({ url, host }) => {
    Promise.resolve().then(() => find(url, host)).then(
      (answer) => parentPort.postMessage({ answer: String(answer) }),
      (error) => parentPort.postMessage({ error: String(error) }),
    );
  });
  parentPort.postMessage({ answer: 'ready' });
})().catch((error) => parentPort.postMessage({ error: String(error) }));
`;

interface Told {
  readonly answer?: string;
  readonly error?: string;
}

/**
 * Reads a PAC file with the packages `pac-resolver` and `quickjs-wasi`.
 *
 * @throws NtlmError `unsupported` where they are not installed, `invalid-argument` for a text that is no PAC file.
 */
export async function openPac(text: string): Promise<PacFile> {
  const modules = modulesOf('pac-resolver', 'quickjs-wasi');
  let thread: Worker | undefined;
  const start = async (): Promise<Worker> => {
    const begun = new Worker(SCRIPT, { eval: true, workerData: { modules, memoryLimit: MEMORY_LIMIT, text } });
    begun.on('error', () => {}).unref(); // told where somebody waits
    const { error } = await told(begun, START_LIMIT);
    if (error === undefined) return (thread = begun);
    void begun.terminate();
    throw new NtlmError(`the PAC file has no function FindProxyForURL, or is no JavaScript (${error})`, {
      code: 'invalid-argument',
      phase: 'configure',
      side: 'local',
    });
  };
  thread = await start();
  const ask = async (url: URL): Promise<readonly PacChoice[]> => {
    const asked = thread ?? (await start());
    asked.postMessage({ url: url.protocol === 'https:' ? `${url.origin}/` : url.href, host: url.hostname });
    const { answer, error } = await told(asked, TIME_LIMIT);
    if (answer !== undefined) return readChoices(answer);
    thread = undefined; // it may still be at work
    void asked.terminate();
    throw failed(`has no answer for ${url.host}: ${error}`);
  };
  let turn: Promise<unknown> = Promise.resolve();
  return {
    choose: (url) => {
      const answer = turn.then(() => ask(url));
      turn = answer.catch(() => undefined);
      return answer;
    },
    close: () => void thread?.terminate(),
  };
}

/** What the thread says next; an error where that takes too long. Never rejects. */
function told(thread: Worker, limit: number): Promise<Told> {
  return new Promise((resolve) => {
    const settle = (answer: Told): void => {
      clearTimeout(timer);
      thread.off('message', settle).off('error', onError).off('exit', onExit);
      resolve(answer);
    };
    const onError = ({ message }: Error): void => settle({ error: message });
    const onExit = (): void => settle({ error: 'its thread ended' });
    const timer = setTimeout(() => settle({ error: `nothing within ${limit} ms` }), limit);
    thread.on('message', settle).on('error', onError).on('exit', onExit);
  });
}

/** URLs of the files of packages. @throws NtlmError `unsupported`. */
function modulesOf(...names: readonly string[]): string[] {
  const { url } = import.meta as { readonly url?: string }; // none in a bundle of CommonJS
  if (!url) throw unsupported('a PAC file needs packages beside this one, which a bundle of CommonJS cannot find: mark ntlmachine as external');
  const { resolve } = nodeModule.createRequire(url); // by its own name it would meet the one that bundles often begin with
  try {
    return names.map((name) => pathToFileURL(resolve(name)).href);
  } catch (cause) {
    throw unsupported('a PAC file needs two packages: npm install pac-resolver quickjs-wasi', cause);
  }
}

function unsupported(message: string, cause?: unknown): NtlmError {
  return new NtlmError(message, { code: 'unsupported', phase: 'configure', side: 'local', cause });
}

function failed(how: string): NtlmError {
  return new NtlmError(`the PAC file ${how}`, { code: 'service-failed', phase: 'transport', side: 'local' });
}

/** `PROXY host:port; HTTPS host:port; DIRECT`; what is no way of ours (SOCKS) is left out. */
export function readChoices(answer: string): PacChoice[] {
  const choices: PacChoice[] = [];
  for (const member of String(answer ?? '').split(';')) {
    const [kind = '', place = ''] = member.trim().split(/\s+/);
    const scheme = { PROXY: 'http', HTTP: 'http', HTTPS: 'https' }[kind.toUpperCase()];
    if (kind.toUpperCase() === 'DIRECT' || (kind === '' && choices.length === 0)) choices.push({ kind: 'direct' });
    else if (scheme !== undefined && URL.canParse(`${scheme}://${place}`)) {
      choices.push({ kind: 'proxy', url: new URL(`${scheme}://${place}`) });
    }
  }
  return choices;
}
