/**
 * The exam of every ReadStore: what `runtime/ports/read-store.ts` promises, and that the same query
 * answers the same values everywhere.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { limits, type ReadStore, type SqlValue } from '#runtime';
import type { StoreKind, StoreUnderTest } from '#test/read-stores';

/** A statement that takes a good second, and one that takes minutes. */
const slow = 'SELECT count(*) AS n FROM generate_series(1, 5000000)';
const endless = 'SELECT count(*) AS n FROM generate_series(1, 100000000000)';

export function describeReadStore({ name, make }: StoreKind): void {
  describe(name, () => {
    let under: StoreUnderTest;
    let store: ReadStore;
    beforeAll(async () => {
      under = await make();
      store = under.store;
    });
    afterAll(() => under.dispose());
    beforeEach(async () => {
      await store.query('DROP TABLE IF EXISTS account');
      await store.query('CREATE TABLE account (id text PRIMARY KEY, n bigint NOT NULL)');
    });
    const accounts = () => store.query('SELECT id, n FROM account ORDER BY id');
    const add = (id: string) => `INSERT INTO account VALUES ('${id}', 0)`;

    it.each<[string, unknown]>([
      ['1::int2', 1],
      ['1::int4', 1],
      ['9007199254740991::int8', Number.MAX_SAFE_INTEGER],
      ['9007199254740993::int8', 9007199254740993n],
      ['0.1::float4', 0.1],
      ['0.1::float8', 0.1],
      ['1e300::float8', 1e300],
      ['1.50::numeric', '1.50'],
      ['true', true],
      ["'ünï ✓ 漢字 😀'::text", 'ünï ✓ 漢字 😀'],
      ["''::text", ''],
      ['NULL::text', null],
      [`'{"b":[1,null,"x"],"a":{}}'::jsonb`, { a: {}, b: [1, null, 'x'] }],
      [`'{"b": 1}'::json`, { b: 1 }],
      ["'\\x00ff10'::bytea", new Uint8Array([0, 255, 16])],
      ["timestamptz '2026-11-24T10:00:00.5+02'", '2026-11-24 08:00:00.5+00'],
      ["date '2026-11-24'", '2026-11-24'],
      ["ARRAY['a', 'b \"c\"', NULL, '{}']", ['a', 'b "c"', null, '{}']],
      ['ARRAY[1, 2]::int8[]', [1, 2]],
      ["ARRAY['{}', '[1]']::jsonb[]", [{}, [1]]],
      ["'a:1A b:2'::tsvector", "'a':1A 'b':2"],
    ])('answers %s as %o', async (expression, value) => {
      expect(await store.query(`SELECT ${expression} AS value`)).toEqual([{ value }]);
    });

    it.each<[string, SqlValue, unknown]>([
      ['text', 'it\'s "quoted" \\ {x} 😀', 'it\'s "quoted" \\ {x} 😀'],
      ['text', '', ''],
      ['text', null, null],
      ['int4', -7, -7],
      ['int8', 2 ** 50, 2 ** 50],
      ['float8', 0.1, 0.1],
      ['boolean', false, false],
      ['bytea', new Uint8Array([0, 1, 254]), new Uint8Array([0, 1, 254])],
      ['jsonb', '{"a":"\\u00e9 \\\\ \\""}', { a: 'é \\ "' }],
      ['text[]', ['a', 'with "quotes"', 'and \\', '', 'NULL', null], undefined],
      ['text[]', [], []],
      ['int8[]', [1, 2, 3], [1, 2, 3]],
    ])('takes a parameter of type %s: %o', async (type, param, expected) => {
      const value = expected === undefined ? param : expected;
      expect(await store.query(`SELECT $1::${type} AS value`, [param])).toEqual([{ value }]);
    });

    it('commits a transaction as a whole', async () => {
      const answer = await store.transaction(async (tx) => {
        await tx.query(add('a'));
        await tx.query(add('b'));
        return 'done';
      });
      expect(answer).toBe('done');
      expect(await accounts()).toHaveLength(2);
    });

    it('rolls a transaction back where its work throws, and passes on what it threw', async () => {
      const reason = new Error('changed my mind');
      const outcome = store.transaction(async (tx) => {
        await tx.query(add('a'));
        throw reason;
      });
      await expect(outcome).rejects.toBe(reason);
      expect(await accounts()).toEqual([]);
    });

    it('does not commit what a failed statement was part of, though its error was swallowed', async () => {
      const outcome = store.transaction(async (tx) => {
        await tx.query(add('a'));
        await tx.query('SELECT 1 / 0').catch(() => undefined);
      });
      await expect(outcome).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(await accounts()).toEqual([]);
    });

    it('refuses a transaction that is over', async () => {
      const tx = await store.transaction(async (transaction) => transaction);
      await expect(tx.query(add('late'))).rejects.toMatchObject({ code: 'INTERNAL' });
      expect(await accounts()).toEqual([]);
    });

    it('shows nothing of a transaction that is not committed', async () => {
      const reason = new Error('changed my mind');
      let beside: Promise<readonly unknown[]> = Promise.resolve([]);
      const outcome = store.transaction(async (tx) => {
        await tx.query(add('a'));
        beside = accounts();
        throw reason;
      });
      await expect(outcome).rejects.toBe(reason);
      expect(await beside).toEqual([]);
    });

    describe('a copy', () => {
      const row = (id: string, n: number | string) => `${id}\t${n}\n`;

      it('fills a table with all of its lines', async () => {
        await store.copy('account (id, n)', row('a', 1) + row('b', 2));
        await store.copy('account (n, id)', row('3', 'c'));
        await store.copy('account (id, n)', '');
        expect(await accounts()).toEqual([
          { id: 'a', n: 1 },
          { id: 'b', n: 2 },
          { id: 'c', n: 3 },
        ]);
      });

      it('takes the text format: escapes, null, any script', async () => {
        await store.query('DROP TABLE IF EXISTS note');
        await store.query('CREATE TABLE note (n int, text text, data jsonb)');
        const text = 'a\\tb\\nc \\\\ "quoted" ünï 漢字 😀';
        await store.copy(
          'note (n, text, data)',
          `1\t${text}\t{"a": "\\\\n"}\n2\t\\N\t\\N\n3\t\t[]\n`,
        );
        expect(await store.query('SELECT text, data FROM note ORDER BY n')).toEqual([
          { text: 'a\tb\nc \\ "quoted" ünï 漢字 😀', data: { a: '\n' } },
          { text: null, data: null },
          { text: '', data: [] },
        ]);
      });

      it('leaves nothing of lines of which one is wrong, names the mistake, and goes on', async () => {
        await store.query(add('a'));
        const wrong = [row('b', 'x'), row('a', 1), 'b\n'];
        for (const line of wrong) {
          const outcome = store.copy('account (id, n)', row('c', 1) + line);
          await expect(outcome).rejects.toMatchObject({ code: 'INTERNAL' });
        }
        expect(await accounts()).toEqual([{ id: 'a', n: 0 }]);
      });

      it('takes several at a time', async () => {
        const copies = Array.from({ length: 20 }, (_, n) => {
          const lines = Array.from({ length: 500 }, (_, line) => row(`${n}-${line}`, line));
          return store.copy('account (id, n)', lines.join(''));
        });
        await Promise.all(copies);
        expect(await accounts()).toHaveLength(10_000);
      });
    });

    it('loses no update of many transactions at once', async () => {
      await store.query(add('a'));
      const increment = () =>
        store.transaction((tx) => tx.query("UPDATE account SET n = n + 1 WHERE id = 'a'"));
      await Promise.all(Array.from({ length: 40 }, increment));
      expect(await accounts()).toEqual([{ id: 'a', n: 40 }]);
    });

    it('names a mistake in the SQL, and goes on', async () => {
      await expect(store.query('SELEC 1')).rejects.toMatchObject({
        code: 'INTERNAL',
        data: { code: '42601', sql: 'SELEC 1' },
      });
      expect(await store.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });

    it('asks for patience where a table or its schema is not there yet, or no more', async () => {
      for (const table of ['nowhere.rows', 'no_rows']) {
        await expect(store.query(`SELECT * FROM ${table}`)).rejects.toMatchObject({
          code: 'READ_STORE_UNAVAILABLE',
          message: expect.stringContaining('does not exist'),
        });
      }
      await expect(store.copy('nobody (id)', 'a\n')).rejects.toMatchObject({
        code: 'READ_STORE_UNAVAILABLE',
      });
    });

    it('holds back what is more than it can queue', async () => {
      const count = limits.readsWaitingMax + limits.readConnectionsMax + 10;
      const asked = Array.from({ length: count }, () => store.query('SELECT 1 AS one'));
      const outcomes = await Promise.allSettled(asked);
      const refused = outcomes.filter(({ status }) => status === 'rejected');
      expect(refused.length).toBeGreaterThan(0);
      expect(refused.length).toBeLessThan(count / 2);
      for (const outcome of refused) {
        expect(outcome).toMatchObject({ reason: { code: 'READ_STORE_UNAVAILABLE' } });
      }
    });

    it('gives a lock to one holder at a time', async () => {
      const held = await store.lock('build');
      expect(held).not.toBeNull();
      expect(await store.lock('build')).toBeNull();
      const other = await store.lock('other');
      await other?.release();
      await held?.release();
      const again = await store.lock('build');
      expect(again).not.toBeNull();
      await again?.release();
    });

    describe('with little patience', () => {
      let hasty: StoreUnderTest;
      beforeAll(async () => {
        hasty = await make({ statementTimeoutMs: 150 });
        await hasty.store.query('CREATE TABLE note (text text)');
      });
      afterAll(() => hasty.dispose());

      it('stops a statement that takes too long, and goes on with all that was committed', async () => {
        await hasty.store.query("INSERT INTO note VALUES ('kept')");
        await expect(hasty.store.query(endless)).rejects.toMatchObject({
          code: 'READ_STORE_UNAVAILABLE',
        });
        expect(await hasty.store.query('SELECT text FROM note')).toEqual([{ text: 'kept' }]);
      });

      it('rolls back the transaction of a statement that takes too long', async () => {
        const outcome = hasty.store.transaction(async (tx) => {
          await tx.query("INSERT INTO note VALUES ('lost')");
          await tx.query(endless);
        });
        await expect(outcome).rejects.toMatchObject({ code: 'READ_STORE_UNAVAILABLE' });
        expect(await hasty.store.query("SELECT FROM note WHERE text = 'lost'")).toEqual([]);
      });

      it('lets a patient transaction take its time', async () => {
        const rows = await hasty.store.transaction((tx) => tx.query(slow), { isPatient: true });
        expect(rows).toEqual([{ n: 5_000_000 }]);
      });
    });

    describe('closed', () => {
      let closing: StoreUnderTest;
      beforeAll(async () => {
        closing = await make();
      });
      afterAll(() => closing.dispose());

      it('has finished what was under way, keeps it, and answers nothing more', async () => {
        await closing.store.query('CREATE TABLE note (n int)');
        const underWay = Promise.all(
          Array.from({ length: 20 }, (_, n) =>
            closing.store.transaction((tx) => tx.query('INSERT INTO note VALUES ($1)', [n])),
          ),
        );
        const closed = closing.store.close();
        const refusal = { code: 'SHUTTING_DOWN' };
        await expect(closing.store.query('SELECT 1')).rejects.toMatchObject(refusal);
        await expect(closing.store.lock('x')).rejects.toMatchObject(refusal);
        await underWay;
        await closed;
        await closing.store.close();
        const reopened = await closing.reopen();
        expect(await reopened.query('SELECT count(*) AS n FROM note')).toEqual([{ n: 20 }]);
      });
    });
  });
}
