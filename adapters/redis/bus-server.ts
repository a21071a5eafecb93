/**
 * A look at the server before a bus is opened on it: whether it can carry one, and what its settings may
 * cost.
 */
import { type Clock, type Limits, RuntimeError, type Telemetry } from '#runtime';
import { busFailure } from './bus-failure.ts';
import type { RedisConnection } from './connection.ts';

interface CheckOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits: Limits;
}

/**
 * Waits for the connection, limits.busAnswerMs at most, and tells of risks. Rejects with
 * BUS_UNAVAILABLE or BUS_REFUSED.
 */
export async function checkServer(
  connection: RedisConnection,
  { clock, limits, telemetry }: CheckOptions,
): Promise<void> {
  const info = await serverInfo(connection, clock, limits.busAnswerMs);
  const version = info.get('redis_version') ?? '';
  if (Number.parseInt(version, 10) < 7) {
    throw new RuntimeError('BUS_REFUSED', `Redis ${version} is too old; the bus needs 7 or newer`);
  }
  const policy = info.get('maxmemory_policy') ?? '';
  if (policy.startsWith('allkeys-')) {
    const fault = `maxmemory-policy ${policy} throws messages away; the bus needs noeviction`;
    throw new RuntimeError('BUS_REFUSED', fault);
  }
  const risk = riskIn(info);
  if (risk !== null) telemetry.record({ name: 'bus-doubted', risk });
}

/**
 * What a server says of itself, `patienceMs` after it was asked at most. Rejects with BUS_UNAVAILABLE, or
 * BUS_REFUSED where it does not let us in.
 */
export async function serverInfo(
  connection: RedisConnection,
  clock: Clock,
  patienceMs: number,
): Promise<ReadonlyMap<string, string>> {
  await untilReady(connection, clock, patienceMs);
  return read(connection);
}

/** What may be lost of what was acknowledged; null where nothing is, as far as it tells. */
function riskIn(info: ReadonlyMap<string, string>): string | null {
  if (info.get('aof_enabled') === '0') {
    return 'appendonly is off in Redis: what it acknowledged since its last snapshot is lost when it ends';
  }
  const fsync = info.get('appendfsync');
  if (fsync === undefined || fsync === 'always') return null;
  return `appendfsync is ${fsync} in Redis: what it acknowledged last is lost in a power cut`;
}

/** Rejects with BUS_UNAVAILABLE, or BUS_REFUSED where the server does not let us in. */
export async function untilReady(
  connection: RedisConnection,
  clock: Clock,
  patienceMs: number,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let last: Error | null = null;
  const onError = (error: Error) => {
    last = error;
    if (isRefusal(error)) reject(new RuntimeError('BUS_REFUSED', error.message, { cause: error }));
  };
  connection.client.on('error', onError);
  const release = connection.whenReady(resolve);
  const patience = new AbortController();
  clock.sleep(patienceMs, patience.signal).then(
    () => reject(busFailure(last ?? new Error('no answer'), 'connecting to Redis')),
    () => undefined,
  );
  try {
    await promise;
  } finally {
    patience.abort();
    release();
    connection.client.off('error', onError);
  }
}

/** What INFO says, and `appendfsync`, where we may know it: a managed Redis may not tell. */
async function read({ client }: RedisConnection): Promise<ReadonlyMap<string, string>> {
  const info = new Map<string, string>();
  try {
    for (const line of String(await client.call('INFO')).split('\r\n')) {
      const colon = line.indexOf(':');
      if (colon > 0) info.set(line.slice(0, colon), line.slice(colon + 1));
    }
  } catch (thrown) {
    throw busFailure(thrown, 'asking Redis about itself');
  }
  try {
    const [, fsync] = (await client.call('CONFIG', 'GET', 'appendfsync')) as string[];
    if (fsync !== undefined) info.set('appendfsync', fsync);
  } catch (thrown) {
    if (!(thrown instanceof Error && /NOPERM|unknown/i.test(thrown.message))) {
      throw busFailure(thrown, 'asking Redis about its settings');
    }
  }
  return info;
}

function isRefusal(error: Error): boolean {
  return /WRONGPASS|NOAUTH|NOPERM|invalid password|DB index is out of range/.test(error.message);
}
