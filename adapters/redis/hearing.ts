/**
 * The channels that this node wants to hear, on connections of their own, and which of them it hears now.
 *
 *     wanted ──asked for──▶ heard ──the line is lost, or the channel moved──▶ wanted
 *
 * A server, or the master of Sentinels, has one line for all channels. On a Cluster channels are sharded:
 * each lies in a slot, and there is a line to every server that has a slot of one. A channel that is heard
 * (again) is told of, since what was published meanwhile has passed it by.
 *
 * A line is asked for a sign of life regularly: one that is cut off would else be silent for ever, as one
 * without messages is.
 */
import { Cluster } from 'ioredis';
import { backoffMs, type Clock, type Ids, type Limits, RuntimeError } from '#runtime';
import type { RedisConnection } from './connection.ts';
import { slotOf } from './slot.ts';

export interface HearingOptions {
  /** For commands; on a Cluster it knows which server has which slot. */
  readonly connection: RedisConnection;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: Limits;
  readonly onMessage: (channel: string, text: string) => void;
  /** From here on the channel is heard; called again each time that it was not for a while. */
  readonly onHeard: (channel: string) => void;
}

interface Wanted {
  /** Where it was asked for last. */
  line: RedisConnection | null;
  isHeard: boolean;
}

/** The one line where there is no Cluster. */
const everywhere = '';

export class Hearing {
  readonly #options: HearingOptions;
  readonly #wanted = new Map<string, Wanted>();
  /** By server of the Cluster. */
  readonly #lines = new Map<string, RedisConnection>();
  readonly #closing = new AbortController();
  #alarm = new AbortController();
  #work: Promise<void> | null = null;
  readonly #beating: Promise<void>;
  readonly #deafen: () => void;

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#beating = this.#beat();
    this.#deafen = options.connection.whenReady(() => this.#wake());
  }

  hear(channel: string): void {
    this.#wanted.set(channel, { line: null, isHeard: false });
    this.#wake();
  }

  isHeard(channel: string): boolean {
    return this.#wanted.get(channel)?.isHeard ?? false;
  }

  forget(channel: string): void {
    const line = this.#wanted.get(channel)?.line ?? null;
    this.#wanted.delete(channel);
    if (line === null || !line.isReady) return;
    const { client } = line;
    const leaving = line.isCluster ? client.sunsubscribe(channel) : client.unsubscribe(channel);
    // Where that fails the line is lost, and the subscription with it.
    void Promise.allSettled([leaving]);
  }

  async close(): Promise<void> {
    this.#closing.abort(new RuntimeError('SHUTTING_DOWN', 'nothing is heard any more'));
    this.#deafen();
    this.#wanted.clear();
    for (const line of this.#lines.values()) line.close();
    await Promise.all([this.#work, this.#beating]);
  }

  /** Looks now for what is not heard. */
  #wake(): void {
    if (this.#closing.signal.aborted) return;
    this.#alarm.abort();
    this.#work ??= this.#hearAll();
  }

  async #hearAll(): Promise<void> {
    const { ids, limits } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.redisRetryCapMs };
    // After the calls of this moment, so that they share the first round.
    await Promise.resolve();
    for (let attempt = 1; !this.#closing.signal.aborted; attempt++) {
      this.#alarm = new AbortController();
      const missing = [...this.#wanted].filter(([, { isHeard }]) => !isHeard);
      await Promise.all(missing.map(([channel, wanted]) => this.#ask(channel, wanted)));
      // In the same turn as the last look: who wants something from now on begins anew.
      if ([...this.#wanted.values()].every(({ isHeard }) => isHeard)) break;
      await this.#pause(backoffMs(attempt, backoff, ids.chance()), this.#alarm.signal);
    }
    this.#work = null;
    this.#prune();
  }

  async #ask(channel: string, wanted: Wanted): Promise<void> {
    const line = this.#lineFor(channel);
    if (line === null || !line.isReady) return;
    wanted.line = line;
    const { client } = line;
    try {
      await (this.#options.connection.isCluster
        ? client.ssubscribe(channel)
        : client.subscribe(channel));
    } catch {
      // It stays wanted, and is asked for again; a slot that has moved is looked for first.
      this.#refresh();
      return;
    }
    if (this.#wanted.get(channel) !== wanted || !line.isReady) return;
    wanted.isHeard = true;
    this.#options.onHeard(channel);
  }

  /** Null while nobody is known to have the channel's slot. */
  #lineFor(channel: string): RedisConnection | null {
    const { client } = this.#options.connection;
    const server = client instanceof Cluster ? client.slots[slotOf(channel)]?.[0] : everywhere;
    if (server === undefined) return null;
    return this.#lines.get(server) ?? this.#open(server);
  }

  #open(server: string): RedisConnection {
    const { connection, onMessage } = this.#options;
    const line = connection.another('listen', server === everywhere ? undefined : server);
    this.#lines.set(server, line);
    line.client.on('message', onMessage);
    line.client.on('smessage', onMessage);
    line.whenReady(() => this.#wake());
    line.whenLost(() => this.#lost(server, line));
    // The server has taken us off channels, since their slot is another's now.
    line.client.on('moved', () => {
      this.#refresh();
      this.#unhear(line);
    });
    return line;
  }

  #lost(server: string, line: RedisConnection): void {
    this.#unhear(line);
    if (server === everywhere) return;
    // Its slots may be another's by now: whoever has them gets a line of its own.
    line.close();
    this.#lines.delete(server);
    this.#refresh();
  }

  #unhear(line: RedisConnection): void {
    for (const wanted of this.#wanted.values()) {
      if (wanted.line === line) wanted.isHeard = false;
    }
    this.#wake();
  }

  /** Hangs up on servers of the Cluster that have no channel of ours any more. */
  #prune(): void {
    const used = new Set([...this.#wanted.values()].map(({ line }) => line));
    for (const [server, line] of this.#lines) {
      if (server === everywhere || used.has(line)) continue;
      line.close();
      this.#lines.delete(server);
    }
  }

  #refresh(): void {
    const { client } = this.#options.connection;
    if (client instanceof Cluster) client.refreshSlotsCache();
  }

  /** A server that does not answer is found silent by its connection, which then is lost. */
  async #beat(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      for (const line of this.#lines.values()) {
        if (line.isReady) void Promise.allSettled([line.check()]);
      }
      await this.#pause(this.#options.limits.redisSilenceMs / 2, this.#closing.signal);
    }
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const any = AbortSignal.any([signal, this.#closing.signal]);
    await Promise.allSettled([this.#options.clock.sleep(ms, any)]);
  }
}
