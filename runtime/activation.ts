/**
 * One living actor: a mailbox, a state, and turns.
 *
 *     asleep ──first message──▶ recovering ──▶ idle ⇄ deciding ──▶ appending ──▶ settled
 *                                   ▲                                 │ conflict: another owner wrote
 *                                   ╰─────────────────────────────────╯ outcome unknown: read again
 *
 * Invariants (numbers from README.md): I1 a message settles only after its events are durable; I2 the
 * append carries the revision that the decision saw; I3 one turn at a time; I4 a message that can't be
 * taken fails alone.
 */
import type { ActorDefinition } from './actor.ts';
import type { Linked } from './core/recency.ts';
import { replay, type Standing } from './core/replay.ts';
import { backoffMs } from './core/retry.ts';
import { decideTurn, type Turn } from './core/turn.ts';
import { categoryOf, type Envelope, type StreamName } from './envelope.ts';
import { RuntimeError, toRuntimeError } from './errors.ts';
import type { AppendResult, Log } from './ports/log.ts';
import type { Snapshots } from './ports/snapshots.ts';
import type { SpanStart, Telemetry } from './ports/telemetry.ts';
import { type Retrying, retrying } from './retrying.ts';

/** What every activation of a runtime shares. */
export interface Surroundings extends Retrying {
  readonly log: Log;
  readonly snapshots: Snapshots;
  readonly telemetry: Telemetry;
}

interface Waiting {
  readonly envelope: Envelope;
  readonly settled: (events: number) => void;
  readonly failed: (error: RuntimeError) => void;
}

/** Events of one page while an actor recovers; most have fewer than snapshotEveryEvents. */
const recoveryPageEvents = 500;

export class Activation implements Linked<Activation> {
  readonly stream: StreamName;
  /** When it last got a message, in ms of the runtime's clock. */
  lastUsedMs = 0;
  /** Its neighbours in the directory's order of use. */
  older: Activation | null = null;
  newer: Activation | null = null;
  readonly #definition: ActorDefinition;
  readonly #around: Surroundings;
  readonly #mailbox: Waiting[] = [];
  /** Null while unknown: not recovered yet, or after an append with an unknown outcome. */
  #standing: Standing | null = null;
  #snapshotRevision = -1;
  #isBusy = false;

  constructor(stream: StreamName, definition: ActorDefinition, around: Surroundings) {
    this.stream = stream;
    this.#definition = definition;
    this.#around = around;
  }

  /** Whether it may be put to sleep: nothing waits and nothing is under way. */
  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Messages in its mailbox, without those of the turn under way. */
  get waitingMessages(): number {
    return this.#mailbox.length;
  }

  /**
   * Queues a message at once and resolves with the number of its events when they are durable.
   * Rejects with BUS_SATURATED (the mailbox is full), a terminal error of the decision, or a
   * retryable one whose outcome is unknown; delivering the message again is always safe.
   */
  deliver(envelope: Envelope): Promise<number> {
    const { mailboxMessagesMax } = this.#around.limits;
    if (this.#mailbox.length >= mailboxMessagesMax) {
      return Promise.reject(
        new RuntimeError('BUS_SATURATED', `${this.stream} has ${mailboxMessagesMax} waiting`),
      );
    }
    return new Promise((settled, failed) => {
      this.#mailbox.push({ envelope, settled, failed });
      if (this.#isBusy) return;
      this.#isBusy = true;
      // After the deliveries of this moment, so that they share the first turn.
      queueMicrotask(() => void this.#work());
    });
  }

  /** Takes turns until nothing waits. Never rejects: whatever goes wrong reaches those who wait. */
  async #work(): Promise<void> {
    while (this.#mailbox.length > 0) {
      const taken = this.#mailbox.splice(0, this.#around.limits.turnMessagesMax);
      try {
        await this.#tracedTurn(taken);
      } catch (thrown) {
        this.#standing = null;
        const error = toRuntimeError(thrown);
        for (const { failed } of taken) failed(error);
      }
    }
    this.#isBusy = false;
  }

  /** A turn of messages of which one is traced is a span, caused by all that are. */
  #tracedTurn(taken: readonly Waiting[]): Promise<void> {
    const { tracer } = this.#around.telemetry;
    if (tracer === undefined || !isTraced(taken)) return this.#turn(taken);
    const start: SpanStart = {
      name: 'turn',
      kind: 'internal',
      causes: taken.map(({ envelope }) => envelope.traceparent),
      attributes: { turn_messages: taken.length, category: categoryOf(this.stream) },
    };
    return tracer.span(start, () => this.#turn(taken));
  }

  async #turn(taken: readonly Waiting[]): Promise<void> {
    const { clock, ids, limits, telemetry } = this.#around;
    for (let lost = 0; ; lost++) {
      const standing = this.#standing ?? (await this.#recover());
      const turn = this.#decide(standing, taken);
      if (turn.events.length === 0) return settle(taken, turn);

      const startedMs = clock.now();
      const result = await this.#append(standing, turn, taken);
      if (result === 'isolated') return;
      if (result.kind !== 'conflict') {
        this.#standing = { state: turn.state, revision: result.revision };
        telemetry.record({
          name: 'turn-appended',
          stream: this.stream,
          messages: taken.length,
          events: turn.events.length,
          ms: clock.now() - startedMs,
        });
        settle(taken, turn);
        return this.#snapshotWhenDue();
      }
      telemetry.record({
        name: 'append-conflicted',
        stream: this.stream,
        actual: result.actual,
      });
      this.#standing = null;
      if (lost >= limits.conflictRetriesMax) {
        throw new RuntimeError('CONFLICT_UNRESOLVED', `${this.stream} lost ${lost + 1} races`);
      }
      if (lost > 0) {
        const backoff = { baseMs: limits.retryBaseMs, capMs: limits.retryCapMs };
        await clock.sleep(backoffMs(lost, backoff, ids.chance()));
      }
    }
  }

