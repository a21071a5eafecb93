/**
 * The pace at which a model is asked: so many requests at a time, none while it asks for a pause, and
 * none to one that is away.
 *
 *     request ──▶ gate (Retry-After) ──▶ bulkhead ▒▒▒▒ ──▶ breaker ──▶ endpoint
 *
 * A server that limits our rate is alive: it closes the gate for all, and the breaker does not count it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  type IPolicy,
  wrap,
} from 'cockatiel';
import { abortable, type Clock, type Limits, RuntimeError, toRuntimeError } from '#runtime';

/** A failure that may pass. */
export class Passing extends RuntimeError {
  /** Of the answer, where one came. */
  readonly status: number | undefined;
  /** How long the server wants to be left alone. */
  readonly pauseMs: number | undefined;
  /** Whether it may be the texts that the server fails at. */
  readonly isOfTexts: boolean;

  constructor(
    message: string,
    told: {
      status?: number;
      pauseMs?: number | undefined;
      isOfTexts?: boolean;
      cause?: unknown;
    } = {},
  ) {
    const { cause, isOfTexts = false, pauseMs, status } = told;
    const data = status === undefined ? {} : { status };
    super('EMBEDDER_UNAVAILABLE', message, { data, cause });
    this.status = status;
    this.pauseMs = pauseMs;
    this.isOfTexts = isOfTexts;
  }
}

export class Pace {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #breaking: CircuitBreakerPolicy;
  readonly #policy: IPolicy;
  /** No request before this time. */
  #openAtMs = 0;

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#breaking = circuitBreaker(
      handleWhen((thrown) => thrown instanceof Passing && thrown.status !== 429),
      {
        breaker: new ConsecutiveBreaker(limits.embedBreakerFailuresMax),
        halfOpenAfter: limits.embedBreakerMs,
      },
    );
    this.#policy = wrap(bulkhead(limits.embedCallsMax, limits.embedWaitingMax), this.#breaking);
  }

  /**
   * The result of `request` when its turn has come. Throws what it throws, EMBEDDER_UNAVAILABLE where it
   * is not asked at all, or the signal's reason, at once.
   */
  async turn<T>(request: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#passGate(signal);
    try {
      // What waited is part of the trace that it was asked in, not of that which made room for it.
      const asked = AsyncLocalStorage.bind(request);
      // cockatiel does not look at the signal of what waits in its queue.
      return await abortable(this.#policy.execute(asked, signal), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof Passing) this.#closeGate(thrown.pauseMs ?? 0);
      throw this.#failureOf(thrown);
    }
  }

  /** Nobody waits for a gate that opens after a call has to be over. */
  async #passGate(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const waitMs = this.#openAtMs - this.#clock.now();
      if (waitMs <= 0) return;
      if (waitMs >= this.#limits.embedTryMs) {
        throw new RuntimeError('EMBEDDER_UNAVAILABLE', `the model wants a pause of ${waitMs} ms`, {
          data: { retryAfterMs: waitMs },
        });
      }
      await this.#clock.sleep(waitMs, signal);
    }
  }

  #failureOf(thrown: unknown): unknown {
    if (thrown instanceof BulkheadRejectedError) {
      return unavailable('too many calls wait for the model', thrown);
    }
    if (!(thrown instanceof BrokenCircuitError)) return thrown;
    const last = this.#breaking.lastFailure;
    const { message } = toRuntimeError(last !== undefined && 'error' in last ? last.error : thrown);
    return unavailable(`the model is left alone for a while: ${message}`, thrown);
  }

  #closeGate(pauseMs: number): void {
    this.#openAtMs = Math.max(this.#openAtMs, this.#clock.now() + pauseMs);
  }
}

function unavailable(message: string, cause: Error): RuntimeError {
  return new RuntimeError('EMBEDDER_UNAVAILABLE', message, { cause });
}
