/** Broadcast within this process; what is published is heard before `publish` resolves. */
import {
  type Broadcast,
  type Channel,
  channelText,
  type Limits,
  type Listener,
  Listeners,
  type Published,
  limits as standardLimits,
  type Telemetry,
} from '#runtime';

export interface MemoryBroadcastOptions {
  readonly telemetry: Telemetry;
  readonly limits?: Partial<Limits>;
}

export class MemoryBroadcast implements Broadcast {
  readonly #limits: Limits;
  readonly #telemetry: Telemetry;
  readonly #listeners: Listeners;

  constructor({ limits, telemetry }: MemoryBroadcastOptions) {
    this.#limits = { ...standardLimits, ...limits };
    this.#telemetry = telemetry;
    this.#listeners = new Listeners({
      max: this.#limits.broadcastListenersMax,
      onFailure: (error) =>
        telemetry.record({ name: 'background-failed', task: 'listen to a broadcast', error }),
    });
  }

  async publish(channel: Channel, messages: readonly string[]): Promise<Published> {
    const name = channelText(channel);
    const sent = messages.filter(({ length }) => length <= this.#limits.broadcastCharsMax);
    for (const message of sent) this.#listeners.message(name, message);
    if (sent.length === messages.length) return 'sent';
    const dropped = messages.length - sent.length;
    this.#telemetry.record({ name: 'broadcast-dropped', channel: name, messages: dropped });
    this.#listeners.allMissed();
    return 'dropped';
  }

  subscribe(channel: Channel, listener: Listener): () => void {
    const name = channelText(channel);
    const listening = this.#listeners.add(name, listener);
    listening.missed();
    return listening.end;
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }
}
