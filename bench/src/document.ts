/** docs/performance.md, out of what was measured and what was found out about it. */
import { cpus } from 'node:os';
import { describeGoal, met, type Section, type Table } from './section.ts';
import { isFigure } from './terminal.ts';

/** A section with where and when it was measured. */
export interface Result {
  readonly section: Section;
  readonly date: string;
  readonly node: string;
  readonly machine: string;
  readonly command: string;
}

export function resultOf(section: Section): Result {
  const [cpu] = cpus();
  return {
    section,
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    machine: `${cpus().length} cores of ${cpu?.model.trim() ?? 'an unnamed processor'}`,
    command: `npm run bench -- ${section.id}`,
  };
}

/** `findings` is written by hand: where a goal is missed, why. */
export function performanceDocument(results: readonly Result[], findings: string): string {
  return [
    '# Performance',
    'Written by `npm run bench -- --write`; the figures are of one real run for each part, on the machine named there.',
    '## Goals',
    goalsTable(results),
    ...results.flatMap(sectionBlocks),
    findings.trim(),
  ].join('\n\n').concat('\n');
}

function goalsTable(results: readonly Result[]): string {
  const rows = results.flatMap(({ section }) =>
    section.goals.map((goal) => [section.title, goal.what, describeGoal(goal), met(goal) ? 'reached' : '**missed**']),
  );
  return markdownTable({ head: ['part', 'what', 'result', ''], rows });
}

function sectionBlocks({ section, date, node, machine, command }: Result): string[] {
  return [
    `## ${section.title}`,
    section.method,
    ...section.tables.map(markdownTable),
    ...section.remarks,
    `\`${command}\`, ${date}, Node ${node}, ${machine}.`,
  ];
}

function markdownTable({ head, rows }: Table): string {
  const right = head.map((_, column) => rows.length > 0 && rows.every((row) => isFigure(row[column] ?? '')));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(right.map((is) => (is ? '---:' : '---'))), ...rows.map(line)].join('\n');
}
