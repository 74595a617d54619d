/** What the runs came to, from their reports in a folder: each failure and what it said, what was left out, and the one line at the end. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const [directory] = process.argv.slice(2);
const projects = readdirSync(directory)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name: name.slice(0, -'.json'.length), report: JSON.parse(readFileSync(join(directory, name), 'utf8')) }));
const broken = existsSync(join(directory, 'broken')) ? readFileSync(join(directory, 'broken'), 'utf8').trim().split('\n') : [];

const counts = { passed: 0, failed: 0, skipped: 0 };
const told = new Set();
const tell = (project, what, message) => {
  told.add(project);
  console.log([`failed: ${project}: ${what}`, ...message.split('\n').slice(0, 12)].join('\n    '));
};

for (const { name, report } of projects) {
  counts.passed += report.numPassedTests;
  counts.skipped += report.numPendingTests + report.numTodoTests;
  for (const file of report.testResults ?? []) {
    const path = relative('.', file.name);
    const tests = file.assertionResults;
    const failed = tests.filter(({ status }) => status === 'failed');
    counts.failed += failed.length;
    for (const { fullName, failureMessages } of failed) tell(name, `${path} > ${fullName}`, failureMessages.join('\n'));
    // A file that failed before its tests could, or behind them, has a message of its own.
    if (file.status === 'failed' && failed.length === 0) {
      counts.failed += 1;
      tell(name, path, file.message);
    }
    for (const { fullName } of tests.filter(({ status }) => status === 'skipped' || status === 'pending' || status === 'todo')) console.log(`left out: ${name}: ${path} > ${fullName}`);
  }
}
// A run that dies before it can report counts as one failure.
for (const name of broken.filter((each) => !told.has(each))) {
  counts.failed += 1;
  tell(name, 'the run itself', 'it ended with an error that no test has: see above');
}

console.log(`${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`);
process.exit(counts.failed > 0 ? 1 : 0);
