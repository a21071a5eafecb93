/**
 * The fact: what an actor decided, what the log keeps, and what everybody downstream reads.
 */
import type { StreamName } from './envelope.ts';

/** What `decide` returns: a fact without its place. */
export interface DomainEvent<Type extends string = string, Data = unknown> {
  readonly type: Type;
  /** Version of this event's schema, from 1. Older ones are upcast on read, never rewritten. */
  readonly schemaVersion: number;
  readonly data: Data;
}

/** Where a fact came from. */
export interface EventMetadata {
  /** The message that was decided. */
  readonly messageId: string;
  readonly correlationId?: string;
  readonly causationId?: string;
  readonly traceparent?: string;
  /** When it was recorded, ISO 8601, by the recording node's clock. */
  readonly recordedAt: string;
}

/** A fact with its cause, wherever it is: what folds need. */
export interface Fact<E extends DomainEvent = DomainEvent> {
  readonly type: E['type'];
  readonly schemaVersion: number;
  readonly data: E['data'];
  readonly metadata: Pick<EventMetadata, 'messageId'>;
}

/** A fact on its way into the log. */
export interface NewEvent extends DomainEvent {
  /** UUIDv5 of messageId, actor and index: a repeated append is recognised by it. */
  readonly id: string;
  readonly metadata: EventMetadata;
}

/** A fact in the log. */
export interface RecordedEvent<E extends DomainEvent = DomainEvent> {
  readonly id: string;
  readonly type: E['type'];
  readonly schemaVersion: number;
  readonly data: E['data'];
  readonly metadata: EventMetadata;
  readonly stream: StreamName;
  /** Number in its stream, from 0. */
  readonly revision: number;
  /** Place in the global order: grows, gaps allowed, from 1. */
  readonly position: number;
}
