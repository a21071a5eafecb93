/**
 * The process manager that tells other services what changed, as the projector sees it: it has no rows,
 * only a place in the log.
 *
 *     batch ─▶ are the rows there? ─▶ the shared cache forgets ─▶ notifications, invalidations ─▶ checkpoint
 *
 * P1: nothing is told before the graph's rows have it and the cache has forgotten what they replace.
 * P2: at least once: the checkpoint moves after all of a batch was sent, and a batch that was dropped or
 * cut short comes again. P3: in order for each entity and relationship; of several changes of one in a
 * batch only the last is told, for who listens here reads the graph. P4: of several nodes one tells, the
 * others wait for its lock; should two ever hold it, the checkpoint's guard keeps them from going on.
 */
import {
  type Broadcast,
  type Cache,
  type ChangeBatch,
  type Channel,
  type Clock,
  type Generations,
  type Log,
  limits,
  type Progress,
  type ReadStore,
  type RecordedEvent,
  type RowlessSink,
  RuntimeError,
  rowless,
  type StoreLock,
} from '#runtime';
import type { Checkpoint } from '../checkpoint.ts';
import { cacheInvalidation, forget } from './invalidation.ts';
import type { Notification } from './message.ts';
import { Narrator } from './narrator.ts';
import { notificationsProjection } from './projection.ts';

export interface TellingOptions {
  readonly checkpoint: Pick<Checkpoint, 'position' | 'advance'>;
  readonly store: Pick<ReadStore, 'lock'>;
  readonly log: Pick<Log, 'readStream' | 'head'>;
  /** Of the graph on this node; read late, as the graph's projector is made with this one. */
  readonly progress: () => Progress;
  readonly broadcast: Pick<Broadcast, 'publish'>;
  readonly cache: Pick<Cache, 'invalidate'>;
  readonly clock: Clock;
  /** Ends what waits, for the rows or for the lock. */
  readonly signal: AbortSignal;
  readonly notificationTopic: string;
  readonly invalidationTopic: string;
}

export function tellingNotifications(options: TellingOptions): Generations<RecordedEvent> {
  return rowless(notificationsProjection, new TellingSink(options));
}

class TellingSink implements RowlessSink<RecordedEvent> {
  readonly #options: TellingOptions;
  #lock: StoreLock | null = null;
  /** Knows all up to its position, which is the checkpoint unless another node told in between. */
  #narrator: { readonly tells: Narrator; readonly position: number } | null = null;

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** A new one begins at the end of the log: what was before is no news. */
  async position(): Promise<number> {
    const { checkpoint, log } = this.#options;
    const stands = await checkpoint.position();
    return stands > 0 ? stands : checkpoint.advance(0, await log.head());
  }

  /** Throws REDIS_UNAVAILABLE where the broadcast drops; the projector comes again with the batch. */
  async apply({ changes, from, to }: ChangeBatch<RecordedEvent>): Promise<number> {
    const { checkpoint, log, progress, signal } = this.#options;
    await this.#lead();
    const stands = await checkpoint.position();
    if (stands !== from) return stands;
    const narrator = this.#narrator?.position === from ? this.#narrator.tells : new Narrator(log);
    // Should this batch come again, it is told by one that has not told it before.
    this.#narrator = null;
    const notifications = await narrator.tell(changes);
    const last = notifications.at(-1);
    if (last !== undefined) {
      await progress().reached(last.position, signal);
      await this.#tell(notifications);
    }
    this.#narrator = { tells: narrator, position: to };
    return checkpoint.advance(from, to);
  }

  /** Resolves when this node is the one that tells. */
  async #lead(): Promise<void> {
    const { clock, signal, store } = this.#options;
    while (this.#lock === null) {
      this.#lock = await store.lock(notificationsProjection.name);
      if (this.#lock === null) await clock.sleep(limits.leadAskMs, signal);
    }
  }

  async #tell(notifications: readonly Notification[]): Promise<void> {
    const { broadcast, cache, invalidationTopic, notificationTopic } = this.#options;
    await forget(cache, notifications);
    const publish = async (channel: Channel, messages: readonly object[]) => {
      const texts = messages.map((message) => JSON.stringify(message));
      if ((await broadcast.publish(channel, texts)) === 'sent') return;
      throw new RuntimeError('REDIS_UNAVAILABLE', 'notifications were dropped on their way');
    };
    for (const [tenantId, own] of Map.groupBy(notifications, (one) => one.tenantId)) {
      await publish({ tenantId, topic: notificationTopic }, lastOfEach(own));
      const invalidations = slices(own, invalidatedAtOnce).map(cacheInvalidation);
      await publish({ tenantId, topic: invalidationTopic }, invalidations);
    }
  }
}

/** Changes of one CACHE_INVALIDATION: 150 keys of twice 520 UTF-16 units fit into limits.broadcastCharsMax. */
const invalidatedAtOnce = 50;

function slices<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const starts = Array.from({ length: Math.ceil(items.length / size) }, (_, at) => at * size);
  return starts.map((start) => items.slice(start, start + size));
}

/** Of each entity and relationship the last, in the order of the log. */
function lastOfEach(notifications: readonly Notification[]): readonly Notification[] {
  const last = new Map(notifications.map((one) => [subjectOf(one), one]));
  return notifications.filter((one) => last.get(subjectOf(one)) === one);
}

function subjectOf(notification: Notification): string {
  return notification.messageType === 'ENTITY_CHANGED'
    ? `entity/${notification.payload.entityId}`
    : `relationship/${notification.payload.relationshipId}`;
}
