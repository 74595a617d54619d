import { useEffect, useState } from 'react';
import type { NtlmActor, NtlmSnapshot, NtlmTag } from 'ntlmachine';

/** A state the actor passed: names, tags and times, nothing that has to be kept secret. */
interface Pass {
  readonly state: string;
  readonly tags: readonly NtlmTag[];
  /** Milliseconds since the page was opened. */
  readonly at: number;
}

interface Passage {
  readonly number: number;
  readonly attempt: number;
  readonly states: readonly Pass[];
}

const KEPT = 4;

/** The way through the machine, live. */
export function Passages({ actor }: { readonly actor: NtlmActor }) {
  const [now, ...earlier] = usePassages(actor).toReversed();
  const last = now && now.states.length - 1;
  return (
    <section className="passages" aria-labelledby="passages">
      <h2 id="passages">
        What the actor passes {now && <span>handshake {now.number}</span>}
      </h2>
      {now && (
        <ol aria-label={`Handshake ${now.number}`}>
          {now.states.map(({ state, tags, at }, index) => (
            <li key={index} data-state={state.split('.')[0]} aria-current={index === last ? 'step' : undefined}>
              <code>{state}</code>
              {tags.map((tag) => (
                <span key={tag} className="tag">
                  {tag}
                </span>
              ))}
              {index > 0 && <time>+{Math.round(at - now.states[index - 1]!.at)} ms</time>}
            </li>
          ))}
        </ol>
      )}
      {earlier.map(({ number, states }) => (
        <p key={number} className="earlier">
          <span>Handshake {number}</span> {states.map(({ state }) => state).join(' → ')} → reset
        </p>
      ))}
    </section>
  );
}

function usePassages(actor: NtlmActor): readonly Passage[] {
  const [passages, setPassages] = useState(() => record([], actor.getSnapshot(), performance.now()));
  useEffect(() => {
    const subscription = actor.subscribe((snapshot) => {
      const at = performance.now();
      setPassages((known) => record(known, snapshot, at));
    });
    return () => subscription.unsubscribe();
  }, [actor]);
  return passages;
}

function record(known: readonly Passage[], snapshot: NtlmSnapshot, at: number): readonly Passage[] {
  const { value, tags } = snapshot;
  const { attempt } = snapshot.context;
  const pass: Pass = {
    state: typeof value === 'string' ? value : Object.entries(value).flat().join('.'),
    tags: [...tags] as NtlmTag[],
    at,
  };
  const last = known.at(-1);
  if (last?.attempt === attempt) {
    if (last.states.at(-1)?.state === pass.state) return known;
    return [...known.slice(0, -1), { ...last, states: [...last.states, pass] }];
  }
  const begun = known.filter(({ states }) => states.length > 1); // a handshake that never left idle was none
  return [...begun, { number: (begun.at(-1)?.number ?? 0) + 1, attempt, states: [pass] }].slice(-KEPT);
}
