import { NtlmError } from '../../errors.ts';
import type { ConnectionInspector } from './connection-context.ts';

/** What `inspect` throws is told once, and no more is shown to it: thrown through the actors, it would end the process. */
export function guarded(inspect: ConnectionInspector, onFailure: (error: NtlmError) => void): ConnectionInspector {
  const observe = typeof inspect === 'function' ? inspect : inspect.next?.bind(inspect);
  let broken = false;
  return (event) => {
    if (broken) return;
    try {
      observe?.(event);
    } catch (cause) {
      broken = true;
      onFailure(new NtlmError('"inspect" failed', { code: 'service-failed', phase: 'transport', side: 'local', cause }));
    }
  };
}
