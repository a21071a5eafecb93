/** The tools that there are, in the order in which a model is told of them. */
import { entity, neighbours, path } from './graph-tools.ts';
import { history } from './history-tool.ts';
import { query, search } from './search-tools.ts';
import type { CallableTool } from './tool.ts';

export const tools: readonly CallableTool[] = [search, query, entity, neighbours, path, history];
