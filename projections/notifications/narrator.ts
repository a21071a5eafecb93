/**
 * Tells events of the log as notifications, in order.
 *
 * It remembers the standings of the streams it has passed lately, and reads a stream backwards where it
 * does not: as far as the last event that decides (`standing.ts`), one or two as a rule. N1: it must be
 * given every event of `notifiedEvents` from where it begins on, or what it remembers goes stale; whoever
 * jumps takes a new one. So what it tells of an event depends on the log alone.
 */
import { upcast } from '#actors';
import type { Log, RecordedEvent, StreamName } from '#runtime';
import type { Notification } from './message.ts';
import { notificationOf } from './notification.ts';
import { decisive, type Standing, standingAfter } from './standing.ts';

/** Standings in each of the two halves of the memory: 200 bytes each, 2 MiB. */
const rememberedMax = 5_000;
/** Events of one look back. */
const lookBackEvents = 16;

export class Narrator {
  readonly #log: Pick<Log, 'readStream'>;
  /** What was used since the halves changed last, and what before: the older half goes as a whole. */
  #young = new Map<StreamName, Standing>();
  #old = new Map<StreamName, Standing>();

  constructor(log: Pick<Log, 'readStream'>) {
    this.#log = log;
  }

  /** The notifications of some events, in their order. Throws LOG_UNAVAILABLE, EVENT_VERSION_UNKNOWN. */
  async tell(events: readonly RecordedEvent[]): Promise<readonly Notification[]> {
    const told: Notification[] = [];
    for (const recorded of events) {
      const event = upcast(recorded);
      const known = this.#remembered(event.stream);
      const before = known === undefined ? await this.#standingBefore(event) : known;
      const notification = notificationOf(event, before);
      if (notification !== null) told.push(notification);
      this.#remember(event.stream, standingAfter(before, event));
    }
    return told;
  }

  /** Only the newest event that says something, and the one that decides, have a say. */
  async #standingBefore({ stream, revision, type }: RecordedEvent): Promise<Standing> {
    if (beginsLife.has(type)) return null;
    let newest: RecordedEvent | null = null;
    for (let from = revision - 1; from >= 0; ) {
      const options = { from, direction: 'backward', limit: lookBackEvents } as const;
      const page = await this.#log.readStream(stream, options);
      if (page.length === 0) break;
      for (const event of page.map(upcast)) {
        if (decisive.has(event.type)) {
          const decided = standingAfter(null, event);
          return newest === null ? decided : standingAfter(decided, newest);
        }
        if (standingAfter(unnamed, event) !== unnamed) newest ??= event;
      }
      from = page.at(-1)!.revision - 1;
    }
    return null;
  }

  #remembered(stream: StreamName): Standing | undefined {
    const standing = this.#young.get(stream);
    return standing === undefined ? this.#old.get(stream) : standing;
  }

  #remember(stream: StreamName, standing: Standing): void {
    this.#young.set(stream, standing);
    if (this.#young.size < rememberedMax) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}

/** What no event leaves as it is when it says something. */
const unnamed: Standing = { entityType: 'ISSUE' };

/** Before these nothing was shown: their actors say them only then. */
const beginsLife: ReadonlySet<string> = new Set(['EntityCreated', 'RelationshipActivated']);
