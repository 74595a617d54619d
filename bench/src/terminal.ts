import { styleText } from 'node:util';
import { describeGoal, met, type Section, type Table } from './section.ts';

type Style = Parameters<typeof styleText>[0];

/** A section for a person at a terminal; colours only where one looks. */
export function printSection(section: Section): void {
  const lines = [style('bold', section.title), style('dim', section.method), ''];
  for (const table of section.tables) lines.push(...tableLines(table), '');
  for (const goal of section.goals) {
    const verdict = met(goal) ? style('green', 'reached') : style('red', 'missed ');
    lines.push(`${verdict}  ${goal.what}: ${describeGoal(goal)}`);
  }
  lines.push(...section.remarks.map((remark) => style('yellow', remark)), '');
  console.log(lines.join('\n'));
}

function tableLines({ head, rows }: Table): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isFigure(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [style('dim', line(head)), ...rows.map(line)];
}

/** A number with its unit stands to the right. */
export function isFigure(cell: string): boolean {
  return /^[\d.,]+( \S+)?$/.test(cell);
}

function style(format: Style, text: string): string {
  return process.stdout.isTTY && !process.env['NO_COLOR'] ? styleText(format, text) : text;
}
