/**
 * The lock of one session, renewed at half of its time for as long as it is tended.
 *
 * The client's own renewal stops silently when it fails once; this one tries again until the lock has
 * run out, and then says so. When that is, the broker says by its clock, so ours may be wrong by less
 * than a lock lasts. A time that no lock can last tells that it is wrong by more; then the lock is taken
 * for the shortest there is, and renewed more often than it must be.
 */
import type { ServiceBusSessionReceiver } from '@azure/service-bus';
import type { Clock, Telemetry } from '#runtime';
import { brokerCodeOf, unavailable } from './failure.ts';

interface LockOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
}

/** Between two attempts to renew a lock that could not be renewed. */
const pauseMs = 500;
/** Azure's bounds of a lock duration. */
const shortestMs = 5_000;
const longestMs = 5 * 60_000;

export class SessionLock {
  readonly #receiver: ServiceBusSessionReceiver;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  #untilMs = 0;
  #renewAtMs = 0;
  #isRenewing = false;
  #isRefused = false;

  constructor(receiver: ServiceBusSessionReceiver, { clock, telemetry }: LockOptions) {
    this.#receiver = receiver;
    this.#clock = clock;
    this.#telemetry = telemetry;
    this.#begin(receiver.sessionLockedUntilUtc);
  }

  /** It has run out, or the broker says that it is another's. */
  get isLost(): boolean {
    return this.#isRefused || this.#clock.now() >= this.#untilMs;
  }

  /** Renews it where it is time. */
  tend(): void {
    if (this.#isRenewing || this.#clock.now() < this.#renewAtMs) return;
    this.#isRenewing = true;
    void this.#renew();
  }

  async #renew(): Promise<void> {
    try {
      this.#begin(await this.#receiver.renewSessionLock());
    } catch (thrown) {
      this.#isRefused = brokerCodeOf(thrown) === 'SessionLockLost';
      this.#renewAtMs = this.#clock.now() + pauseMs;
      const task = `renew the lock of shard ${this.#receiver.sessionId}`;
      const error = unavailable(thrown, task);
      this.#telemetry.record({ name: 'bus-retried', task, error, attempt: 1 });
    } finally {
      this.#isRenewing = false;
    }
  }

  #begin(until: Date): void {
    const nowMs = this.#clock.now();
    const toldMs = until.getTime() - nowMs;
    const lastsMs = toldMs > 0 && toldMs <= longestMs ? toldMs : shortestMs;
    this.#untilMs = nowMs + lastsMs;
    this.#renewAtMs = nowMs + lastsMs / 2;
  }
}
