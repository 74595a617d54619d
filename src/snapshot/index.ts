/** A handshake in flight as sealed bytes: to another process, through a restart, out of a worker that is stopped. */
export { openSnapshot, sealSnapshot, type OpenSnapshotOptions } from './snapshot.ts';
