import { checkObject, checkText } from '../checks.ts';
import { Credentials } from '../crypto/credentials.ts';
import { invalidArgument } from '../errors.ts';
import { resolvePolicy } from '../machine/policy.ts';
import { checkedClock, checkedRandomness, systemClock, systemRandomBytes } from '../machine/sources.ts';
import type { AcceptorOptions, ResolvedAcceptorOptions } from './context.ts';
import { checkDemands } from './demands.ts';
import { UNKNOWN_USER, type Prover } from './proof.ts';
import type { AcceptorTarget } from './make-challenge.ts';
import { proveBy } from './responses.ts';
import { isVerifier, proverBy } from './verifier.ts';

/** @throws NtlmError `invalid-argument`, naming the option. */
export function resolveAcceptorOptions(options: AcceptorOptions): ResolvedAcceptorOptions {
  const { credentials, target, timestamp = true, now, randomBytes, policy, ...demands } = options;
  checkDemands({ ...demands, policy });
  return {
    ...demands,
    ...resolvePolicy(policy),
    prove: proverOf(credentials),
    target: checkedTarget(target ?? { nbDomainName: 'WORKGROUP', nbComputerName: 'SERVER' }),
    timestamp,
    now: checkedClock(now ?? systemClock),
    randomBytes: checkedRandomness(randomBytes ?? systemRandomBytes),
  };
}

/** It goes into every type 2: what is wrong with it would be the first client's trouble. */
function checkedTarget(target: AcceptorTarget): AcceptorTarget {
  checkObject('target', target);
  for (const name of ['nbDomainName', 'nbComputerName'] as const) checkText(`target.${name}`, target[name], 'configure');
  for (const name of ['dnsDomainName', 'dnsComputerName'] as const) checkText(`target.${name}`, target[name] ?? '', 'configure');
  return target;
}

/** Nobody is looked up, and nobody is asked, for a client that gives no name. */
function proverOf(credentials: AcceptorOptions['credentials']): Prover {
  const prove = named(credentials);
  return (claim, signal) => (claim.identity.username === '' ? UNKNOWN_USER : prove(claim, signal));
}

function named(credentials: AcceptorOptions['credentials']): Prover {
  if (credentials instanceof Credentials) return (claim) => proveBy(credentials, claim);
  if (typeof credentials === 'function') return async (claim) => proveBy(await credentials(claim.identity), claim);
  if (isVerifier(credentials)) return proverBy(credentials);
  throw invalidArgument('credentials', 'must be Credentials, a function that finds them, or a verifier');
}
