/** The door of the embedders that run in this process. */

export { HashingEmbedder } from './hashing.ts';
export { openTransformersEmbedder, type TransformersPackage } from './transformers.ts';
