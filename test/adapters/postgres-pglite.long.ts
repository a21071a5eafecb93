/** A database is made from nothing, which takes its time. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPglite } from '#adapters/postgres';

let shelf: string;
beforeAll(async () => {
  shelf = await mkdtemp(join(tmpdir(), 'cognisync-pglite-'));
});
afterAll(() => rm(shelf, { recursive: true }));

describe('a new database', () => {
  it('is made anew where its first making was cut off', async () => {
    const folder = join(await mkdtemp(join(shelf, 'case-')), 'graph');
    await mkdir(`${folder}.new`);
    await writeFile(join(`${folder}.new`, 'PG_VERSION'), '18');
    const store = await openPglite({ dataDir: folder });
    expect(await store.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(existsSync(`${folder}.new`)).toBe(false);
    await store.close();
  });
});
