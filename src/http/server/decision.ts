/** What becomes of a request, whatever carries the answer. */
import { STATUS_CODES } from 'node:http';
import type { NtlmServerIdentity } from './identity.ts';

/** It goes on. */
export interface Pass {
  readonly kind: 'pass';
  readonly identity: NtlmServerIdentity;
  /** Fields that belong on its response. */
  readonly fields: AnswerFields;
}

/** It is answered here. */
export interface Answer {
  readonly kind: 'answer';
  readonly status: 400 | 401 | 403 | 407 | 429 | 500 | 503;
  readonly fields: AnswerFields;
  readonly body: string;
  /** Whether the handshake goes on, on this connection: a body that was announced has to come. */
  readonly goesOn: boolean;
  /** Whether the connection ends with it. */
  readonly close: boolean;
}

export type AnswerFields = Readonly<Record<string, string | string[]>>;
export type Decision = Pass | Answer;

export function answer(status: Answer['status'], fields: AnswerFields = {}, rest: Partial<Answer> = {}): Answer {
  return { kind: 'answer', status, fields, body: `${STATUS_CODES[status]}\n`, goesOn: false, close: false, ...rest };
}

/** The fields of the response, as pairs. */
export function fieldsOf(decision: Decision): [name: string, value: string | string[]][] {
  const fields = Object.entries(decision.fields);
  if (decision.kind === 'pass') return fields;
  return [...fields, ['Content-Type', 'text/plain'], ...(decision.close ? [['Connection', 'close'] as [string, string]] : [])];
}
