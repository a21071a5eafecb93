/**
 * One connection to Redis: a server, the master that Sentinels name, or a Cluster.
 *
 *     connecting ──▶ ready ──▶ lost ──(backoff with jitter, for ever)──▶ connecting
 *
 * It comes back by itself. While it is not ready nothing waits in it: whatever is asked fails at once,
 * and what was asked when it broke has failed (its outcome is unknown, and it is not asked again by
 * itself). An answer that does not come within limits.redisAnswerMs is a failure too, and a server that
 * says nothing for limits.redisSilenceMs is left and connected to anew, so that one which is frozen or
 * cut off is noticed as one that hung up is.
 *
 * A Cluster is ready when all its masters are. So a command never waits for one of them and is overtaken.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { backoffMs, type Ids, type Limits, RuntimeError, type Telemetry } from '#runtime';
import { unavailable } from './failure.ts';

export interface RedisPlace {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is and how to enter. Exactly one of `url`, `sentinels` and `clusterNodes`. */
export interface RedisAccess {
  /** `redis://[user:password@]host[:port][/database]`; `rediss://` is TLS. */
  readonly url?: string;
  readonly sentinels?: { readonly master: string; readonly places: readonly RedisPlace[] };
  /** Some nodes of a Cluster; they name the others. */
  readonly clusterNodes?: readonly RedisPlace[];
  readonly username?: string;
  /** Before one in the URL. */
  readonly password?: string;
  /** Of the Sentinels themselves, where they ask for one. */
  readonly sentinelPassword?: string;
  /** Before one in the URL. A Cluster has 0 only. */
  readonly db?: number;
  /** TLS to every place, with the certificate authorities that Node trusts. */
  readonly tls?: boolean;
}

export interface ConnectionOptions {
  readonly access: RedisAccess;
  /** Names the connection in Redis (`CLIENT LIST`) and in what is told of it. */
  readonly name: string;
  readonly ids: Ids;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
  /** The longest that a command of this connection may block in Redis (`BLOCK`); default: none does. */
  readonly blockMs?: number;
}

export type RedisClient = Redis | Cluster;

/** Replies stay as they always were; that is a type's parameter in ioredis, and none here. */
type ServerOptions = Omit<RedisOptions, 'replyMapping'>;

export class RedisConnection {
  /** For commands. Rejections are ioredis's; `unavailable` puts them into the catalogue's words. */
  readonly client: RedisClient;
  readonly #options: ConnectionOptions;
  readonly #onReady = new Set<() => void>();
  readonly #onLost = new Set<() => void>();
  #wasReady = false;
  #isTold = false;
  #isClosed = false;
  #again: NodeJS.Timeout | undefined;

  /** Starts to connect. Throws CONFIG_INVALID for a URL that is none. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.client = clientOf(options);
    this.client.on('ready', () => this.#look());
    this.client.on('close', () => this.#lost(new Error('the connection closed')));
    this.client.on('error', (error: Error) => this.#lost(error));
    this.client.on('end', () => this.#ended());
    if (this.client instanceof Cluster) this.#watch(this.client);
  }

  get isReady(): boolean {
    const { client } = this;
    if (client.status !== 'ready') return false;
    if (!(client instanceof Cluster)) return true;
    return client.nodes('master').every(({ status }) => status === 'ready');
  }

  get isCluster(): boolean {
    return this.client.isCluster;
  }

  /** Calls back each time it becomes ready; at once where it is. Answers a function that ends that. */
  whenReady(callback: () => void): () => void {
    this.#onReady.add(callback);
    if (this.isReady) callback();
    return () => this.#onReady.delete(callback);
  }

  /** Calls back each time that it was ready and is no more, unless it was closed. */
  whenLost(callback: () => void): () => void {
    this.#onLost.add(callback);
    return () => this.#onLost.delete(callback);
  }

  /** Asks whether Redis answers. Rejects with REDIS_UNAVAILABLE. */
  async check(): Promise<void> {
    try {
      await this.client.ping();
    } catch (thrown) {
      throw unavailable(thrown, `asking Redis (${this.#options.name})`);
    }
  }

