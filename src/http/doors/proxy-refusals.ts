/** fetch makes a network error of every 407, and drops the response: its reason is read before. */
import type { Dispatcher } from 'undici';
import { NtlmError } from '../../errors.ts';
import { explainRefusal } from '../authentication/refusal.ts';

type Headers = Record<string, string | string[] | undefined>;
type Listener = (...args: unknown[]) => unknown;

/** The same handler, and `tell` hears of a 407. */
export function hearing407(handler: Dispatcher.DispatchHandler, tell: (error: NtlmError) => void): Dispatcher.DispatchHandler {
  const hear = (status: unknown, headers: () => Headers): void => {
    if (status === 407) tell(refusalOf(headers()));
  };
  return new Proxy(handler, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const listener = member.bind(target) as Listener;
      if (name === 'onResponseStart') return (...args: unknown[]) => (hear(args[1], () => args[2] as Headers), listener(...args));
      if (name === 'onHeaders') return (...args: unknown[]) => (hear(args[0], () => fromPairs(args[1] as Buffer[])), listener(...args));
      return listener;
    },
  });
}

function fromPairs(pairs: readonly Buffer[]): Headers {
  const headers: Headers = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = `${pairs[i]}`.toLowerCase();
    headers[name] = [headers[name] ?? [], `${pairs[i + 1]}`].flat();
  }
  return headers;
}

function refusalOf(headers: Headers): NtlmError {
  const why = explainRefusal({ status: 407, headers });
  const message = why?.message ?? 'the proxy asks for authentication, and says nothing more';
  return new NtlmError(message, { code: why?.code ?? 'proxy-refused', phase: 'transport', side: 'peer' });
}
