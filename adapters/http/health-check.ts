/**
 * One check of one part of the node: asked in bounded time, and never twice at a time. A part that does
 * not answer is not asked again until it has, so that who looks every second piles nothing up.
 */
import { type Clock, type ErrorCode, errorCatalogue, RuntimeError, toRuntimeError } from '#runtime';

export type Health = 'healthy' | 'degraded' | 'unhealthy';

export interface Found {
  /** Absent: `healthy`. */
  readonly status?: Health;
  /** Why it is not well. */
  readonly code?: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface Checked {
  readonly name: string;
  readonly status: Health;
  /** In the specification's form; `error` is a code of the catalogue, `hint` what to do. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly durationMs: number;
}

interface CheckOptions {
  readonly name: string;
  readonly ask: () => Promise<Found>;
  /** What it means for the node when there is no answer, or a refusal. */
  readonly failed: Exclude<Health, 'healthy'>;
  /** The code of no answer in time. */
  readonly late: ErrorCode;
}

export class Check {
  readonly name: string;
  readonly #options: CheckOptions;
  readonly #clock: Clock;
  #asking: Promise<Found> | null = null;

  constructor(options: CheckOptions, clock: Clock) {
    this.name = options.name;
    this.#options = options;
    this.#clock = clock;
  }

  /** Never rejects; what does not answer within `patienceMs` is not well. */
  async look(patienceMs: number): Promise<Checked> {
    const { failed, name } = this.#options;
    const startedMs = this.#clock.now();
    let found: Found;
    try {
      found = await this.#inTime(patienceMs);
    } catch (thrown) {
      found = { status: failed, code: toRuntimeError(thrown).code, details: {} };
    }
    const { code, details, status = 'healthy' } = found;
    return {
      name,
      status,
      details: {
        ...details,
        ...(code !== undefined && { error: code, hint: errorCatalogue[code].hint }),
      },
      durationMs: this.#clock.now() - startedMs,
    };
  }

  async #inTime(patienceMs: number): Promise<Found> {
    this.#asking ??= this.#ask();
    const patience = new AbortController();
    const { late, name } = this.#options;
    const timeout = this.#clock.sleep(patienceMs, patience.signal).then(
      () => Promise.reject(new RuntimeError(late, `${name} did not answer in ${patienceMs} ms`)),
      // Answered in time: the race is over.
      () => new Promise<never>(() => undefined),
    );
    try {
      return await Promise.race([this.#asking, timeout]);
    } finally {
      patience.abort();
    }
  }

  async #ask(): Promise<Found> {
    try {
      return await this.#options.ask();
    } finally {
      this.#asking = null;
    }
  }
}

/** The worst of all. */
export function worstOf(all: readonly Health[]): Health {
  if (all.includes('unhealthy')) return 'unhealthy';
  return all.includes('degraded') ? 'degraded' : 'healthy';
}
