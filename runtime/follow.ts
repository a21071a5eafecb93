/**
 * Copies one log into another, for ever: history first, then what comes, in the source's global order.
 *
 *     target's last event ─▶ its position in the source ─▶ subscribe ─▶ extend ─▶ …
 *            ▲                                                   │
 *            ╰──────────── a passing fault: backoff, look again ─╯
 *
 * F1: where the copy stands is read from the target alone. A target holds a beginning of its source (R2),
 * so its last event says it all; no checkpoint beside it could be older or newer than the truth. F2: a
 * crash at any moment, or a second follower, costs some repeats that change nothing (R3). F3: a target
 * that somebody else has written to is told as soon as it shows, and nothing is copied on top of it.
 */
import { applied, atPosition, type CatchUp, failed, rateAt } from './core/catch-up.ts';
import { backoffMs } from './core/retry.ts';
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { Log } from './ports/log.ts';
import type { Replica } from './ports/replica.ts';
import type { Retrying } from './retrying.ts';

/** How far a copy is. */
export interface CopyStatus {
  readonly status: CatchUp['status'];
  /** In the source: everything up to here is in the target. */
  readonly position: number;
  /** The source's end, as last seen. */
  readonly head: number;
  /** Between the recording of the last event that was copied and now; 0 at the end of the source. */
  readonly lagMs: number;
  /** Events that this follower has added. */
  readonly added: number;
  readonly eventsPerSecond: number;
  readonly error: RuntimeError | null;
}

export interface FollowOptions extends Retrying {
  readonly source: Pick<Log, 'readStream' | 'subscribe' | 'head'>;
  readonly target: Replica;
  /** Ends it between two batches; it then resolves. */
  readonly signal: AbortSignal;
  /** Told after every batch and every fault. */
  readonly onStatus: (status: CopyStatus) => void;
}

/**
 * Follows until the signal is aborted; passing faults on either side are tried again without end. Rejects
 * with COPY_DIVERGED, or another terminal error of either log.
 */
export async function follow(options: FollowOptions): Promise<void> {
  await new Follower(options).run();
}

class Follower {
  readonly #options: FollowOptions;
  #state: CatchUp;
  #added = 0;
  #head = 0;
  #lastRecordedAt: string | null = null;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#state = atPosition(0, options.clock.now());
  }

  async run(): Promise<void> {
    const { clock, ids, limits, signal } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
    while (!signal.aborted) {
      try {
        const { failures } = this.#state;
        if (failures > 0) await clock.sleep(backoffMs(failures, backoff, ids.chance()), signal);
        await this.#copy();
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toRuntimeError(thrown);
        this.#state = failed(this.#state, error, clock.now());
        this.#tell();
        if (!error.retryable) throw error;
      }
    }
  }

  async #copy(): Promise<void> {
    const { clock, signal, source, target } = this.#options;
    const after = await standing(source, target);
    for await (const batch of source.subscribe({ after, signal })) {
      if (batch.events.length > 0) this.#added += await target.extend(batch.events);
      this.#head = batch.live ? batch.position : await source.head();
      this.#lastRecordedAt = batch.events.at(-1)?.metadata.recordedAt ?? this.#lastRecordedAt;
      const { events, position, live } = batch;
      this.#state = applied(this.#state, { events: events.length, position, live }, clock.now());
      this.#tell();
    }
  }

  #tell(): void {
    const { status, position, error } = this.#state;
    const nowMs = this.#options.clock.now();
    const recordedMs = Date.parse(this.#lastRecordedAt ?? '');
    const isBehind = position < this.#head && Number.isFinite(recordedMs);
    this.#options.onStatus({
      status,
      position,
      head: this.#head,
      lagMs: isBehind ? Math.max(0, nowMs - recordedMs) : 0,
      added: this.#added,
      eventsPerSecond: rateAt(this.#state, nowMs),
      error,
    });
  }
}

/** Where in the source the target ends. */
async function standing(source: Pick<Log, 'readStream'>, target: Replica): Promise<number> {
  const last = await target.last();
  if (last === null) return 0;
  const { stream, revision, id } = last;
  const [same] = await source.readStream(stream, { from: revision, limit: 1 });
  if (same?.id === id) return same.position;
  throw new RuntimeError(
    'COPY_DIVERGED',
    `the target ends with ${stream}@${revision} (${id}), which is not in the source`,
    { data: { stream, revision, id } },
  );
}
