#!/usr/bin/env node
/** The `ntlmachine` command: finds the verb, turns errors into one line and an exit code. */
import { readFileSync } from 'node:fs';
import { NtlmError } from '../errors.ts';
import { Interrupted } from './interrupted.ts';
import { harmless } from '../visualize/decode/text.ts';
import { createTerminal, type Terminal } from './terminal.ts';
import { UsageError, columns, refusePassword } from './verb.ts';
import { verbs, type ListedVerb } from './verbs.ts';

const EXIT = { failure: 1, usage: 2, interrupted: 130 } as const;

async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first, ...rest] = args;
  const verb = verbs.find(({ name }) => name === first);
  try {
    refusePassword(args);
    if (verb !== undefined) return await (await verb.load()).run(rest, terminal);
    return await overview(first, rest, terminal);
  } catch (error) {
    terminal.say(`${verb === undefined ? 'ntlmachine' : `ntlmachine ${verb.name}`}: ${await lineFor(error, verb)}`);
    if (error instanceof UsageError) return EXIT.usage;
    return error instanceof Interrupted ? EXIT.interrupted : EXIT.failure;
  }
}

async function overview(first: string | undefined, rest: readonly string[], terminal: Terminal): Promise<number> {
  switch (first) {
    case '--version':
    case '-V':
      terminal.out(`${packageVersion()}\n`);
      return 0;
    case '--help':
    case '-h':
    case 'help': {
      const verb = verbs.find(({ name }) => name === rest[0]);
      if (rest[0] !== undefined && verb === undefined) throw new UsageError(`unknown verb "${rest[0]}"`);
      terminal.out(verb === undefined ? help() : (await verb.load()).help);
      return 0;
    }
    case undefined:
      terminal.say(help().trimEnd());
      return EXIT.usage;
    default:
      throw new UsageError(`unknown ${first.startsWith('-') ? 'option' : 'verb'} "${first.replace(/=.*/s, '')}"`);
  }
}

function help(): string {
  const verbRows = verbs.map(({ name, summary }) => [name, summary] as const);
  const optionRows = [
    ['-h, --help', 'Show this help, or that of a verb: ntlmachine VERB --help.'],
    ['-V, --version', 'Show the version.'],
  ] as const;
  return [
    'Usage: ntlmachine VERB [options]',
    'NTLM authentication (MS-NLMP), step by step.',
    `Verbs:\n${columns(verbRows)}`,
    `Options:\n${columns(optionRows)}\n`,
  ].join('\n\n');
}

/** One line, whatever happened; a stack trace helps nobody here. */
async function lineFor(error: unknown, verb: ListedVerb | undefined): Promise<string> {
  if (error instanceof UsageError) return `${error.message}; see ntlmachine ${verb ? `${verb.name} ` : ''}--help`;
  if (error instanceof Interrupted) return 'interrupted';
  const message = harmless((error instanceof Error ? error.message : String(error)).replace(/\s*\n\s*/g, ' '));
  if (!(error instanceof NtlmError)) return message;
  const told = error.code === 'invalid-argument' && verb !== undefined ? byFlag(message, (await verb.load()).help) : message;
  return `${error.code}: ${told}${error.offset === undefined ? '' : ` (at byte ${error.offset})`}`;
}

/** What the library calls "clientTokens" is --client-tokens here. */
function byFlag(message: string, help: string): string {
  const flags = new Set(help.match(/--[a-z][a-z-]*/g));
  return message.replace(/"([a-z][A-Za-z]*)"/g, (quoted, name: string) => {
    if (name === 'tls' && flags.has('--tls-cert')) return '--tls-cert and --tls-key';
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return flags.has(flag) ? flag : quoted;
  });
}

function packageVersion(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

// A reader that has seen enough (`| head`) is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

process.exitCode = await main(process.argv.slice(2), createTerminal(process));
