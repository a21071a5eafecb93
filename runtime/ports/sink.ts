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

/** Live: what readers see. Kept: complete, to switch back to. Building: unfinished, or a leftover. */
export type GenerationState = 'live' | 'kept' | 'building';

export interface GenerationStatus {
  readonly number: number;
  /** Of the code that built it. */
  readonly version: number;
  /** Its stored checkpoint. */
  readonly position: number;
  readonly state: GenerationState;
}

/** A generation that another `promote` takes along. Only the kind of store that gave it knows what is in it. */
export interface Promotion {
  /** Of the projection. */
  readonly name: string;
}

export interface PromotionOptions {
  /** Keeps the generation that is replaced, to switch back to. */
  readonly keepsOld?: boolean;
}

export interface JointPromotionOptions extends PromotionOptions {
  /** Of other projections. */
  readonly beside?: readonly Promotion[];
}

export interface Generations<Change> {
  /** The live generation; made, empty, where there is none. `version` is the code that built it. */
  live(): Promise<{ readonly sink: Sink<Change>; readonly version: number }>;
  /**
   * A generation under construction beside the live one; side effects never fire from it. New and empty;
   * or, where `head` says where the log ends, the one that a crash or `leave` cut off, if this version of
   * the code began it and it holds nothing of after `head`: its position says where it goes on. Throws
   * PROJECTION_BUSY while another build or switch runs, on any node.
   */
  begin(head?: number): Promise<Sink<Change>>;
  /**
   * Writes all of it and makes what readers need; may take minutes. Then it still takes batches, and may
   * be completed again. `signal` ends it where it waits for somebody else.
   */
  complete(sink: Sink<Change>, signal?: AbortSignal): Promise<void>;
  /**
   * Makes it live in one transaction: readers see the old one or this one. The old one is kept, or
   * dropped, and so is one that was kept before. Side effects follow of what the old one had not reached.
   * Those `beside` it become live in the same transaction, or none of them does. Throws REQUEST_INVALID
   * where the rows of one are in another store.
   */
  promote(sink: Sink<Change>, options?: JointPromotionOptions): Promise<void>;
  /** What the `promote` of another projection needs to make this one live beside its own. */
  promotion(sink: Sink<Change>, options?: PromotionOptions): Promotion;
  /** Lets go of one that was not promoted, for a later `begin` or `kept`. */
  leave(sink: Sink<Change>): Promise<void>;
  /** Drops one under construction. */
  discard(sink: Sink<Change>): Promise<void>;
  /**
   * The kept generation, to catch up and promote; null where none is. Throws PROJECTION_OUTDATED where
   * another version of the code built it, PROJECTION_BUSY as `begin` does.
   */
  kept(): Promise<Sink<Change> | null>;
  /** What is there, by number. */
  list(): Promise<readonly GenerationStatus[]>;
}
