/** The flow made visible: diagrams of the machines, traces of their runs, tokens field by field. */
export { toMermaid } from './diagram/mermaid.ts';
export { toSvg, type SvgOptions } from './diagram/svg.ts';
export { toTable } from './diagram/table.ts';
export { walk, type Diagram, type DiagramState, type DiagramTransition } from './diagram/walk.ts';
export { decodeToken, type DecodedField, type DecodedToken, type DecodeProblem, type MessageName } from './decode/decode.ts';
export { findTokens, type FoundToken } from './decode/find.ts';
export { colourPalette, plainPalette, renderToken, renderVerdicts, type Palette } from './decode/render.ts';
export { verifyTokens, type Verdict, type VerifyTokensInput } from './decode/verify.ts';
export { traceToken, type TracedToken } from './trace/mask.ts';
export { parseTrace } from './trace/parse.ts';
export {
  safeInspect,
  type ResponseVisibility,
  type SafeInspectionEvent,
  type SafeInspectOptions,
  type TracedContext,
  type TracedError,
  type TracedSnapshot,
} from './trace/projection.ts';
export { toSequenceDiagram } from './trace/sequence.ts';
export { toText } from './trace/text.ts';
export { trace, Tracer, type Trace, type TraceEntry, type TraceOptions } from './trace/trace.ts';
export {
  CONVERSATION_FORMAT,
  CONVERSATION_VERSION,
  type Blindness,
  type Connection,
  type Conversation,
  type ConversationRequest,
  type ConversationResponse,
  type ConversationSource,
  type ConversationToken,
  type Ending,
  type Exchange,
  type Field,
  type SchemeUse,
  type ServerWord,
  type Side,
  type TokenState,
} from './conversation/conversation.ts';
export { tokensIn } from './conversation/found.ts';
export { mergeConversations } from './conversation/merge.ts';
export { readConversation, type ReadOptions } from './conversation/read.ts';
export { conversationOfTrace } from './conversation/steps.ts';
export { conversationOfTokens, type ExchangeTokens } from './conversation/tokens.ts';
export type { Cause, CauseId, Likelihood } from './explain/cause.ts';
export { explain, type ExplainOptions } from './explain/explain.ts';
export type { Explanation, Outcome } from './explain/explanation.ts';
export { renderExplanation, type RenderExplanationOptions } from './explain/render.ts';
