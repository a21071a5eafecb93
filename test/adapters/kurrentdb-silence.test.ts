/** The log on KurrentDB whose answers do not come. Its tests wait for time limits, so they wait at once. */
import { it as base, describe } from 'vitest';
import { type KurrentDbStore, openKurrentDb } from '#adapters/kurrentdb';
import type { EventBatch, ExpectedRevision, Limits, Log } from '#runtime';
import { KurrentStandIn } from '#test/kurrentdb';
import { until } from '#test/until';
import { follow, idsOf, newEvents, newStream } from '../contracts/log-event.ts';

interface Own {
  readonly server: KurrentStandIn;
  readonly open: (own?: Partial<Limits>) => Promise<KurrentDbStore>;
}

const it = base.extend<Own>({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads here that nothing else is needed
  server: async ({}, use) => {
    const server = await KurrentStandIn.start();
    await use(server);
    server.kill();
  },
  open: async ({ server }, use) => {
    const opened: Log[] = [];
    await use(async (own = {}) => {
      const limits = { logAnswerMs: 1_000, ...own };
      const store = await openKurrentDb({ connectionString: server.url, limits });
      opened.push(store.log);
      return store;
    });
    await Promise.all(opened.map((log) => log.close()));
  },
});

/** A subscription, taken batch by batch. */
function subscribed(log: Log) {
  const { signal } = new AbortController();
  const batches = log.subscribe({ after: 0, signal })[Symbol.asyncIterator]();
  return { next: async () => (await batches.next()).value as EventBatch };
}

describe.concurrent('an append whose answer does not come', () => {
  it.for<ExpectedRevision>(['no_stream', 'any'])(
    '(expecting %s) fails in time, and repeated is told that it was written',
    async (expected, { server, open, expect }) => {
      const { log } = await open();
      const [stream, events] = [newStream(), newEvents(2)];
      server.faults.lostAnswers = 1;
      await expect(log.append(stream, events, expected)).rejects.toMatchObject({
        code: 'LOG_UNAVAILABLE',
      });
      const repeated = await log.append(stream, events, expected);
      const position = await log.head();
      expect(repeated).toEqual({ kind: 'duplicate', revision: 1, position });
      expect(idsOf(await log.readStream(stream))).toEqual(idsOf(events));
    },
  );

  it('because it never arrived is written when it is repeated', async ({
    server,
    open,
    expect,
  }) => {
    const { log } = await open();
    const [stream, events] = [newStream(), newEvents(2)];
    server.faults.lostAppends = 1;
    await expect(log.append(stream, events, 'no_stream')).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
    expect(await log.append(stream, events, 'no_stream')).toMatchObject({ kind: 'appended' });
  });
});

describe.concurrent('a server that says nothing', () => {
  it('fails reads in time', async ({ server, open, expect }) => {
    const { log, snapshots } = await open();
    server.faults.silentReads = true;
    const unavailable = { code: 'LOG_UNAVAILABLE' };
    await Promise.all([
      expect(log.readStream('entity-a/1')).rejects.toMatchObject(unavailable),
      expect(log.readAll({ after: 0, limit: 1 })).rejects.toMatchObject(unavailable),
      expect(log.head()).rejects.toMatchObject(unavailable),
      expect(log.append('entity-a/1', newEvents(1), 'any')).rejects.toMatchObject(unavailable),
      expect(snapshots.load('entity-a/1')).rejects.toMatchObject(unavailable),
      expect(follow(log)).rejects.toMatchObject(unavailable),
    ]);
  });

  it('fails who waits at the end', async ({ server, open, expect }) => {
    const { log } = await open({ logCheckMs: 50 });
    const following = subscribed(log);
    await following.next();
    const waiting = following.next();
    server.faults.silentReads = true;
    await expect(waiting).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  it('in one read, and answers others, is waited for', async ({ server, open, expect }) => {
    const { log } = await open({ logAnswerMs: 800 });
    await log.append(newStream(), newEvents(1), 'any');
    const { promise, resolve } = Promise.withResolvers<void>();
    server.faults.hold = promise;
    const reading = log.readAll({ after: 0, limit: 1 });
    const asked = server.streams.calls.read;
    await until('it has asked whether the server is there', () => {
      return server.streams.calls.read > asked + 2;
    });
    resolve();
    expect(await reading).toHaveLength(1);
  });

  it('in one read for longer than limits.logScanMs is given up', async ({
    server,
    open,
    expect,
  }) => {
    const { log } = await open({ logAnswerMs: 800, logScanMs: 1_600 });
    server.faults.hold = new Promise(() => undefined);
    await expect(log.readAll({ after: 0, limit: 1 })).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
  });
});
