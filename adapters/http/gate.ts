/**
 * Whether requests may come in.
 *
 *     starting ──open──▶ ready ──drain──▶ draining
 *
 * The server listens before its node is up, so that a sender who comes too early hears 503 and comes
 * again; a refused connection or a 4xx would lose a webhook for good. In `ready`, at most
 * limits.httpRequestsMax requests and limits.httpBodiesBytesMax of bodies are under way; what comes
 * beyond hears 503 too.
 */
import { type Limits, RuntimeError } from '#runtime';
import type { Backend } from './backend.ts';

export type Phase = 'starting' | 'ready' | 'draining';

export class Gate {
  readonly #limits: Limits;
  #backend: Backend | null = null;
  #phase: Phase = 'starting';
  #requests = 0;
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get phase(): Phase {
    return this.#phase;
  }

  open(backend: Backend): void {
    if (this.#phase !== 'starting') return;
    this.#backend = backend;
    this.#phase = 'ready';
  }

  drain(): void {
    this.#phase = 'draining';
  }

  /** Why nothing may come in now: NOT_READY or SHUTTING_DOWN; null while the node is up. */
  get refusal(): RuntimeError | null {
    if (this.#phase === 'draining') return new RuntimeError('SHUTTING_DOWN', 'this node drains');
    return this.#backend === null ? new RuntimeError('NOT_READY', 'this node is starting') : null;
  }

  /** The node, while it is up. Throws `refusal`. */
  get backend(): Backend {
    if (this.refusal !== null) throw this.refusal;
    return this.#backend!;
  }

  /** The node in whatever phase, for its health; null while it is starting. */
  get backendBehind(): Backend | null {
    return this.#backend;
  }

  /**
   * Lets a request with a body of so many bytes in. Answers with what must be called once, when it is
   * over. Throws `refusal` or BUS_SATURATED.
   */
  enter(bytes: number): () => void {
    if (this.refusal !== null) throw this.refusal;
    const { httpBodiesBytesMax, httpRequestsMax } = this.#limits;
    if (this.#requests >= httpRequestsMax || this.#bytes + bytes > httpBodiesBytesMax) {
      const message = `${this.#requests} requests of ${this.#bytes} bytes are under way`;
      throw new RuntimeError('BUS_SATURATED', message);
    }
    this.#requests += 1;
    this.#bytes += bytes;
    return () => {
      this.#requests -= 1;
      this.#bytes -= bytes;
    };
  }
}
