/** A rebuild in the midst of life, and one that is killed. */

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import { busyRebuild } from '#test/busy-rebuild';
import { putDatabase } from '#test/database-template';
import { effort } from '#test/effort';
import { fillLog } from '#test/long-history';
import { createDatabase } from '#test/postgres';
import { run } from '#test/process';
import { chosenKinds } from '#test/read-stores';
import { temporaryFolder } from '#test/served';

const events = effort(8_000, 20_000);
/** A second or two on an idle machine. */
const timeoutMs = 120_000;
let folder: string;
let file: string;

beforeAll(async () => {
  folder = await temporaryFolder();
  file = join(folder, 'log.sqlite');
  const { log } = await openSqlite(file);
  await fillLog(log, events);
  await log.close();
}, timeoutMs);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(chosenKinds)('a rebuild on $name', ({ make }) => {
  it(
    'shows no gap and no mixture to readers while commands arrive, and ends as a replay does',
    async () => {
      const copy = join(folder, `busy-${Math.random()}.sqlite`);
      const { log } = await openSqlite(copy);
      const under = await make();
      try {
        await fillLog(log, events);
        const { faults, reads, commands, verification } = await busyRebuild(
          { log, store: under.store },
          events,
        );
        expect(faults).toEqual([]);
        expect(verification).toMatchObject({ isSame: true, live: { rows: events / 2 + 1 } });
        expect(Math.min(reads, commands)).toBeGreaterThan(0);
      } finally {
        await log.close();
        await under.dispose();
      }
    },
    timeoutMs,
  );
});

describe('a rebuild that is killed', () => {
  const builder = 'test/projections/rebuild-child.ts';

  it.each(chosenKinds.map(({ name }) => name))(
    'goes on where it was, and ends with the same rows: %s',
    async (name) => {
      const database = name === 'PostgreSQL' ? await createDatabase() : null;
      const place = database?.url ?? join(folder, 'killed');
      if (database === null) putDatabase(place);
      const first = run(builder, [file, place, String(events / 2)]);
      await first.says(/^at [1-9]\d{3,}/m);
      first.child.kill('SIGKILL');
      await first.ended;
      const second = await run(builder, [file, place, '1000000']).ended;
      expect(second).toMatchObject({ code: 0, stderr: '' });
      const [, resumed] = /^from (\d+)/m.exec(second.stdout)!;
      expect(Number(resumed)).toBeGreaterThan(0);
      expect(second.stdout).toMatch(/^same as a replay$/m);
      await database?.drop();
    },
    timeoutMs,
  );
});
