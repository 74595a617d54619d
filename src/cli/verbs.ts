/** The verbs of the command line, in the order of the help. */
import { demo } from './demo.ts';
import { negotiate } from './negotiate.ts';
import { request } from './request.ts';
import { respond } from './respond.ts';
import { serve } from './serve.ts';
import type { Verb } from './verb.ts';

export const verbs: readonly Verb[] = [
  demo,
  request,
  negotiate,
  respond,
  serve,
];
