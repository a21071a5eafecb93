/**
 * Who lives: finds or wakes the actor that a message is for, bounds how many are awake, and puts the
 * idle to sleep.
 *
 * Both bounds, number and time, look only at the front of the order of use.
 */
import { Activation, type Surroundings } from './activation.ts';
import type { ActorDefinition, Routed } from './actor.ts';
import { Recency } from './core/recency.ts';
import { type StreamName, streamOf } from './envelope.ts';
import { RuntimeError } from './errors.ts';

export class Directory {
  readonly #actors: ReadonlyMap<string, ActorDefinition>;
  readonly #around: Surroundings;
  readonly #awake = new Map<StreamName, Activation>();
  readonly #byUse = new Recency<Activation>();

  constructor(actors: readonly ActorDefinition[], around: Surroundings) {
    this.#actors = new Map(actors.map((definition) => [definition.kind, definition]));
    this.#around = around;
  }

  /** How many actors are awake. */
  get size(): number {
    return this.#awake.size;
  }

  /** How many messages wait in their mailboxes; counted by looking at each. */
  get waitingMessages(): number {
    let waiting = 0;
    for (const activation of this.#awake.values()) waiting += activation.waitingMessages;
    return waiting;
  }

  /**
   * Hands a message to its actor, in the order of calls for any one actor. Resolves with the number of
   * its events when they are durable; rejects as `Activation.deliver`.
   */
  deliver({ address, envelope }: Routed): Promise<number> {
    const stream = streamOf(address);
    const activation = this.#awake.get(stream) ?? this.#wake(stream, address.kind);
    this.#byUse.use(activation);
    activation.lastUsedMs = this.#around.clock.now();
    return activation.deliver(envelope);
  }

  /** Puts to sleep who has been idle for limits.actorIdleMs, now and then, until aborted. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { clock, limits } = this.#around;
    while (!signal.aborted) {
      await clock.sleep(limits.actorSweepMs, signal);
      const idleSinceMs = clock.now() - limits.actorIdleMs;
      for (const activation of this.#byUse) {
        if (activation.lastUsedMs > idleSinceMs) break;
        if (activation.isIdle) this.#passivate(activation, 'idle');
      }
    }
  }

  /** Puts everybody to sleep. Called when nothing is in flight any more. */
  clear(): void {
    for (const activation of this.#byUse) this.#passivate(activation, 'drain');
  }

  #wake(stream: StreamName, kind: string): Activation {
    const definition = this.#actors.get(kind);
    if (definition === undefined) {
      throw new RuntimeError('INVARIANT_BROKEN', `no actor of kind ${kind} is hosted here`);
    }
    if (this.#awake.size >= this.#around.limits.activeActorsMax) this.#makeRoom();
    const activation = new Activation(stream, definition, this.#around);
    this.#awake.set(stream, activation);
    return activation;
  }

  /** The longest idle one goes. Those at work are no more than limits.inFlightMessagesMax. */
  #makeRoom(): void {
    for (const activation of this.#byUse) {
      if (!activation.isIdle) continue;
      this.#passivate(activation, 'bound');
      return;
    }
    throw new RuntimeError('BUS_SATURATED', 'every actor that may be awake is at work');
  }

  #passivate(activation: Activation, reason: 'idle' | 'bound' | 'drain'): void {
    const { stream } = activation;
    this.#awake.delete(stream);
    this.#byUse.remove(activation);
    this.#around.telemetry.record({ name: 'actor-passivated', stream, reason });
  }
}
