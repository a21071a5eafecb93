/**
 * One actor's history, decided once more by the code as it is now.
 *
 *     the events of one message ──▶ the message that they say ──▶ decided on the state before: the same?
 *              ╰──▶ upcast, evolved ──▶ the state before the next; at the stored snapshot: the same?
 *
 * R1: what was recorded is evolved on, never what is decided now, so that one difference does not lead to
 * others. R2: an event that can't be read ends the rehearsal of its actor, as it would end its recovery.
 * R3: only what left events is rehearsed; the log does not hold messages that changed nothing or were
 * refused.
 */
import type { ActorDefinition } from '../actor.ts';
import { type Address, addressOf, type Envelope, type StreamName } from '../envelope.ts';
import { type ErrorCode, toRuntimeError } from '../errors.ts';
import type { DomainEvent, RecordedEvent } from '../event.ts';
import type { StoredSnapshot } from '../ports/snapshots.ts';
import { sameJson } from './same-json.ts';

/** An actor that can be rehearsed. */
export interface Rehearsable {
  readonly definition: ActorDefinition;
  /**
   * The inverse of `decide`: a message that leads from the state to these events, which are all that
   * one message led to, in today's versions. Not always the one that came, but one that is decided
   * alike. Null where no message leads to them.
   */
  messageOf(
    address: Address,
    state: unknown,
    events: readonly [RecordedEvent, ...RecordedEvent[]],
  ): Envelope | null;
}

/** Where code and history differ: the message's first event, or the one that is spoken of. */
interface Place {
  readonly stream: StreamName;
  readonly revision: number;
  readonly position: number;
  readonly messageId: string;
}

export type Difference = Place &
  (
    | {
        /** Today the message leads to other events, or to none. */
        readonly kind: 'decision';
        readonly messageType: string;
        readonly recorded: readonly DomainEvent[];
        readonly decided: readonly DomainEvent[];
      }
    | {
        /** Today the message would be refused. */
        readonly kind: 'refusal';
        readonly messageType: string;
        readonly code: ErrorCode;
        readonly reason: string;
      }
    | {
        /** No message leads to these events today. */
        readonly kind: 'no-message';
        readonly recorded: readonly DomainEvent[];
      }
    | {
        /** The event can't be upcast or folded today; the actor can't be woken. */
        readonly kind: 'unreadable';
        readonly type: string;
        readonly code: ErrorCode;
        readonly reason: string;
      }
    | {
        /** The events lead to another state than the one that this machine's version once stored. */
        readonly kind: 'state';
        readonly recorded: unknown;
        readonly folded: unknown;
      }
  );

export class Rehearsal {
  /** Messages so far. */
  messages = 0;
  readonly #rehearsable: Rehearsable;
  readonly #stream: StreamName;
  readonly #snapshot: StoredSnapshot | null;
  #state: unknown;
  /** Events of the message that may go on. */
  #group: RecordedEvent[] = [];
  #isOver = false;

  constructor(rehearsable: Rehearsable, stream: StreamName, snapshot: StoredSnapshot | null) {
    const { initial, version } = rehearsable.definition;
    this.#rehearsable = rehearsable;
    this.#stream = stream;
    this.#snapshot = snapshot?.machineVersion === version ? snapshot : null;
    this.#state = initial;
  }

  /** The next events of the stream, in order. A message's last ones wait for the next call or `end`. */
  take(events: readonly RecordedEvent[]): readonly Difference[] {
    return events.flatMap((event) => {
      const { messageId } = event.metadata;
      const isFurther = messageId === this.#group[0]?.metadata.messageId;
      const differences = isFurther ? [] : this.end();
      if (!this.#isOver) this.#group.push(event);
      return differences;
    });
  }

  /** What waited: there are no further events of its message. */
  end(): readonly Difference[] {
    const group = this.#group.splice(0);
    if (group.length === 0) return [];
    this.messages += 1;
    const before = this.#state;
    const events: RecordedEvent[] = [];
    const differences: Difference[] = [];
    for (const event of group) {
      try {
        const read = this.#rehearsable.definition.upcast(event);
        this.#state = this.#rehearsable.definition.evolve(this.#state, read);
        events.push(read);
      } catch (thrown) {
        this.#isOver = true;
        const { code, message: reason } = toRuntimeError(thrown);
        const { type } = event;
        return [...differences, { ...placeOf(event), kind: 'unreadable', type, code, reason }];
      }
      differences.push(...this.#atSnapshot(event));
    }
    return [
      ...this.#decision(before, events as [RecordedEvent, ...RecordedEvent[]]),
      ...differences,
    ];
  }

  #atSnapshot(event: RecordedEvent): readonly Difference[] {
    if (event.revision !== this.#snapshot?.revision) return [];
    const { state: recorded } = this.#snapshot;
    const folded = this.#state;
    if (isStoredAs(recorded, folded)) return [];
    return [{ ...placeOf(event), kind: 'state', recorded, folded }];
  }

  #decision(
    before: unknown,
    events: readonly [RecordedEvent, ...RecordedEvent[]],
  ): readonly Difference[] {
    const { definition, messageOf } = this.#rehearsable;
    const place = placeOf(events[0]);
    const recorded = events.map(({ type, schemaVersion, data }) => ({ type, schemaVersion, data }));
    const message = messageOf(addressOf(this.#stream), before, events);
    if (message === null) return [{ ...place, kind: 'no-message', recorded }];
    const { messageType } = message;
    try {
      const decided = definition.decide(before, message);
      if (isStoredAs(recorded, decided)) return [];
      return [{ ...place, kind: 'decision', messageType, recorded, decided }];
    } catch (thrown) {
      const { code, message: reason } = toRuntimeError(thrown);
      return [{ ...place, kind: 'refusal', messageType, code, reason }];
    }
  }
}

function placeOf({ stream, revision, position, metadata }: RecordedEvent): Place {
  return { stream, revision, position, messageId: metadata.messageId };
}

/** Whether a value is what was read, once it has been through JSON: a key without a value is lost there. */
function isStoredAs(read: unknown, value: unknown): boolean {
  return sameJson(read, value) || sameJson(read, JSON.parse(JSON.stringify(value)));
}
