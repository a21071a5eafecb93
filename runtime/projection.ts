/**
 * What the frame asks of a projection: which events it wants, and what follows from each. Pure and
 * rebuildable: the same events always give the same changes.
 */
import type { RecordedEvent } from './event.ts';
import type { EventFilter } from './ports/log.ts';

export interface Projection<Change = unknown> {
  readonly name: string;
  /** A higher number than the live generation's means: rebuild at start. */
  readonly version: number;
  readonly filter: EventFilter;
  /** Changes of one event, in order. Must not look at anything else. */
  project(event: RecordedEvent): readonly Change[];
}
