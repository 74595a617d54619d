/** Whether an account is of a domain that the other end names. */
import type { TargetInfo } from '../../messages/av-pairs.ts';
import { upperCase } from '../../crypto/text.ts';

const named = (names: readonly (string | undefined)[]): string[] => [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[];

/** The other end's domains, where the one of an account is another; a machine's own accounts are of its name. */
export function foreignTo(domain: string, username: string, target: TargetInfo, targetName: string | undefined): readonly string[] | undefined {
  if (domain === '' || domain === '.' || username.includes('@')) return undefined;
  const known = named([target.nbDomainName, target.dnsDomainName, target.dnsTreeName, target.nbComputerName, target.dnsComputerName, targetName]);
  if (known.length === 0 || known.some((name) => upperCase(name) === upperCase(domain))) return undefined;
  const domains = named([target.nbDomainName ?? targetName, target.dnsDomainName]);
  return domains.length === 0 ? known : domains;
}
