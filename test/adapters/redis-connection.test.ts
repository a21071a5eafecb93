import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { Presence, type RedisAccess, RedisConnection } from '#adapters/redis';
import { systemClock, systemIds } from '#adapters/system';
import { type Limits, limits as standardLimits } from '#runtime';
import { freePort, hasRedis, openRedis } from '#test/redis';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

const limits: Limits = { ...standardLimits, redisAnswerMs: 200, redisSilenceMs: 300 };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function open(access: RedisAccess, own: Partial<Limits> = {}) {
  const telemetry = new Recorder();
  const connection = new RedisConnection({
    access,
    name: 'test',
    ids: systemIds,
    telemetry,
    limits: { ...limits, ...own },
  });
  closing.push(() => connection.close());
  return { connection, telemetry };
}

async function server(settings: Readonly<Record<string, string>> = {}) {
  const opened = await openRedis(settings);
  closing.push(() => opened.close());
  return opened;
}

const ready = (connection: RedisConnection) => until('it is ready', () => connection.isReady);

describe('the access to Redis', () => {
  it.each([undefined, '', 'not a URL with hunter2'])('refuses %j, without quoting it', (url) => {
    const refused = { code: 'CONFIG_INVALID', message: expect.not.stringContaining('hunter2') };
    expect(() => open(url === undefined ? {} : { url })).toThrow(expect.objectContaining(refused));
  });
});

describe.runIf(hasRedis)('a connection to Redis', () => {
  it('enters with password and database, those of the URL too', async () => {
    const { host, port } = await server({ requirepass: '"p@ss word"' });
    const { connection } = open({ url: `redis://:p%40ss%20word@${host}:${port}/3` });
    await ready(connection);
    expect(String(await connection.client.client('INFO'))).toContain(' db=3 ');
    const url = `redis://:wrong@${host}:${port}/3`;
    const other = open({ url, username: 'default', password: 'p@ss word', db: 5 });
    await ready(other.connection);
    expect(String(await other.connection.client.client('INFO'))).toMatch(/ name=test .* db=5 /);
  });

  it('keeps trying where it is refused, and says why, without the password', async () => {
    const { host, port, client } = await server({ requirepass: 'secret' });
    const { connection, telemetry } = open({ url: `redis://${host}:${port}`, password: 'hunter2' });
    const { error } = await telemetry.first('redis-away');
    expect(error).toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(error.message).toContain('WRONGPASS');
    expect(error.message).not.toContain('hunter2');
    await expect(connection.check()).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    await client.config('SET', 'requirepass', 'hunter2');
    await ready(connection);
    await telemetry.first('redis-back');
  });

  it('speaks TLS to a rediss: URL, and to any place where it is told to', async () => {
    const { host, port } = await server();
    // This server answers no greeting of TLS, so both attempts take as long as they may.
    const brief = { redisConnectMs: 300 };
    const hidden = open({ url: `rediss://${host}:${port}` }, brief);
    const told = open({ url: `redis://${host}:${port}`, tls: true }, brief);
    for (const { connection, telemetry } of [hidden, told]) {
      await telemetry.first('redis-away');
      expect(connection.isReady).toBe(false);
    }
  });

  it('fails at once while there is nobody, and tells of it once', async () => {
    const { connection, telemetry } = open({ url: `redis://127.0.0.1:${await freePort()}` });
    await telemetry.first('redis-away');
    const asked = Array.from({ length: 100 }, () => connection.check());
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected');
    expect(telemetry.all('redis-away')).toHaveLength(1);
  });

  it('does not ask again by itself what was asked when the connection broke', async () => {
    const redis = await server();
    const { connection } = open({ url: redis.url });
    await ready(connection);
    redis.freeze();
    const asked = Array.from({ length: 10 }, () => connection.client.incr('count'));
    for (const { status } of await Promise.allSettled(asked)) expect(status).toBe('rejected');
    await until('it is left', () => !connection.isReady);
    await redis.kill();
    await redis.start();
    await ready(connection);
    expect(await connection.client.get('count')).toBeNull();
  });

  it('comes back when the client gave up', async () => {
    const { connection } = open({ url: (await server()).url }, { redisRetryCapMs: 100 });
    await ready(connection);
    connection.client.disconnect();
    await until('it gave up', () => connection.client.status === 'end');
    await ready(connection);
  });

  it('calls back each time that it is ready and lost, until it is closed', async () => {
    const redis = await server();
    const { connection } = open({ url: redis.url });
    const seen: string[] = [];
    connection.whenReady(() => seen.push('ready'));
    connection.whenLost(() => seen.push('lost'));
    await until('it is ready', () => seen.length === 1);
    await redis.disconnect();
    await until('it is ready again', () => seen.length === 3);
    connection.close();
    await until('it is over', () => connection.client.status === 'end');
    expect(seen).toEqual(['ready', 'lost', 'ready']);
  });
});

describe.runIf(hasRedis)('the presence of nodes', () => {
  const short: Limits = { ...limits, presenceMs: 300 };
  const prefix = randomUUID();

  function join(connection: RedisConnection, node: string) {
    const presence = new Presence({ connection, prefix, node, clock: systemClock, limits: short });
    closing.push(() => presence.close());
    return presence;
  }

  it('knows who is there, who left, and who was not heard of for a while', async () => {
    const { url } = await server();
    const [one, two] = [open({ url }).connection, open({ url }).connection];
    const [here, there] = [join(one, 'here'), join(two, 'there')];
    join(two, 'leaving');
    const alive = async () => [...(await here.nodes())].sort().join();
    await until(
      'all are there',
      async () => one.isReady && (await alive()) === 'here,leaving,there',
    );
    await closing.pop()!();
    expect(await alive()).toBe('here,there');
    two.close();
    await until('it is missed', async () => (await alive()) === 'here');
    await expect(there.nodes()).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
  });
});
