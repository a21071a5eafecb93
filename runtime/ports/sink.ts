/**
 * Where a projection's changes go: rows and checkpoint together.
 *
 * A generation is one build of a projection. One is live and read by queries; a rebuild fills
 * another beside it and then takes its place in one step.
 */

export interface ChangeBatch<Change> {
  /** In log order. */
  readonly changes: readonly Change[];
  /** The checkpoint that the runner read; the guard. */
  readonly from: number;
  /** The checkpoint after this batch. */
  readonly to: number;
}

export interface Checksum {
  readonly rows: number;
  readonly digest: string;
  /** The checkpoint that the rows belong to: two digests compare only where it is the same. */
  readonly position: number;
}

export interface Sink<Change> {
  /** Number of this generation, from 1. */
  readonly generation: number;
  /** The checkpoint: the position up to which this generation has applied. 0 when new. */
  position(): Promise<number>;
  /**
   * Applies changes and checkpoint in one transaction, only where the checkpoint still is
   * `batch.from`. Answers the position it wants next: `batch.to`, or where another runner already
   * stands (then nothing was applied). Throws READ_STORE_UNAVAILABLE (retry the same batch; read
   * `live()` again, another node may have promoted a new generation).
   */
  apply(batch: ChangeBatch<Change>): Promise<number>;
  /** A digest over all rows, the same for the same rows whatever their order of arrival. */
  checksum(): Promise<Checksum>;
}

export interface Generations<Change> {
  /** The live generation; made, empty, where there is none. `version` is the code that built it. */
  live(): Promise<{ readonly sink: Sink<Change>; readonly version: number }>;
  /** A new, empty generation beside the live one. Side effects never fire from it. */
  begin(): Promise<Sink<Change>>;
  /** Makes it live in one transaction and drops the old one. */
  promote(sink: Sink<Change>): Promise<void>;
  /** Drops it. */
  discard(sink: Sink<Change>): Promise<void>;
}
