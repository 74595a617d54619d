/** Of the process that a sample is run in. */
import { readFileSync } from 'node:fs';

export interface Surroundings {
  /** Ports of 127.0.0.1. */
  readonly hosts: Readonly<Record<string, number>>;
  /** PEM: the authority of castle.example, the certificate that its servers have, and the key of that. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly password: string;
  /** What a server that is asked by whatever a sample made answers to alice. */
  readonly site: string;
  readonly greeting: string;
}

export const surroundings = JSON.parse(process.env['CASTLE'] ?? '') as Surroundings;

/** Whether the sample has this word: what it does not speak of is not made ready for it. */
export const speaksOf = (word: string): boolean => new RegExp(`\\b${word}\\b`).test(readFileSync(process.argv[1] ?? '', 'utf8'));
