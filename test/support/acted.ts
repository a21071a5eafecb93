/** What a killed node must leave behind, looked up in the log itself. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { openSqlite } from '#adapters/sqlite';
import type { RecordedEvent } from '#runtime';

/** Each message of these entities acted once, in the order of its source. */
export async function expectOnceInOrder(dataDir: string, entityIds: readonly string[]) {
  const { log } = await openSqlite(join(dataDir, 'log.sqlite'));
  for (const id of entityIds) {
    const events = await log.readStream(`entity-default/${id}`);
    const ids = events.map(({ metadata }) => metadata.messageId);
    expect(new Set(ids).size, 'each message acted once').toBe(ids.length);
    const times = events.map(
      ({ data }: RecordedEvent) => (data as { extractedAt: string }).extractedAt,
    );
    expect([...times].sort(), 'in the order of the source').toEqual(times);
  }
  await log.close();
}
