/** The verbs of the command line, in the order of the help. */
import { decode } from './decode.ts';
import { demo } from './demo.ts';
import { diagram } from './diagram.ts';
import { explain } from './explain.ts';
import { gateway } from './gateway.ts';
import { negotiate } from './negotiate.ts';
import { request } from './request.ts';
import { respond } from './respond.ts';
import { serve } from './serve.ts';
import { visualize } from './visualize.ts';
import type { Verb } from './verb.ts';

export const verbs: readonly Verb[] = [
  demo,
  request,
  negotiate,
  respond,
  serve,
  gateway,
  decode,
  explain,
  diagram,
  visualize,
];
