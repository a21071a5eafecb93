/**
 * Queries whose results go to a session: they are answered 202 and told as QUERY_RESULT to those who follow
 * the feed with that session, on whatever node.
 *
 *     begin ─▶ under way (limits.sessionQueriesMax at most) ─▶ told: what was found, or why nothing was
 *
 * Q1: each query that begins is told exactly one result. Nothing keeps it: who does not follow by then has
 * missed it. Q2: a node that closes lets them finish for a while, then ends them with SHUTTING_DOWN, and
 * tells that.
 */
import type { QueryRequest } from '#projections';
import { type Chat, type Clock, type Limits, RuntimeError, toRuntimeError } from '#runtime';
import { answerOf } from './answer-events.ts';
import type { Backend } from './backend.ts';
import { errorIn, type Found, failure, foundIn, resultText } from './query-result.ts';

export interface SessionQuery {
  readonly tenantId: string;
  readonly sessionId: string;
  readonly queryId: string;
  readonly request: QueryRequest;
  /** What writes the answer; null where none is wanted. */
  readonly chat: Chat | null;
}

export class SessionQueries {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #abort = new AbortController();
  readonly #underWay = new Set<Promise<void>>();

  constructor(clock: Clock, limits: Limits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Begins one. Throws BUS_SATURATED above limits.sessionQueriesMax. */
  begin(backend: Backend, query: SessionQuery): void {
    const { size } = this.#underWay;
    if (size >= this.#limits.sessionQueriesMax) {
      throw new RuntimeError('BUS_SATURATED', `${size} queries of sessions are under way`);
    }
    const run = this.#run(backend, query).finally(() => this.#underWay.delete(run));
    this.#underWay.add(run);
  }

  /** Resolves when all that are under way are told. */
  async ended(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  /** Ends those that are under way. */
  abort(): void {
    this.#abort.abort(new RuntimeError('SHUTTING_DOWN', 'this node drains'));
  }

  /** Never rejects. */
  async #run(backend: Backend, query: SessionQuery): Promise<void> {
    const { broadcast, queryResultTopic: topic, telemetry } = backend;
    const startMs = this.#clock.now();
    try {
      const found = await this.#found(backend, query);
      const at = { startMs, endMs: this.#clock.now() };
      const text = resultText(query, found, at, this.#limits.broadcastCharsMax);
      await broadcast.publish({ tenantId: query.tenantId, topic }, [text]);
    } catch (thrown) {
      const error = toRuntimeError(thrown);
      telemetry.record({ name: 'background-failed', task: 'tell a query’s result', error });
    }
  }

  /** Never rejects: what fails is told. What was found before a model failed is told with it. */
  async #found({ retrieval }: Backend, query: SessionQuery): Promise<Found> {
    const { chat, request, tenantId } = query;
    const { signal } = this.#abort;
    let found: Found | null = null;
    try {
      const context = await retrieval.query(tenantId, request, signal);
      found = foundIn(context);
      if (chat === null) return found;
      const answer = await answerOf({ chat, question: request.q, context, signal });
      return { ...found, answer, citations: [...context.citations] };
    } catch (thrown) {
      return found === null ? failure(thrown) : { ...found, error: errorIn(thrown) };
    }
  }
}
