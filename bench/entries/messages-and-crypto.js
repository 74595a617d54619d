// What a library that keeps its own state machine would take.
export * from '../../dist/messages/index.js';
export * from '../../dist/crypto/index.js';
