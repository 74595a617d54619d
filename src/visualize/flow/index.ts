/** `<ntlm-flow>`, for browsers: importing this module defines the element. */
import { NtlmFlow } from './element/element.ts';

export { NtlmFlow, type FlowPosition, type FlowSource } from './element/element.ts';
export type { ChartSource } from './element/chart-pane.ts';
export type { Conversation } from '../conversation/conversation.ts';

const registry = globalThis.customElements as CustomElementRegistry | undefined;
if (registry !== undefined && registry.get('ntlm-flow') === undefined) registry.define('ntlm-flow', NtlmFlow);

declare global {
  interface HTMLElementTagNameMap {
    'ntlm-flow': NtlmFlow;
  }
}
