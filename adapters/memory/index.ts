/** The door of the reference implementations; the in-process bus is also the embedded default. */
export * from './blobs.ts';
export * from './broadcast.ts';
export * from './bus.ts';
export * from './cache.ts';
export * from './graph-sink.ts';
export * from './links-sink.ts';
export * from './log.ts';
export * from './snapshots.ts';
