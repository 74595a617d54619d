import { exhaust } from './targets.ts';

exhaust('challenge');
