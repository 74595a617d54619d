import { exhaust } from './targets.ts';

exhaust('authenticate');
