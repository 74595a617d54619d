/** The samples in TypeScript of documents and docstrings, by the world that each is run in. */
import { documents, fencesOf, sources, type Fence } from '../support/documents.ts';

const fences = [...documents, ...sources].flatMap(fencesOf);

/** castle.example by NTLM; a realm of Kerberos; Chromium. */
export type World = 'castle' | 'realm' | 'browser';

/** By what it imports: nobody has to say it of a new one. */
export function worldOf({ lines }: Fence): World {
  const imported = lines.flatMap((line) => /^import .* from '(.+)';$/.exec(line)?.[1] ?? []);
  if (imported.includes('ntlmachine/kerberos')) return 'realm';
  return imported.some((name) => ['@statelyai/inspect', 'ntlmachine/flow'].includes(name)) ? 'browser' : 'castle';
}

export const placeOf = ({ path, line }: Pick<Fence, 'path' | 'line'>): string => `${path}:${line + 1}`;

export interface Sample {
  readonly place: string;
  readonly sample: Fence;
  /** Whether it prints what stands below it; what any other makes is put to use. */
  readonly prints: string | undefined;
}

export const samplesIn = (world: World): readonly Sample[] =>
  fences
    .filter((sample) => /^[jt]sx?$/.test(sample.language) && worldOf(sample) === world)
    .map((sample) => ({ place: placeOf(sample), sample, prints: sample.words.includes('run') ? printedBelow(sample) : undefined }));

function printedBelow(sample: Fence): string {
  const { path, line, lines } = sample;
  const next = fences.find((each) => each.path === path && each.line > line);
  if (next?.language !== 'text' || next.line > line + lines.length + 3) throw new Error(`${placeOf(sample)} is marked "run": what it prints has to stand below it as text`);
  return next.lines.join('\n');
}
