/**
 * The lock of one session, renewed at half of its time for as long as it is tended.
 *
 * The client's own renewal stops silently when it fails once; this one tries again until the lock has
 * run out, and then says so. Times are the broker's by our clock: two minutes apart or more, and a lock
 * looks lost, or lasts longer than it does. Both cost deliveries, not messages.
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

export class SessionLock {
  readonly #receiver: ServiceBusSessionReceiver;
  readonly #clock: Clock;
  readonly #telemetry: Telemetry;
  #untilMs: number;
  #renewAtMs: number;
  #isRenewing = false;
  #isRefused = false;

  constructor(receiver: ServiceBusSessionReceiver, { clock, telemetry }: LockOptions) {
    this.#receiver = receiver;
    this.#clock = clock;
    this.#telemetry = telemetry;
    this.#untilMs = receiver.sessionLockedUntilUtc.getTime();
    this.#renewAtMs = this.#halfTime();
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
      this.#untilMs = (await this.#receiver.renewSessionLock()).getTime();
      this.#renewAtMs = this.#halfTime();
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

  #halfTime(): number {
    const nowMs = this.#clock.now();
    return nowMs + Math.max(0, this.#untilMs - nowMs) / 2;
  }
}
