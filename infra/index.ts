/** The door of the ground: a node as a whole, and what configures it. */
export { type Config, readConfig, readDataDir, readPlace } from './config.ts';
export { type Node, type NodeSurroundings, openNode } from './node.ts';
