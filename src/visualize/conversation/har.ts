/** HAR 1.2, as browsers, Fiddler, Charles, mitmproxy and Playwright write it. */
import { isRecord, listOf, numberOf, recordOf, textOf } from './json.ts';
import { ConversationBuilder } from './builder.ts';
import { endingNamed } from './ending-words.ts';
import type { RawField, RawRequest, RawResponse } from './raw.ts';
import type { Conversation, Ending } from './conversation.ts';
import type { TokenVisibility } from './token.ts';

export function isHar(value: unknown): boolean {
  const log = recordOf(recordOf(value)['log']);
  return Array.isArray(log['entries']);
}

export function readHar(value: unknown, visibility: TokenVisibility): Conversation {
  const log = recordOf(recordOf(value)['log']);
  const builder = new ConversationBuilder('har', visibility);
  const entries = listOf(log['entries']).filter(isRecord).map(entryOf).toSorted((a, b) => (a.time ?? 0) - (b.time ?? 0));
  for (const { id, request, response, broken } of entries) builder.exchange(id, request, response, broken);
  if (hidesLegs(log, entries)) builder.blind('legs-hidden', 'tokens-hidden');
  return builder.build();
}

interface Entry {
  readonly id: string | undefined;
  readonly time: number | undefined;
  readonly request: RawRequest;
  readonly response: RawResponse | undefined;
  readonly broken: Ending | undefined;
}

function entryOf(entry: Record<string, unknown>): Entry {
  const request = recordOf(entry['request']);
  const response = recordOf(entry['response']);
  const started = Date.parse(textOf(entry['startedDateTime']));
  const time = Number.isNaN(started) ? undefined : started;
  const status = numberOf(response['status']) ?? 0;
  const error = [response['_error'], entry['_error'], response['statusText'], response['_errorMessage']].map(textOf).find((text) => text !== '') ?? '';
  const id = textOf(entry['connection']) || textOf(entry['connectionId']) || textOf(entry['_connectionId']);
  return {
    id: isPort(id, textOf(request['url'])) ? undefined : id,
    time,
    request: {
      method: textOf(request['method']) || 'GET',
      target: textOf(request['url']),
      version: versionOf(request['httpVersion']),
      fields: fieldsOf(request['headers']),
      time,
    },
    response:
      status === 0
        ? undefined
        : {
            status,
            reason: textOf(response['statusText']),
            version: versionOf(response['httpVersion']),
            fields: fieldsOf(response['headers']),
            body: bodyOf(recordOf(response['content'])),
            time: time === undefined ? undefined : time + Math.max(0, numberOf(entry['time']) ?? 0),
          },
    broken: status === 0 ? endingNamed(error) : undefined,
  };
}

/** Firefox writes the server's port here, which tells no connections apart. */
function isPort(id: string, url: string): boolean {
  if (id === '' || id === '0') return true;
  const { port, protocol } = URL.canParse(url) ? new URL(url) : { port: '', protocol: '' };
  return id === (port === '' ? (protocol === 'https:' ? '443' : '80') : port);
}

function versionOf(value: unknown): string {
  return /^(?:HTTP\/|h)?(\d(?:\.\d)?)/i.exec(textOf(value))?.[1] ?? '';
}

function fieldsOf(value: unknown): RawField[] {
  return listOf(value)
    .filter(isRecord)
    .flatMap(({ name, value: text }): RawField[] => textOf(text).split('\n').map((line) => [textOf(name), line] as const)); // Chromium joins by line ends
}

function bodyOf(content: Record<string, unknown>): string | undefined {
  const text = textOf(content['text']);
  return text === '' || textOf(content['encoding']) === 'base64' ? undefined : text;
}

/** One entry for all legs: a browser that asked for credentials and shows its last answer alone, without what it sent. */
function hidesLegs(log: Record<string, unknown>, entries: readonly Entry[]): boolean {
  const names = entries.flatMap(({ request, response }) => [...request.fields, ...(response?.fields ?? [])]);
  const carried = names.some(([name, value]) => /^(?:www-|proxy-)?auth[a-z]*$/i.test(name) && /^\s*(?:ntlm|negotiate)\s+\S/i.test(value));
  if (carried) return false;
  const makers = [log['creator'], log['browser']].map((maker) => textOf(recordOf(maker)['name'])).join(' ');
  return /chrom|webinspector|playwright|puppeteer|edge|opera|brave|safari|webkit/i.test(makers);
}
