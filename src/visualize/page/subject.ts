/** What a page shows: carriers that tell, an actor that is traced, or the whole process. */
import type { AnyActorRef } from 'xstate';
import { invalidArgument } from '../../errors.ts';
import { tellerOf } from '../../http/exchange/telling.ts';
import type { Conversation } from '../conversation/conversation.ts';
import { record } from '../conversation/record.ts';
import { conversationOfTrace } from '../conversation/steps.ts';
import type { TokenVisibility } from '../conversation/token.ts';
import { walk, type Diagram } from '../diagram/walk.ts';
import { Tracer, machineOf } from '../trace/trace.ts';

export interface Subject {
  /** What has not changed since the last call is the same object, as far as that is known. */
  conversation(): Conversation;
  stop(): void;
  /** Of a machine that may be nobody's but the caller's. */
  readonly diagram?: Diagram;
}

export interface SubjectOptions {
  readonly tokens: TokenVisibility;
  readonly onChange: () => void;
}

/** @throws NtlmError `invalid-argument` for what neither tells nor can be traced. */
export function subjectOf(shown: object, { tokens, onChange }: SubjectOptions): Subject {
  if (tellerOf(shown) !== undefined) return record(shown, { tokens, onEvent: onChange });
  const machine = machineOf((shown as Partial<AnyActorRef>).getSnapshot?.());
  if (machine === undefined) {
    throw invalidArgument('subject', 'must be an NtlmAgent, an NtlmDispatcher, what createNtlmFetch or createGateway returned, or an actor of a state machine');
  }
  const tracer = new Tracer(shown as AnyActorRef, { responses: tokens === 'whole' ? 'shown' : 'masked' });
  tracer.subscribe(onChange);
  return { conversation: () => conversationOfTrace(tracer.toJSON(), tokens), stop: () => tracer.stop(), diagram: walk(machine) };
}

/** All carriers of this process, always masked. */
export function wholeProcess(onChange: () => void): Subject {
  return record(undefined, { onEvent: onChange });
}
