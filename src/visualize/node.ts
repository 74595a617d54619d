/** All of `ntlmachine/visualize`, with the live page that needs Node. */
export * from './index.ts';
export { visualize, type Visualization, type VisualizeOptions } from './page/server.ts';
export { record, type Recording, type RecordOptions } from './conversation/record.ts';
