/** What stands for names that a runtime cannot have. */
import { localError } from '../errors.ts';

/** Makes a function for each name, `new` included, that throws `unsupported`. `instead`: why, and what does work. */
export const absences = (instead: string) => (): (() => never) =>
  function () {
    throw localError(instead, 'unsupported', 'configure');
  };
