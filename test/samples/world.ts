/** For `node --import`: castle.example, and what samples leave to their reader. */
import * as readersOwn from './readers-own.ts';

Object.assign(globalThis, readersOwn);