  /** Another one to the same Redis, or to one server of its Cluster (`host:port`). */
  another(name: string, server?: string): RedisConnection {
    const { clusterNodes, ...entry } = this.#options.access;
    const access = server === undefined ? this.#options.access : { ...entry, url: urlOf(server) };
    return new RedisConnection({ ...this.#options, name, access });
  }

  /** Hangs up; what is under way fails. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#again);
    this.client.disconnect();
  }

  /** Connects to each server when the Cluster is known, not when it is first needed. */
  #watch(cluster: Cluster): void {
    const look = () => {
      for (const server of cluster.status === 'ready' ? cluster.nodes('master') : []) {
        // How it ends is seen by its events.
        if (server.status === 'wait') void Promise.allSettled([server.connect()]);
      }
      this.#look();
    };
    cluster.on('+node', (server: Redis) => server.on('ready', look).on('close', look));
    cluster.on('-node', look);
    cluster.on('ready', look);
    cluster.on('refresh', look);
  }

  /** Tells how it stands where that has changed. */
  #look(): void {
    const { isReady } = this;
    if (this.#wasReady && !isReady) this.#lost(new Error('a server of the Cluster is away'));
    if (this.#wasReady || !isReady || this.#isClosed) return;
    this.#wasReady = true;
    if (this.#isTold) {
      this.#isTold = false;
      this.#options.telemetry.record({ name: 'redis-back', connection: this.#options.name });
    }
    for (const callback of this.#onReady) callback();
  }

  /** The client gives up for some reasons of its own; that is not for it to decide. */
  #ended(): void {
    if (this.#isClosed) return;
    this.#again = setTimeout(() => {
      // Where that fails it has ended again.
      void Promise.allSettled([this.client.connect()]);
    }, this.#options.limits.redisRetryCapMs);
  }

  /** Once an outage, with the first that is known of it. */
  #lost(error: Error): void {
    if (this.#isClosed || this.isReady) return;
    if (!this.#isTold) {
      this.#isTold = true;
      const { name: connection, telemetry } = this.#options;
      telemetry.record({ name: 'redis-away', connection, error: unavailable(error, connection) });
    }
    if (!this.#wasReady) return;
    this.#wasReady = false;
    for (const callback of this.#onLost) callback();
  }
}

function clientOf(options: ConnectionOptions): RedisClient {
  const { access } = options;
  const common = commonOf(options);
  const retryStrategy = retryOf(options);
  const alone: ServerOptions = { ...common, retryStrategy, enableOfflineQueue: false };
  const { clusterNodes, sentinels, url } = access;
  if (clusterNodes !== undefined) {
    return new Cluster([...clusterNodes], clusterOf(options, common));
  }
  if (sentinels !== undefined) {
    return new Redis({
      ...alone,
      sentinels: [...sentinels.places],
      name: sentinels.master,
      sentinelRetryStrategy: retryStrategy,
      sentinelCommandTimeout: options.limits.redisConnectMs,
      ...(access.sentinelPassword !== undefined && { sentinelPassword: access.sentinelPassword }),
      ...(access.tls === true && { enableTLSForSentinelMode: true, sentinelTLS: {} }),
    });
  }
  return new Redis({ ...placeOf(url), ...alone });
}

/** What holds for a connection to any one server. */
function commonOf({ access, blockMs, limits, name }: ConnectionOptions): ServerOptions {
  return {
    connectionName: name,
    connectTimeout: limits.redisConnectMs,
    socketTimeout: limits.redisSilenceMs + (blockMs ?? 0),
    commandTimeout: limits.redisAnswerMs + (blockMs ?? 0),
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // A replica that was the master until now: look for the new one.
    reconnectOnError: (error) => /^(READONLY|UNBLOCKED)/.test(error.message),
    ...(access.username !== undefined && { username: access.username }),
    ...(access.password !== undefined && { password: access.password }),
    ...(access.db !== undefined && { db: access.db }),
    ...(access.tls === true && { tls: {} }),
  };
}

function clusterOf(options: ConnectionOptions, { db: _, ...common }: ServerOptions) {
  return {
    redisOptions: common,
    clusterRetryStrategy: retryOf(options),
    clusterNodeRetryStrategy: retryOf(options),
    enableOfflineQueue: false,
    // Who asks repeats, or not.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshInterval: options.limits.redisRetryCapMs,
    // A certificate is made out to a name; looking it up would leave an address.
    ...(options.access.tls === true && { dnsLookup: (address, done) => done(null, address) }),
  } satisfies ClusterOptions;
}

function retryOf({ ids, limits }: ConnectionOptions): (times: number) => number {
  const backoff = { baseMs: limits.retryBaseMs, capMs: limits.redisRetryCapMs };
  return (times) => backoffMs(times, backoff, ids.chance());
}

/** Of a place as Redis writes it, whose IPv6 addresses have no brackets. */
function urlOf(server: string): string {
  const colon = server.lastIndexOf(':');
  const host = server.slice(0, colon);
  return `redis://${host.includes(':') ? `[${host}]` : host}:${server.slice(colon + 1)}`;
}

function placeOf(text: string | undefined): ServerOptions {
  if (text === undefined || !URL.canParse(text)) {
    // Without quoting it: it may hold a password.
    throw new RuntimeError('CONFIG_INVALID', 'the access to Redis has the wrong form');
  }
  const { hostname, password, pathname, port, protocol, username } = new URL(text);
  const db = pathname.slice(1);
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1',
    port: port === '' ? 6379 : Number(port),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(/^\d+$/.test(db) && { db: Number(db) }),
    ...(protocol === 'rediss:' && { tls: {} }),
  };
}
