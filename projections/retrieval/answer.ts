/** What the retrieval answers. */
import type { EntitySource } from '#actors';
import type { RecordedEvent } from '#runtime';
import type { Entity } from '../graph/answer.ts';

/** Up to where each is complete, as one answer saw them. */
export interface Positions {
  readonly graph: number;
  /** Null where embeddings are off. */
  readonly index: number | null;
}

/** Whether vectors took part, and if not why. */
export type VectorsUse = 'used' | 'off' | 'rebuilding' | 'unavailable' | 'not-asked';

/** Why an entity stands where it does: its place in each leg, from 1, and the edge by which it is worth more. */
export interface Explained {
  readonly words?: { readonly rank: number; readonly score: number };
  readonly vectors?: { readonly rank: number; readonly similarity: number };
  readonly graph?: { readonly from: string; readonly relationship: string };
}

export interface HitPassage {
  /** Null for text that stands in the graph and not, or not yet, in the index. */
  readonly chunkId: string | null;
  /** A comment's own id where it stands for what it comments on. */
  readonly entityId: string;
  /** Plain text (not HTML) around the matches, which stand between ** and **. */
  readonly snippet: string;
  /** Of the event that the text is of. */
  readonly position: number;
}

export interface Hit {
  readonly entity: Entity;
  /** The more, the better; comparable within one answer. */
  readonly score: number;
  readonly explained: Explained;
  /** Best first; empty where it has no text. */
  readonly passages: readonly HitPassage[];
  readonly title: string;
  /** Where a person can open it. */
  readonly url: string | null;
}

export interface SearchAnswer {
  readonly positions: Positions;
  readonly vectors: VectorsUse;
  /** Best first. */
  readonly hits: readonly Hit[];
}

export interface Citation {
  /** As it stands in the context: [n]. */
  readonly n: number;
  /** A passage's own entity; of an edge its source. */
  readonly entityId: string;
  readonly title: string;
  readonly url: string | null;
  readonly chunkId: string | null;
  readonly position: number;
  readonly kind: 'text' | 'edge';
  readonly relationshipId?: string;
  /** Whether the text of an end of the edge is not in the index, not yet or not any more. */
  readonly textMissing?: boolean;
}

export interface ContextAnswer extends SearchAnswer {
  /** Compact text with marks [1], [2], …; each has its citation. */
  readonly context: string;
  readonly citations: readonly Citation[];
}

/** Where a passage comes from. */
export interface Provenance {
  readonly chunkId: string;
  readonly entityId: string;
  readonly position: number;
  /** The last event that changed the text. */
  readonly event: Pick<RecordedEvent, 'id' | 'type' | 'stream' | 'revision' | 'position'> & {
    readonly recordedAt: string;
  };
  readonly messageId: string;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  /** The delivery that told of it, or the read of the page; null for a message of another origin. */
  readonly webhook: string | null;
  /** Null where the entity is gone from the graph. */
  readonly source: EntitySource | null;
  readonly url: string | null;
}
