/** Changes of the graph folded to their net effects; shared by every store. */
import { Effects } from '../effect.ts';
import type { EdgeRow, GraphChange, NodeRow } from './change.ts';

export class GraphFold {
  readonly nodes = new Effects<NodeRow>();
  readonly edges = new Effects<EdgeRow>();

  get weight(): number {
    return this.nodes.weight + this.edges.weight;
  }

  add(changes: readonly GraphChange[]): void {
    for (const { of, change } of changes) {
      if (of === 'node') this.nodes.add(change);
      else this.edges.add(change);
    }
  }
}
