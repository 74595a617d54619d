/** The fields of Kerberos messages by their whole names: `AP-REQ.ticket.sname`. */
import { SHAPES, type Leaf, type Shape } from './shapes.ts';

export interface Place {
  readonly leaf: Leaf;
  /** Of RFC 4120. */
  readonly section: string;
  /** Whether it is tags and lengths around others. */
  readonly frames: boolean;
}

const PLACES: ReadonlyMap<string, Place> = new Map(Object.entries(SHAPES).flatMap(([message, shape]) => placesOf(message, shape)));

function placesOf(path: string, { section, fields }: Shape): [string, Place][] {
  const own: [string, Place][] = Object.values(fields).flatMap(([name, is]) =>
    typeof is === 'object' ? placesOf(`${path}.${name}`, is) : [[`${path}.${name}`, { leaf: is, section, frames: false }]],
  );
  return [[path, { leaf: 'sealed', section, frames: true }], ...own];
}

export function isKerberosField(name: string): boolean {
  return Object.hasOwn(SHAPES, name.split(/[. ]/, 1)[0]!);
}

/** What is not listed is sealed. */
export function placeOf(name: string): Place {
  const listed = PLACES.get(name.replace(/ header$/, ''));
  if (listed !== undefined) return { ...listed, frames: listed.frames || name.endsWith(' header') };
  return { leaf: 'sealed', section: '', frames: name.endsWith(' header') };
}

/** Whether passwords can be guessed against it offline, or whether nobody knows what it is. */
export function isSealed(name: string): boolean {
  if (!isKerberosField(name)) return false;
  const { leaf, frames } = placeOf(name);
  return leaf === 'sealed' && !frames;
}
