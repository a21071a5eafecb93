/** The graph in Maps, and its rows for those who check them. */
import {
  type EdgeRow,
  type GraphChange,
  GraphFold,
  graphProjection,
  keyOf,
  type NodeRow,
} from '#projections';
import { applyEffects, MemoryGenerations, type MemoryTable } from './generations.ts';

interface GraphTables {
  readonly nodes: MemoryTable<NodeRow>;
  readonly edges: MemoryTable<EdgeRow>;
}

export class MemoryGraph extends MemoryGenerations<GraphChange, GraphTables> {
  constructor(version: number = graphProjection.version) {
    super({
      name: graphProjection.name,
      version,
      empty: () => ({ nodes: new Map(), edges: new Map() }),
      apply: ({ nodes, edges }, changes) => {
        const fold = new GraphFold();
        fold.add(changes);
        applyEffects(nodes, fold.nodes);
        applyEffects(edges, fold.edges);
      },
      rows: ({ nodes, edges }) => ({ node: nodes.values(), edge: edges.values() }),
    });
  }

  /** All entities of all tenants. */
  nodes(): readonly NodeRow[] {
    return [...this.tables.nodes.values()];
  }

  /** All relationships that show: both ends exist. */
  edges(): readonly EdgeRow[] {
    const { nodes, edges } = this.tables;
    const exists = (tenantId: string, id: string) =>
      nodes.has(keyOf({ kind: 'drop', tenantId, id }));
    return [...edges.values()].filter(
      ({ tenantId, sourceId, targetId }) =>
        exists(tenantId, sourceId) && exists(tenantId, targetId),
    );
  }
}
