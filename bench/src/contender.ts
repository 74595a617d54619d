/** One contender in a process of its own: makes it, warms it up, then takes a turn whenever it is told to. */
import type { Contender, Makers, Report } from './measure.ts';
import { SLICES } from './measure.ts';

const [part, name = '', milliseconds, warmUpTime] = process.argv.slice(2);
const { makers } = (await import(`./parts/${part}.js`)) as { readonly makers: Makers };
const contender = await makers[name]?.();

const report = (said: Report): void => void process.send?.(said);
if (contender === undefined) report({ kind: 'absent' });
else await takeTurns(contender, Number(milliseconds), Number(warmUpTime));

async function takeTurns(contender: Contender, milliseconds: number, warmUpTime: number): Promise<void> {
  const iterations = await warmUp(contender, milliseconds / SLICES, warmUpTime);
  const start = process.cpuUsage();
  let done = 0;
  const native: number[] = [];
  process.on('message', async () => {
    const slices: number[] = [];
    for (let i = 0; i < SLICES; i++) {
      const slice = await time(contender, iterations);
      slices.push(slice.nanoseconds);
      if (slice.native) native.push(slice.nanoseconds);
    }
    done += SLICES * iterations;
    const { user, system } = process.cpuUsage(start);
    // A program beside this process counts by itself.
    const processor = native.length > 0 ? native.reduce((sum, each) => sum + each, 0) / native.length : ((user + system) * 1000) / done;
    report({ kind: 'turn', slices, processor });
  });
  report({ kind: 'warm', note: contender.note });
}

/** Of one iteration, by the clock on the wall or by the program's own. */
async function time({ run }: Contender, iterations: number): Promise<{ nanoseconds: number; native: boolean }> {
  const start = process.hrtime.bigint();
  const pending = run(iterations);
  const own = pending === undefined ? undefined : await pending;
  return { nanoseconds: own ?? Number(process.hrtime.bigint() - start) / iterations, native: typeof own === 'number' };
}

/** As much work as it takes until the code is compiled. Returns how many iterations fill a slice that nothing disturbs. */
async function warmUp(contender: Contender, milliseconds: number, processorTime: number): Promise<number> {
  let iterations = 1;
  let fastest = Infinity;
  const start = process.cpuUsage();
  for (const end = performance.now() + 10 * processorTime; performance.now() < end; ) {
    fastest = Math.min(fastest, (await time(contender, iterations)).nanoseconds);
    iterations = Math.max(1, Math.min(2 * iterations, Math.ceil((milliseconds * 1e6) / fastest)));
    const { user, system } = process.cpuUsage(start);
    if (user + system > 1000 * processorTime) break;
  }
  return iterations;
}
