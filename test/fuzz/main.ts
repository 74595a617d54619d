/** `npm run fuzz -- --seconds N [--target name] [--seed N]`: N seconds in all, shared by the targets. */
import { parseArgs } from 'node:util';
import { readInputs, writeInputs } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { fuzz } from './fuzzer.ts';
import { Random } from './mutate.ts';
import { targetNames, targets, type Target, type TargetName } from './targets.ts';

const CORPUS = 'test/fuzz/corpus';
const FINDINGS = 'test/fuzz/findings';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, target: { type: 'string', multiple: true }, seed: { type: 'string' } },
});
const names = values.target ?? targetNames;
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed);
const unknown = names.find((name) => !Object.hasOwn(targets, name));
if (unknown !== undefined || !(seconds > 0) || !Number.isInteger(seed)) {
  console.error(`usage: npm run fuzz -- [--seconds N] [--seed N] [--target ${targetNames.join('|')}]`);
  process.exit(2);
}

Error.stackTraceLimit = 5; // most inputs end in an error
const coverage = new Coverage((url) => url.includes('/.fuzz/src/'));
console.error(`seed ${seed}`);
for (const name of names) {
  const target: Target = targets[name as TargetName];
  const report = fuzz(target, readInputs(CORPUS, name), seconds / names.length, new Random(seed), coverage);
  const rate = Math.round(report.inputs / report.seconds);
  console.error(
    `${name}: ${report.inputs} inputs in ${report.seconds.toFixed(0)} s (${rate}/s), ${report.reached} bytes of source reached, ` +
      `${report.outcomes} outcomes, corpus ${report.corpus.length}, slowest ${report.slowestMs.toFixed(1)} ms, ${report.findings.length} findings`,
  );
  writeInputs(CORPUS, name, report.corpus);
  for (const { message, input } of report.findings) console.error(`  ${message}\n    ${Buffer.from(input).toString('hex')}`);
  if (report.findings.length === 0) continue;
  writeInputs(FINDINGS, name, [...readInputs(FINDINGS, name), ...report.findings.map(({ input }) => input)]);
  process.exitCode = 1;
}
