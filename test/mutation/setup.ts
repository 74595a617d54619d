import fc from 'fast-check';
import { beforeEach, type RunnerTask } from 'vitest';

// A mutant that survives costs the whole suite; a hundred runs of a property find little that these do not.
fc.configureGlobal({ numRuns: 25 });

/** By folder: sweeps, and of what lies beneath every door all doors but one. (Of `testNamePattern` Stryker makes its own use.) */
const LEFT_OUT: Readonly<Record<string, RegExp>> = {
  'http/exchange': /NtlmDispatcher|createNtlmFetch|at any byte of|100 MB|without end/,
  'http/routes': /NtlmDispatcher(?!, a function)|createNtlmFetch|over 'TLSv1.3'/,
  'http/authentication': /NtlmDispatcher|createNtlmFetch|requests at once on|an undecided proof holds|ntlmachine request -v|not on the heap of V8/,
  'http/server': /10000 of them|in any interleaving|every changed token|are ended by node|known or not \(eve\)|costs at most three times/,
  acceptor: /takes as long|costs at most three times|of an account, known or not|makes the right password wait/,
};
const leftOut = LEFT_OUT[process.env['MUTATED'] ?? ''];

const nameOf = (task: RunnerTask): string => (task.suite === undefined ? task.name : `${nameOf(task.suite)} ${task.name}`);

if (leftOut !== undefined) beforeEach(({ task, skip }) => skip(leftOut.test(nameOf(task))));
