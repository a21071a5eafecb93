/** One check of one part of the node, in bounded time. */
import { type Clock, type ErrorCode, errorCatalogue, Question, toRuntimeError } from '#runtime';

export type Health = 'healthy' | 'degraded' | 'unhealthy';

export interface Found {
  /** Absent: `healthy`. */
  readonly status?: Health;
  /** Why it is not well. */
  readonly code?: ErrorCode;
  /** What to do about it. Absent: what the catalogue says of the code. */
  readonly hint?: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface Checked {
  readonly name: string;
  readonly status: Health;
  /** In the specification's form; `error` is a code of the catalogue, `hint` what to do, where it is not well. */
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
  readonly #question: Question<Found>;

  constructor(options: CheckOptions, clock: Clock) {
    this.name = options.name;
    this.#options = options;
    this.#clock = clock;
    this.#question = new Question(options.ask, clock);
  }

  /** Never rejects; what does not answer within `patienceMs` is not well. */
  async look(patienceMs: number): Promise<Checked> {
    const { failed, late, name } = this.#options;
    const startedMs = this.#clock.now();
    let found: Found;
    try {
      found = await this.#question.within(patienceMs, { status: failed, code: late, details: {} });
    } catch (thrown) {
      found = { status: failed, code: toRuntimeError(thrown).code, details: {} };
    }
    const { code, details, status = 'healthy' } = found;
    const hint = found.hint ?? (code && errorCatalogue[code].hint);
    return {
      name,
      status,
      details: {
        ...details,
        ...(code !== undefined && { error: code }),
        ...(hint !== undefined && { hint }),
      },
      durationMs: this.#clock.now() - startedMs,
    };
  }
}

/** The worst of all. */
export function worstOf(all: readonly Health[]): Health {
  if (all.includes('unhealthy')) return 'unhealthy';
  return all.includes('degraded') ? 'degraded' : 'healthy';
}