  #decide({ state }: Standing, taken: readonly Waiting[]): Turn {
    const { clock, ids } = this.#around;
    return decideTurn(
      this.#definition,
      this.stream,
      state,
      taken.map(({ envelope }) => envelope),
      { named: (name) => ids.named(name), recordedAt: new Date(clock.now()).toISOString() },
    );
  }

  /** A terminal refusal of several messages' events: each is tried alone, so that one is to blame. */
  async #append(
    { revision }: Standing,
    { events }: Turn,
    taken: readonly Waiting[],
  ): Promise<AppendResult | 'isolated'> {
    const expected = revision < 0 ? 'no_stream' : revision;
    const { log, telemetry } = this.#around;
    const { tracer } = telemetry;
    const append = () => log.append(this.stream, events, expected);
    const isUntraced = tracer === undefined || !isTraced(taken);
    try {
      return await retrying(
        this.#around,
        isUntraced ? append : () => tracer.span(appendSpan(events.length), append),
        ({ code }, attempt) =>
          telemetry.record({
            name: 'append-retried',
            stream: this.stream,
            code,
            attempt,
          }),
      );
    } catch (thrown) {
      if (taken.length === 1 || toRuntimeError(thrown).retryable) throw thrown;
      for (const one of taken) {
        try {
          await this.#turn([one]);
        } catch (alone) {
          this.#standing = null;
          one.failed(toRuntimeError(alone));
        }
      }
      return 'isolated';
    }
  }

  async #recover(): Promise<Standing> {
    const { log, telemetry } = this.#around;
    const start = await this.#snapshot();
    let standing = start;
    let isMore = true;
    while (isMore) {
      const from = standing.revision + 1;
      const page = await retrying(
        this.#around,
        () => log.readStream(this.stream, { from, limit: recoveryPageEvents }),
        ({ code }, attempt) =>
          telemetry.record({ name: 'recovery-retried', stream: this.stream, code, attempt }),
      );
      standing = replay(this.#definition, standing, page);
      isMore = page.length === recoveryPageEvents;
    }
    this.#snapshotRevision = start.revision;
    this.#standing = standing;
    telemetry.record({
      name: 'actor-activated',
      stream: this.stream,
      replayed: standing.revision - start.revision,
    });
    return standing;
  }

  /** The stored snapshot, if it is this machine's; a lost or unreadable one only costs a longer replay. */
  async #snapshot(): Promise<Standing> {
    const { snapshots, telemetry } = this.#around;
    try {
      const stored = await snapshots.load(this.stream);
      if (stored !== null && stored.machineVersion === this.#definition.version) {
        return { state: stored.state, revision: stored.revision };
      }
    } catch (thrown) {
      telemetry.record({
        name: 'snapshot-failed',
        stream: this.stream,
        error: toRuntimeError(thrown),
      });
    }
    return { state: this.#definition.initial, revision: -1 };
  }

  async #snapshotWhenDue(): Promise<void> {
    const { limits, snapshots, telemetry } = this.#around;
    if (this.#standing === null) return;
    const { state, revision } = this.#standing;
    if (revision - this.#snapshotRevision < limits.snapshotEveryEvents) return;
    this.#snapshotRevision = revision;
    try {
      const machineVersion = this.#definition.version;
      await snapshots.save(this.stream, { revision, machineVersion, state });
      telemetry.record({ name: 'snapshot-saved', stream: this.stream, revision });
    } catch (thrown) {
      telemetry.record({
        name: 'snapshot-failed',
        stream: this.stream,
        error: toRuntimeError(thrown),
      });
    }
  }
}

function isTraced(taken: readonly Waiting[]): boolean {
  return taken.some(({ envelope }) => envelope.traceparent !== undefined);
}

function appendSpan(events: number): SpanStart {
  return { name: 'append', kind: 'client', attributes: { events } };
}

function settle(taken: readonly Waiting[], { outcomes }: Turn): void {
  taken.forEach(({ settled, failed }, at) => {
    const outcome = outcomes[at]!;
    if (typeof outcome === 'number') settled(outcome);
    else failed(outcome);
  });
}
