/** The flow made visible: diagrams of the machines, traces of their runs, tokens field by field. */
export { toMermaid } from './diagram/mermaid.ts';
export { toTable } from './diagram/table.ts';
export { walk, type Diagram, type DiagramState, type DiagramTransition } from './diagram/walk.ts';
export { decodeToken, type DecodedField, type DecodedToken, type DecodeProblem, type MessageName } from './decode/decode.ts';
export { findTokens, type FoundToken } from './decode/find.ts';
export { colourPalette, plainPalette, renderToken, renderVerdicts, type Palette } from './decode/render.ts';
export { verifyTokens, type Verdict, type VerifyTokensInput } from './decode/verify.ts';
