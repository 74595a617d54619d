/** What a recording goes through before a person has it in a file: a log, a terminal, a mail, a shell. */
import { Buffer } from 'node:buffer';

const eachLine = (change: (line: string, index: number) => string) => (text: string): string => text.replace(/\n$/, '').split('\n').map(change).join('\n');

/** What a tool on the way makes of a text. */
export const ways: Readonly<Record<string, (text: string) => string>> = {
  'quoted in a mail': eachLine((line) => `> ${line}`),
  'quoted without a space': eachLine((line) => `>${line}`),
  indented: eachLine((line) => `    ${line}`),
  'a log with times': eachLine((line, index) => `2026-11-26T10:22:${String(index % 60).padStart(2, '0')}.1234567Z ${line}`),
  syslog: eachLine((line) => `Nov 26 10:22:33 web node[123]: ${line}`),
  "docker's own file": eachLine((line) => JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: '2026-11-26T10:22:33.123456789Z' })),
  'journald, as JSON': eachLine((line) => JSON.stringify({ __CURSOR: 's=1', PRIORITY: '6', MESSAGE: line })),
  'a log of pino': eachLine((line) => JSON.stringify({ level: 30, time: 1764151200000, msg: line })),
  'journald, with microseconds': eachLine((line) => `Nov 26 10:22:33.123456 web app[123]: ${line}`),
  'journald, by ISO': eachLine((line) => `2026-11-26T10:22:33+0000 web app[123]: ${line}`),
  'kubectl logs --prefix': eachLine((line) => `[pod/web-7d9f/app] ${line}`),
  'a thread': eachLine((line) => `[http-nio-8080-exec-1] ${line}`),
  log4j: eachLine((line) => `2026-11-26 10:22:33,123 DEBUG [http-nio-8080-exec-1] c.e.Sync - ${line}`),
  'a mark of a forum': eachLine((line) => `» ${line}`),
  'docker compose': eachLine((line) => `web-1  | ${line}`),
  'line numbers': eachLine((line, index) => `${String(index + 1).padStart(6)}\t${line}`),
  'lines that end as on Windows': (text) => text.replace(/\r?\n/g, '\r\n'),
  'a byte order mark': (text) => `\ufeff${text}`,
  colours: eachLine((line) => line.replace(/^([<>*] )?([\w-]+)/, '\x1b[32m$1\x1b[0m\x1b[1;38;5;9m$2\x1b[0m')),
  'a page': (text) => `<pre>${text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')}</pre>`,
};

export const encodings: Readonly<Record<string, (text: string) => Uint8Array>> = {
  'UTF-16, as PowerShell writes it': (text) => Buffer.from(`\ufeff${text}`, 'utf16le'),
  'UTF-16 without a mark': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16 of the other order': (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
  'UTF-8 with a mark': (text) => Buffer.from(`\ufeff${text}`),
};
