import { describe, expect, it } from 'vitest';
import { MemoryLog, MemorySnapshots } from '#adapters/memory';
import { describeLog } from '../contracts/log.ts';
import { newEvents } from '../contracts/log-event.ts';
import { describeSnapshots } from '../contracts/snapshots.ts';

describeLog('the log in memory', async () => {
  const log = new MemoryLog();
  return { log, dispose: () => log.close() };
});

describeSnapshots('snapshots in memory', async () => ({
  snapshots: new MemorySnapshots(),
  dispose: async () => undefined,
}));

describe('the log in memory, held by a simulation', () => {
  it('needs nothing but microtasks', async () => {
    const log = new MemoryLog();
    const { signal } = new AbortController();
    let isTaskOver = false;
    const task = setImmediate(() => {
      isTaskOver = true;
    });
    const batches = log.subscribe({ after: 0, signal });
    await batches.next();
    const next = batches.next();
    await log.append('entity-acme/1', newEvents(1), 'no_stream');
    expect((await next).value).toMatchObject({ position: 1, live: true });
    expect(await log.readAll({ after: 0, limit: 1 })).toHaveLength(1);
    expect(isTaskOver).toBe(false);
    clearImmediate(task);
  });
});
