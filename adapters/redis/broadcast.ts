/**
 * Broadcast over Redis: PUBLISH, and SPUBLISH on a Cluster, to `PREFIX:TOPIC:TENANT`.
 *
 * Nothing waits for Redis. A message is written to the connection at once, or dropped: because Redis is
 * away, or does not keep up. Who drops owes a notice, which every node hears on `PREFIX:missed` when Redis
 * takes it, and all listeners are told that they missed something. So does a node whose own line was lost
 * for a while (`hearing.ts`), for its own listeners.
 */
import {
  type Broadcast,
  backoffMs,
  type Channel,
  type Clock,
  channelText,
  type Ids,
  type Limits,
  type Listener,
  Listeners,
  type Published,
  RuntimeError,
  type Telemetry,
} from '#runtime';
import type { RedisConnection } from './connection.ts';
import { Hearing } from './hearing.ts';

export interface RedisBroadcastOptions {
  /** For commands; whoever made it closes it, after the broadcast. */
  readonly connection: RedisConnection;
  readonly prefix: string;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
}

export class RedisBroadcast implements Broadcast {
  readonly #options: RedisBroadcastOptions;
  readonly #listeners: Listeners;
  readonly #hearing: Hearing;
  readonly #notices: string;
  readonly #closing = new AbortController();
  /** Written and not answered for. */
  #waiting = 0;
  #owesNotice = false;
  #notifying: Promise<void> | null = null;

  constructor(options: RedisBroadcastOptions) {
    this.#options = options;
    const { clock, connection, ids, limits, prefix, telemetry } = options;
    this.#listeners = new Listeners({
      max: limits.broadcastListenersMax,
      onFailure: (error) =>
        telemetry.record({ name: 'background-failed', task: 'listen to a broadcast', error }),
    });
    this.#notices = `${prefix}:missed`;
    this.#hearing = new Hearing({
      connection,
      clock,
      ids,
      limits,
      onMessage: (channel, text) => {
        if (channel === this.#notices) this.#listeners.allMissed();
        else this.#listeners.message(channel, text);
      },
      onHeard: (channel) => {
        if (channel === this.#notices) this.#listeners.allMissed((one) => this.#hears(one));
        else if (this.#hears(channel)) this.#listeners.missed(channel);
      },
    });
    this.#hearing.hear(this.#notices);
  }

  async publish(channel: Channel, messages: readonly string[]): Promise<Published> {
    const name = this.#name(channel);
    const { connection, limits, telemetry } = this.#options;
    const room = Math.max(0, limits.broadcastWaitingMax - this.#waiting);
    const isSendable = connection.isReady && !this.#closing.signal.aborted;
    const sent = isSendable
      ? messages.slice(0, room).filter(({ length }) => length <= limits.broadcastCharsMax)
      : [];
    this.#waiting += sent.length;
    const outcomes = await Promise.allSettled(sent.map((message) => this.#send(name, message)));
    this.#waiting -= sent.length;
    const dropped =
      messages.length - outcomes.filter(({ status }) => status === 'fulfilled').length;
    if (dropped === 0) return 'sent';
    telemetry.record({ name: 'broadcast-dropped', channel: name, messages: dropped });
    this.#owesNotice = true;
    this.#notifying ??= this.#notify();
    return 'dropped';
  }

  subscribe(channel: Channel, listener: Listener): () => void {
    const name = this.#name(channel);
    if (this.#closing.signal.aborted) {
      throw new RuntimeError('SHUTTING_DOWN', 'the broadcast is closed');
    }
    const isFirst = !this.#listeners.has(name);
    const listening = this.#listeners.add(name, listener);
    if (isFirst) this.#hearing.hear(name);
    // Else it is told with the others, when the channel is heard.
    else if (this.#hears(name)) listening.missed();
    return () => {
      if (!this.#listeners.has(name)) return;
      listening.end();
      if (!this.#listeners.has(name)) this.#hearing.forget(name);
    };
  }

  async close(): Promise<void> {
    this.#closing.abort(new RuntimeError('SHUTTING_DOWN', 'the broadcast is closed'));
    this.#listeners.clear();
    await Promise.all([this.#hearing.close(), this.#notifying]);
  }

  /** Who does not hear notices yet may miss something and not know it: that is not hearing. */
  #hears(channel: string): boolean {
    return this.#hearing.isHeard(this.#notices) && this.#hearing.isHeard(channel);
  }

  #name(channel: Channel): string {
    return `${this.#options.prefix}:${channelText(channel)}`;
  }

  #send(channel: string, text: string): Promise<unknown> {
    const { client, isCluster } = this.#options.connection;
    return isCluster ? client.spublish(channel, text) : client.publish(channel, text);
  }

  /** Tells all nodes that something was dropped, once nothing more is, as soon as Redis takes it. */
  async #notify(): Promise<void> {
    const { clock, connection, ids, limits } = this.#options;
    const backoff = { baseMs: limits.retryBaseMs, capMs: limits.redisRetryCapMs };
    for (let attempt = 1; this.#owesNotice && !this.#closing.signal.aborted; attempt++) {
      const pauseMs = backoffMs(attempt, backoff, ids.chance());
      await Promise.allSettled([clock.sleep(pauseMs, this.#closing.signal)]);
      if (!connection.isReady) continue;
      this.#owesNotice = false;
      const [outcome] = await Promise.allSettled([this.#send(this.#notices, '')]);
      if (outcome.status === 'rejected') this.#owesNotice = true;
    }
    this.#notifying = null;
  }
}
