/** Whether an account is of a domain that the other end names. */
import type { TargetInfo } from '../../messages/av-pairs.ts';
import { upperCase } from '../../crypto/text.ts';

const named = (names: readonly (string | undefined)[]): string[] => [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[];

/** The names of another end that an account is not of. */
export interface Foreign {
  /** Its domains, or what is known in their place. */
  readonly domains: readonly string[];
  /** All its names: a machine's own accounts are of its own. */
  readonly names: readonly string[];
}

/** `undefined` where the account may be of the other end, or that is not known. */
export function foreignTo(domain: string, username: string, target: TargetInfo, targetName: string | undefined): Foreign | undefined {
  if (domain === '' || domain === '.' || username.includes('@')) return undefined;
  const names = named([target.nbDomainName ?? targetName, target.dnsDomainName, target.dnsTreeName, target.nbComputerName, target.dnsComputerName, targetName]);
  if (names.length === 0 || names.some((name) => upperCase(name) === upperCase(domain))) return undefined;
  const domains = named([target.nbDomainName ?? targetName, target.dnsDomainName]);
  return { names, domains: domains.length === 0 ? names : domains };
}
