/**
 * One connection to a namespace at a time, and patience with it.
 *
 * The client comes back by itself after an outage, as a rule. But what it was asked while a connection
 * broke may wait for a minute, and block the same question after it; it waits two minutes for a broker
 * that has stopped answering; and some of those waits end in rejections that nobody handles, which would
 * end the process. So here every question has its time, and a connection that broke, or did not answer
 * in time and was broken for it, is left with its client: what is asked next is asked on new ones.
 */
import type { Socket } from 'node:net';
import { DefaultAzureCredential } from '@azure/identity';
import { ServiceBusClient } from '@azure/service-bus';
import { type Clock, type Limits, RuntimeError } from '#runtime';

/**
 * By connection string, or by the identity that the process has (managed identity, workload identity,
 * `az login`), whose roles are Azure Service Bus Data Sender and Receiver.
 */
export type Access =
  | { readonly connectionString: string }
  /** The namespace's full host name, `<name>.servicebus.windows.net`. */
  | { readonly namespace: string };

export interface LineOptions {
  readonly access: Access;
  /** The client's own time for everything that it takes a time for. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly limits: Limits;
}

/** What is looked at of the client's inside; it has no other way to see or break a connection. */
interface ClientInside {
  readonly _connectionContext?: {
    readonly connection?: { readonly _connection?: { readonly socket?: Socket } };
  };
}

/** The first look for a connection in the making, and the longest time between two later ones. */
const firstLookMs = 5;
const lookMs = 250;

export class Line {
  readonly #options: LineOptions;
  /** Of those who asked and wait. */
  readonly #waiting = new Set<(error: RuntimeError) => void>();
  readonly #onRenewal = new Set<() => void>();
  #client: ServiceBusClient;
  #socket: Socket | null = null;
  #isClosed = false;

  /** Throws CONFIG_INVALID. */
  constructor(options: LineOptions) {
    this.#options = options;
    this.#client = clientOf(options);
  }

  /** The client of today; it connects when it is first used. What is made with it ends with it. */
  get client(): ServiceBusClient {
    return this.#client;
  }

  /** Calls back when there is a new client. */
  whenRenewed(callback: () => void): void {
    this.#onRenewal.add(callback);
  }

  /**
   * The broker's answer. Throws what the client throws, or BUS_UNAVAILABLE where the connection breaks
   * or there is none after `patienceMs`; what comes later comes to nobody.
   */
  async ask<T>(
    question: () => Promise<T>,
    patienceMs: number = this.#options.limits.busAnswerMs,
  ): Promise<T> {
    const { client } = this;
    this.#look();
    const patience = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.add(reject);
    question().then(resolve, reject);
    this.#watch(patienceMs, patience.signal).then(
      () => {
        const error = new RuntimeError('BUS_UNAVAILABLE', 'the broker does not answer');
        reject(error);
        // A question of an earlier client says nothing about the connection of this one.
        if (client === this.#client) this.#look()?.destroy(error);
      },
      () => undefined,
    );
    try {
      return await promise;
    } finally {
      patience.abort();
      this.#waiting.delete(reject);
      this.#look();
    }
  }

  /**
   * Waits for a goodbye to be heard, limits.busAnswerMs at most; what goes wrong with it is of no use to
   * anybody any more.
   */
  async farewell(goodbye: () => Promise<unknown>): Promise<void> {
    const { clock, limits } = this.#options;
    const patience = new AbortController();
    const late = clock.sleep(limits.busAnswerMs, patience.signal);
    await Promise.race([Promise.allSettled([goodbye()]), Promise.allSettled([late])]);
    patience.abort();
  }

  /** Says goodbye, and hangs up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.farewell(() => this.#client.close());
    // With an error, or the client's protocol library would not take note.
    this.#look()?.destroy(new RuntimeError('SHUTTING_DOWN', 'the line is closed'));
  }

  /** Resolves when the time is over; looks meanwhile for the connection, which may only be in the making. */
  async #watch(ms: number, signal: AbortSignal): Promise<void> {
    for (let passedMs = 0; passedMs < ms; ) {
      const stepMs = Math.min(ms - passedMs, Math.max(firstLookMs, passedMs), lookMs);
      await this.#options.clock.sleep(stepMs, signal);
      this.#look();
      passedMs += stepMs;
    }
  }

  /** The socket of the connection that stands now; one that was not seen before is prepared. */
  #look(): Socket | undefined {
    const inside = this.#client as unknown as ClientInside;
    const socket = inside._connectionContext?.connection?._connection?.socket;
    if (socket !== undefined && socket !== this.#socket) {
      this.#socket = socket.once('close', () => this.#broke(socket));
      writeTogether(socket);
    }
    return socket;
  }

  #broke(socket: Socket): void {
    if (socket !== this.#socket || this.#isClosed) return;
    this.#socket = null;
    const left = this.#client;
    this.#client = clientOf(this.#options);
    // It has nothing to close any more; this ends what it would try again.
    void Promise.allSettled([left.close()]);
    const error = new RuntimeError('BUS_UNAVAILABLE', 'the connection to the broker broke');
    for (const reject of this.#waiting) reject(error);
    for (const callback of this.#onRenewal) callback();
  }
}

/**
 * The client's protocol library writes frame by frame. What is written in one turn of the event loop
 * goes out together, and then without delay: else the second of two small writes would wait for the first
 * to be acknowledged (40 ms, three times for every shard), or every settlement would be a packet.
 */
function writeTogether(socket: Socket): void {
  const write = socket.write.bind(socket);
  socket.setNoDelay(true).write = ((...parts: Parameters<typeof write>) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      setImmediate(() => socket.uncork());
    }
    return write(...parts);
  }) as typeof socket.write;
}

/** Everything is tried once: repeating is for those who know what may be repeated. */
function clientOf({ access, timeoutMs }: LineOptions): ServiceBusClient {
  const retryOptions = { maxRetries: 0, timeoutInMs: timeoutMs, retryDelayInMs: 500 };
  try {
    return 'connectionString' in access
      ? new ServiceBusClient(access.connectionString, { retryOptions })
      : new ServiceBusClient(access.namespace, new DefaultAzureCredential(), { retryOptions });
  } catch {
    // Without its cause: the client quotes what it can't read, which may be a key.
    throw new RuntimeError('CONFIG_INVALID', 'the access to Service Bus has the wrong form');
  }
}
