/** For `node --import`: castle.example, and what samples leave to their reader. */
import * as readersOwn from './readers-own.ts';
import { speaksOf } from './surroundings.ts';

Object.assign(globalThis, readersOwn);
// for whoever asks it, and for no client that asks it by itself
if (speaksOf('environment')) process.env['https_proxy'] = 'http://proxy.castle.example:3128';
