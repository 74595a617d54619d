/** What a part hands back: tables and goals, ready for the terminal, for JSON and for docs/performance.md. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** How it was measured. */
  readonly method: string;
  readonly tables: readonly Table[];
  readonly goals: readonly Goal[];
  readonly remarks: readonly string[];
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Goal {
  readonly what: string;
  readonly result: number;
  /** At most this, or at least where `atLeast` says so. */
  readonly limit: number;
  readonly atLeast?: boolean;
  readonly unit: 'times' | 'µs' | 'kB' | 'MB';
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): Table {
  return { head, rows };
}

export function met({ result, limit, atLeast = false }: Goal): boolean {
  return atLeast ? result >= limit : result <= limit;
}

/** `0.42 times, goal at most 0.6`. */
export function describeGoal(goal: Goal): string {
  const { result, limit, atLeast = false, unit } = goal;
  return `${figure(result)} ${unit}, goal ${atLeast ? 'at least' : 'at most'} ${limit}`;
}

export function figure(value: number): string {
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

export function microseconds(nanoseconds: number): string {
  return `${figure(nanoseconds / 1000)} µs`;
}

export function kilobytes(bytes: number): string {
  return `${figure(bytes / 1000)} kB`;
}
