/**
 * How much the log of this process says: seen and changed while it runs, in every phase of the node. A
 * change for a while ends by itself; each is written to the log, whatever its level.
 */
import type { FastifyBaseLogger } from 'fastify';
import Type, { type Static } from 'typebox';
import { type Clock, limits } from '#runtime';
import { type Http, refusals } from './http.ts';
import { refuseOtherMethods } from './other-methods.ts';

const View = Type.Object({
  level: Type.String(),
  until: Type.Union([Type.String(), Type.Null()], {
    description: 'When it goes back to what the process began with; null: it stays.',
  }),
});

const Change = Type.Object(
  {
    level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    seconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: limits.logLevelSecondsMax,
        description: 'After which it goes back to what the process began with; absent: it stays.',
      }),
    ),
  },
  { additionalProperties: false },
);

export type LogLevelView = Static<typeof View>;

export function logLevelRoutes(app: Http, logger: FastifyBaseLogger, clock: Clock): void {
  const level = new LogLevel(logger, clock);
  const refuseTheRest = refuseOtherMethods(app);
  app.get(
    '/log-level',
    {
      schema: {
        tags: ['health'],
        summary: 'How much the log of this process says',
        response: { 200: View, ...refusals },
      },
    },
    async () => level.view(),
  );
  app.post(
    '/log-level',
    {
      schema: {
        tags: ['health'],
        summary: 'Change it, for a while or until the process ends',
        body: Change,
        response: { 200: View, ...refusals },
      },
    },
    async ({ body }) => {
      level.change(body.level, body.seconds ?? null);
      return level.view();
    },
  );
  app.addHook('onClose', async () => level.close());
  refuseTheRest();
}

class LogLevel {
  readonly #logger: FastifyBaseLogger;
  readonly #clock: Clock;
  readonly #first: string;
  #passing: { readonly abort: AbortController; readonly untilMs: number } | null = null;

  constructor(logger: FastifyBaseLogger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
    this.#first = logger.level;
  }

  view(): LogLevelView {
    const until = this.#passing === null ? null : new Date(this.#passing.untilMs).toISOString();
    return { level: this.#logger.level, until };
  }

  change(level: string, seconds: number | null): void {
    this.close();
    this.#set(level, seconds);
    if (seconds === null) return;
    const abort = new AbortController();
    this.#passing = { abort, untilMs: this.#clock.now() + seconds * 1_000 };
    this.#clock.sleep(seconds * 1_000, abort.signal).then(
      () => {
        this.#passing = null;
        this.#set(this.#first, null);
      },
      // Changed again, or the process ends.
      () => undefined,
    );
  }

  /** No timer is left running. */
  close(): void {
    this.#passing?.abort.abort();
    this.#passing = null;
  }

  #set(level: string, seconds: number | null): void {
    const from = this.#logger.level;
    // At this level the line is written, whichever the two are.
    this.#logger.level = 'info';
    this.#logger.info({ from, to: level, seconds }, 'log level changed');
    this.#logger.level = level;
  }
}
