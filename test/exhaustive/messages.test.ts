import { targetNames, type TargetName } from '../fuzz/targets.ts';
import { exhaust } from './targets.ts';

const APART: readonly TargetName[] = ['challenge', 'authenticate'];

targetNames.filter((name) => !APART.includes(name)).forEach(exhaust);
