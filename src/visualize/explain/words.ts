/** What rules say their causes with. */
import type { Exchange } from '../conversation/conversation.ts';
import type { Cause } from './cause.ts';
import type { Facts } from './facts.ts';

export const certain = (cause: Omit<Cause, 'likelihood'>): Cause => ({ ...cause, likelihood: 'certain' });

export const likely = (cause: Omit<Cause, 'likelihood'>): Cause => ({ ...cause, likelihood: 'likely' });

export const possible = (cause: Omit<Cause, 'likelihood'>): Cause => ({ ...cause, likelihood: 'possible' });

export const it = ({ side }: Facts): string => (side === 'proxy' ? 'the proxy' : 'the server');

/** Schemes named at this side, without regard to case. */
export function offersOf({ side, end, handshake }: Facts): readonly string[] {
  const named = (exchange: Exchange | undefined): string[] => (exchange?.response?.challenges ?? []).filter((use) => use.side === side).map(({ scheme }) => scheme);
  const own = named(end.exchange);
  return own.length > 0 || end.exchange.response?.unauthorized === true ? own : named(handshake.offer);
}

export const offers = (facts: Facts, scheme: RegExp): boolean => offersOf(facts).some((each) => scheme.test(each));

export const offersNtlm = (facts: Facts): boolean => offers(facts, /^(?:ntlm|negotiate)$/i);
