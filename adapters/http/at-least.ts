/**
 * `atLeast`: a reader who knows a position of the log, since it wrote there or was told of it, asks for an
 * answer that holds everything up to there.
 *
 *     POST /commands ─▶ 202, x-log-position: 478 ─▶ GET /entities/a?atLeast=478 ─▶ what was written is there
 *
 * The answer waits for the rows, limits.atLeastWaitMs at most; then it is POSITION_NOT_REACHED with where
 * graph and index are. Answers of the graph say where it stood in `x-graph-position`, waited for or not:
 * everything up to there is in them, perhaps more.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import Type from 'typebox';
import { graphProjection } from '#projections';
import { type Limits, RuntimeError } from '#runtime';
import type { Backend } from './backend.ts';
import type { Gate } from './gate.ts';

export const atLeastParameter = {
  atLeast: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        'A position of the log, such as `x-log-position` of a write or `position` of a notification: ' +
        'the answer waits until everything up to there is in it.',
    }),
  ),
};

/** What an answer is made of, beside the graph. */
export interface Wanted {
  readonly atLeast?: number | undefined;
  readonly isIndexWanted: boolean;
}

export class AtLeast {
  readonly #gate: Gate;
  readonly #limits: Limits;

  constructor(gate: Gate, limits: Limits) {
    this.#gate = gate;
    this.#limits = limits;
  }

  /** The `preHandler` of routes that read the graph. */
  readonly graph = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const { atLeast } = request.query as { readonly atLeast?: number };
    await this.reached(reply, { atLeast, isIndexWanted: false });
  };

  /**
   * Resolves when graph and index hold all that is wanted. Throws REQUEST_INVALID for a position that the
   * log does not have, POSITION_NOT_REACHED, or what keeps the log or the read store from saying.
   */
  async reached(reply: FastifyReply, wanted: Wanted): Promise<void> {
    const { backend } = this.#gate;
    const { progress } = backend.runtime.projector(graphProjection.name);
    try {
      if (wanted.atLeast !== undefined) await this.#wait(reply, wanted.atLeast, wanted);
    } finally {
      reply.header('x-graph-position', progress.position);
    }
  }

  async #wait(reply: FastifyReply, atLeast: number, { isIndexWanted }: Wanted): Promise<void> {
    const { backend } = this.#gate;
    const { progress } = backend.runtime.projector(graphProjection.name);
    const index = isIndexWanted ? backend.index : null;
    if (progress.position < atLeast) await assertInLog(backend, atLeast);
    else if (index === null) return;
    const late = AbortSignal.timeout(this.#limits.atLeastWaitMs);
    const signal = AbortSignal.any([late, leavingOf(reply)]);
    try {
      await progress.reached(atLeast, signal);
      await index?.reached(atLeast, signal);
    } catch (thrown) {
      throw late.aborted ? await notReached(backend, atLeast) : thrown;
    }
  }
}

/**
 * Tells a writer the position to read its write at: the end of the log once the messages are handled. With
 * a broker they are only stored by now, and nobody knows it yet. Throws LOG_UNAVAILABLE: what is sent again
 * has no effect twice.
 */
export async function tellPosition(reply: FastifyReply, backend: Backend): Promise<void> {
  if (!backend.isHandledWhenPublished) return;
  reply.header('x-log-position', await backend.log.head());
}

/** Aborted when the client has gone, so that nothing is worked out for nobody; also once it is answered. */
export function leavingOf({ raw }: FastifyReply): AbortSignal {
  const left = new AbortController();
  const leave = () => left.abort(new RuntimeError('REQUEST_TIMEOUT', 'the client has gone'));
  if (raw.destroyed) leave();
  else raw.once('close', leave);
  return left.signal;
}

async function assertInLog({ log }: Backend, atLeast: number): Promise<void> {
  const head = await log.head();
  if (atLeast <= head) return;
  throw new RuntimeError('REQUEST_INVALID', `atLeast is ${atLeast}, and the log ends at ${head}`, {
    data: { atLeast, head },
  });
}

async function notReached(backend: Backend, atLeast: number): Promise<RuntimeError> {
  const graph = backend.runtime.projector(graphProjection.name).progress.position;
  const index = (await backend.index?.position()) ?? null;
  const message = `the graph is at ${graph}, the index ${index === null ? 'is off' : `at ${index}`}`;
  return new RuntimeError('POSITION_NOT_REACHED', message, { data: { atLeast, graph, index } });
}
