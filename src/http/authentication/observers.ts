import { NtlmError } from '../../errors.ts';
import { heard } from '../../machine/promised.ts';
import type { ConnectionInspector } from './connection-context.ts';

/** What `inspect` throws is told once, and no more is shown to it: thrown through the actors, it would end the process. */
export function guarded(inspect: ConnectionInspector, onFailure: (error: NtlmError) => void): ConnectionInspector {
  const observe = typeof inspect === 'function' ? inspect : inspect.next?.bind(inspect);
  let broken = false;
  const fail = (cause: unknown): void => {
    if (broken) return;
    broken = true;
    onFailure(new NtlmError('"inspect" failed', { code: 'service-failed', phase: 'transport', side: 'local', cause }));
  };
  return (event) => {
    if (broken) return;
    try {
      heard(observe?.(event), fail);
    } catch (cause) {
      fail(cause);
    }
  };
}
