/** What `#spnego` is everywhere but on Node: a third of a bundle that few need. Callers hand SPNEGO over there. */
import type { Spnego } from './_included.ts';

export const included: Spnego | undefined = undefined;
