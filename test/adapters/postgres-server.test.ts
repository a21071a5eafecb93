/** PostgreSQL as a server that comes and goes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgres } from '#adapters/postgres';
import { limits, type ReadStore } from '#runtime';
import { createDatabase, hasPostgres, type TestDatabase } from '#test/postgres';
import { until } from '#test/until';

it.each(['', 'localhost', 'mysql://user:hunter2@host/db', 'postgres//user:hunter2@host'])(
  'refuses the URL "%s" without repeating it',
  (url) => {
    expect(() => openPostgres({ url })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.not.stringMatching('hunter2'),
      }),
    );
  },
);

it('says that it is unavailable where no server answers', async () => {
  const store = openPostgres({ url: 'postgres://postgres@127.0.0.1:1/none' });
  const refusal = { code: 'READ_STORE_UNAVAILABLE' };
  await expect(store.query('SELECT 1')).rejects.toMatchObject(refusal);
  await expect(store.transaction(async () => 1)).rejects.toMatchObject(refusal);
  await expect(store.lock('x')).rejects.toMatchObject(refusal);
  await store.close();
});

describe.runIf(hasPostgres)('a server that drops its connections', () => {
  let database: TestDatabase;
  let store: ReadStore;
  beforeAll(async () => {
    database = await createDatabase();
    store = openPostgres({ url: database.url });
    await store.query('CREATE TABLE note (n int)');
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });

  const areSleeping = async () => {
    const [row] = await store.query<{ n: number }>(
      `SELECT count(*) AS n FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE '%pg_sleep(60)' AND state = 'active'`,
    );
    return row!.n === 2;
  };

  it('is noticed by idle connections without harm', async () => {
    await Promise.all(Array.from({ length: 5 }, () => store.query('SELECT 1')));
    await database.disconnect();
    await until('a connection was made anew', () =>
      store.query('SELECT 1').then(
        () => true,
        () => false,
      ),
    );
  });

  it('fails what is under way so that it can be tried again, and goes on', async () => {
    const asleep = store.query('SELECT pg_sleep(60)').catch((thrown) => thrown);
    const inTransaction = store
      .transaction(async (tx) => {
        await tx.query('INSERT INTO note VALUES (1)');
        await tx.query('SELECT pg_sleep(60)');
      })
      .catch((thrown) => thrown);
    await until('they sleep', areSleeping);
    await database.disconnect();
    expect(await asleep).toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
    expect(await inTransaction).toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
    // A connection that was idle may be found dead by the call that gets it.
    const notes = await until('the next call works', () =>
      store.query('SELECT n FROM note').catch(() => null),
    );
    expect(notes).toEqual([]);
  });

  it('gives back the locks of the lost', async () => {
    const held = await store.lock('build');
    await database.disconnect();
    const again = await until('the lock is free', () => store.lock('build'));
    await again.release();
    await held!.release();
  });

  it('sees no more connections than the limit, however many ask', async () => {
    const counts = await Promise.all(
      Array.from({ length: 60 }, () =>
        store.query<{ n: number }>(
          `SELECT count(*) AS n, pg_sleep(0.02) FROM pg_stat_activity
            WHERE datname = current_database()`,
        ),
      ),
    );
    expect(Math.max(...counts.map(([row]) => row!.n))).toBeLessThanOrEqual(
      limits.readConnectionsMax,
    );
  });
});
