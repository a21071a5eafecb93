/** The door of the ground: a node as a whole, and what configures it. */
export { type Config, readConfig, readDataDir, readPlace } from './config.ts';
export { type Node, openNode } from './node.ts';
export type { NodeSurroundings } from './surroundings.ts';
