/** The log on KurrentDB where things go wrong: answers that never come, servers that die, bad rights. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KurrentDbStore, openKurrentDb } from '#adapters/kurrentdb';
import { type AppendResult, type EventBatch, type Limits, type Log, limits } from '#runtime';
import { KurrentStandIn, soon } from '#test/kurrentdb';
import { authority, certificate, key } from '#test/kurrentdb-certificate';
import { ownEvent } from '#test/kurrentdb-store';
import { grpcError } from '#test/kurrentdb-wire';
import { until } from '#test/until';
import { eventsOf, follow, idsOf, newEvent, newEvents, newStream } from '../contracts/log-event.ts';

type Appended = Extract<AppendResult, { kind: 'appended' }>;

let server: KurrentStandIn;
const opened: Log[] = [];
beforeEach(async () => {
  server = await KurrentStandIn.start();
});
afterEach(async () => {
  server.faults.silent = false;
  await Promise.all(opened.splice(0).map((log) => log.close()));
  server.kill();
});

async function open(own: Partial<Limits> = {}): Promise<KurrentDbStore> {
  const limitsOfTest = { logAnswerMs: 1_000, ...own };
  const store = await openKurrentDb({ connectionString: server.url, limits: limitsOfTest });
  opened.push(store.log);
  return store;
}

/** A subscription, taken batch by batch. */
function subscribed(log: Log, after = 0) {
  const abort = new AbortController();
  const batches = log.subscribe({ after, signal: abort.signal })[Symbol.asyncIterator]();
  return { next: async () => (await batches.next()).value as EventBatch, end: () => abort.abort() };
}

describe('an append whose answer does not come', () => {
  it('was written by a process that died: another one is told so', async () => {
    const { log } = await open();
    const [stream, events] = [newStream(), newEvents(2)];
    const first = await log.append(stream, events, 'no_stream');
    const { log: other } = await open();
    expect(await other.append(stream, events, 'no_stream')).toEqual({
      ...first,
      kind: 'duplicate',
    });
  });
});

describe('a server that dies', () => {
  it('with many appends under way leaves each of them written once, after a repeat', async () => {
    const { log } = await open();
    const appends = Array.from({ length: 200 }, () => ({
      stream: newStream(),
      events: newEvents(1),
    }));
    const outcomes = Promise.allSettled(
      appends.map(({ stream, events }) => log.append(stream, events, 'no_stream')),
    );
    await until('some are written', () => server.store.all.length > 20);
    server.kill();
    const failed = (await outcomes).filter(({ status }) => status === 'rejected');
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: 'LOG_UNAVAILABLE', retryable: true });
    }
    await server.start();
    for (const { stream, events } of appends) {
      await until('the append is answered', () =>
        log.append(stream, events, 'no_stream').catch(() => null),
      );
      expect(idsOf(await log.readStream(stream))).toEqual(idsOf(events));
    }
  });

  it('fails who waits at the end, who goes on from its place when it is back', async () => {
    const { log } = await open();
    await log.append(newStream(), newEvents(3), 'any');
    const following = subscribed(log);
    const { position } = await following.next();
    const waiting = following.next();
    const failed = expect(waiting).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    await until('it waits', () => server.streams.calls.subscribe > 0);
    server.kill();
    await failed;

    await server.start();
    const events = newEvents(2);
    await until('the append is answered', () =>
      log.append(newStream(), events, 'any').catch(() => null),
    );
    const batches = await until('it is read', () =>
      follow(log, { after: position }).catch(() => null),
    );
    expect(idsOf(eventsOf(batches))).toEqual(idsOf(events));
  });
});

describe('a subscription at the end', () => {
  it('is woken by the server when another process appends', async () => {
    const [{ log }, { log: other }] = [await open({ logCheckMs: 3_600_000 }), await open()];
    const following = subscribed(log);
    await following.next();
    const waiting = following.next();
    await until('it waits', () => server.streams.calls.subscribe > 0);
    const events = newEvents(2);
    await other.append(newStream(), events, 'any');
    expect(idsOf((await waiting).events)).toEqual(idsOf(events));
  });

  it('finds by itself what the server has not woken it for', async () => {
    const [{ log }, { log: other }] = [await open({ logCheckMs: 20 }), await open()];
    server.faults.silentSubscriptions = true;
    const following = subscribed(log);
    await following.next();
    const waiting = following.next();
    const events = newEvents(1);
    await other.append(newStream(), events, 'any');
    expect(idsOf((await waiting).events)).toEqual(idsOf(events));
  });

  it('shares one subscription at the server with all others', async () => {
    const { log } = await open();
    const followers = Array.from({ length: 5 }, () => subscribed(log));
    for (const { next } of followers) await next();
    const waiting = followers.map(({ next }) => next());
    await log.append(newStream(), newEvents(1), 'any');
    for (const { events } of await Promise.all(waiting)) expect(events).toHaveLength(1);
    expect(server.streams.calls.subscribe).toBe(1);
  });
});

describe('a long history', () => {
  it('is handed over in batches of limited size', async () => {
    const { log } = await open({ subscriptionBatchCharsMax: 10_000 });
    const data = { text: 'x'.repeat(4_000) };
    await log.append(newStream(), newEvents(10, { data }), 'any');
    const sizes = (await follow(log)).map(({ events }) => events.length);
    expect(sizes).toEqual([3, 3, 3, 1]);
  });

  it('gives a consumer that died what it had not been handed, while others append', async () => {
    const { log } = await open();
    await log.append(newStream(), newEvents(100), 'any');
    let place = 0;
    const seen: string[] = [];
    for (let life = 0; life < 5; life++) {
      const following = subscribed(log, place);
      const { events, position } = await following.next();
      const died = events.slice(0, 15);
      seen.push(...idsOf(died));
      place = died.length < events.length ? died.at(-1)!.position : position;
      following.end();
      await log.append(newStream(), newEvents(1), 'any');
    }
    seen.push(...idsOf(eventsOf(await follow(log, { after: place }))));
    expect(seen).toEqual(idsOf(await log.readAll({ after: 0, limit: 1_000 })));
  });
});

describe('a place of another log', () => {
  it('is refused for good, as a projection from there must be built again', async () => {
    const { log } = await open();
    await log.append(newStream(), newEvents(3), 'any');
    const { position } = (await log.last())!;
    const refusal = { code: 'CHECKPOINT_AHEAD', retryable: false };
    await expect(follow(log, { after: position - 1 })).rejects.toMatchObject(refusal);
    expect(await follow(log, { after: position })).toHaveLength(1);
  });

  it('is not suspected while the server is away', async () => {
    const { log } = await open();
    const { position } = (await log.append(newStream(), newEvents(3), 'any')) as Appended;
    server.kill();
    await expect(follow(log, { after: position })).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
  });
});

describe('many appends at once', () => {
  it('are sent limits.logAppendsMax at a time, and the rest wait without a time limit', async () => {
    const { log } = await open({ logAppendsMax: 2, logAnswerMs: 5_000 });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.faults.hold = promise;
    const answers = Array.from({ length: 5 }, () => log.append(newStream(), newEvents(1), -1));
    await until('two are sent', () => server.streams.calls.append === 2);
    await log.head();
    expect(server.streams.calls.append).toBe(2);
    resolve();
    for (const { kind } of await Promise.all(answers)) expect(kind).toBe('appended');
  });

  it('go out as calls of their own, whose deadlines work', async () => {
    const { log } = await open();
    await log.append(newStream(), newEvents(1), 'no_stream');
    expect(server.streams.calls).toMatchObject({ append: 1, batchAppend: 0 });
  });
});

describe('a refusal of the server', () => {
  it.each([
    ['UNAVAILABLE', 'Server Is Not Ready', {}],
    ['ABORTED', 'Operation timed out: Prepare phase timeout.', {}],
    ['UNKNOWN', 'No leader info available in response', {}],
    ['INTERNAL', 'something', {}],
    ['PERMISSION_DENIED', 'Access Denied', { exception: 'access-denied' }],
    ['UNAUTHENTICATED', 'Unauthenticated', {}],
  ] as const)('with %s (%s) may pass once the log is open', async (code, details, trailers) => {
    const { log } = await open();
    server.faults.refusal = grpcError(code, details, trailers);
    const unavailable = { code: 'LOG_UNAVAILABLE', retryable: true };
    await expect(log.append('entity-a/1', newEvents(1), 0)).rejects.toMatchObject(unavailable);
    await expect(log.readStream('entity-a/1')).rejects.toMatchObject(unavailable);
    await expect(log.head()).rejects.toMatchObject(unavailable);
    server.faults.refusal = null;
    const appended = await until('it is taken', () =>
      log.append('entity-a/1', newEvents(1), 'any').catch(() => null),
    );
    expect(appended.kind).toBe('appended');
  });

  it('because an append is larger than it takes is final', async () => {
    const { log } = await open();
    server.faults.appendBytesMax = 1_000;
    const data = { text: 'x'.repeat(2_000) };
    await expect(log.append('entity-a/1', [newEvent({ data })], 'any')).rejects.toMatchObject({
      code: 'EVENT_TOO_LARGE',
      retryable: false,
    });
  });

  it('because a stream was deleted means that the log is damaged', async () => {
    const { log } = await open();
    server.faults.refusal = grpcError('FAILED_PRECONDITION', 'is deleted', {
      exception: 'stream-deleted',
      'stream-name': 'entity-a/1',
    });
    await expect(log.append('entity-a/1', newEvents(1), 0)).rejects.toMatchObject({
      code: 'DATA_CORRUPT',
    });
  });

  it('at another node is followed to the leader', async () => {
    const { log } = await open();
    const leader = await KurrentStandIn.start({ store: server.store });
    server.faults.refusal = grpcError('NOT_FOUND', 'Leader info available', {
      exception: 'not-leader',
      'leader-endpoint-host': '127.0.0.1',
      'leader-endpoint-port': String(leader.port),
    });
    const events = newEvents(1);
    await until('the leader takes it', () =>
      log.append('entity-a/1', events, 'no_stream').catch(() => null),
    );
    expect(leader.streams.calls.append).toBe(1);
    await log.close();
    leader.kill();
  });
});

describe('what stands beside our events', () => {
  it('of snapshots, one a stream is kept, and no reader of the log sees it', async () => {
    const { log, snapshots } = await open();
    const snapshot = (revision: number) => ({ revision, machineVersion: 1, state: { revision } });
    await log.append('entity-a/1', newEvents(1), 'any');
    const head = await log.head();
    for (const revision of [1, 2, 3]) await snapshots.save('entity-a/1', snapshot(revision));
    expect(server.store.stream('snapshot-entity-a/1')).toHaveLength(1);
    expect(await log.head()).toBe(head);
    expect(await log.readAll({ after: 0, limit: 10 })).toHaveLength(1);
    expect(eventsOf(await follow(log))).toHaveLength(1);
  });

  it('of another application is passed over, and is no place that we stand at', async () => {
    const { log } = await open();
    await log.append('entity-a/1', newEvents(1), 'any');
    const head = await log.head();
    const [stranger] = [ownEvent('OrderPlaced')];
    for (const stream of ['order-1', 'entity-a/2']) server.store.append(stream, 'any', [stranger]);
    server.store.append('order-1', 'any', [{ ...ownEvent('Blob'), metadata: Buffer.from([255]) }]);
    expect(await log.head()).toBe(head);
    expect((await log.last())?.position).toBe(head);
    expect(await log.readAll({ after: 0, limit: 10 })).toHaveLength(1);
    const batches = await follow(log, { batchMax: 1 });
    expect(eventsOf(batches)).toHaveLength(1);
    expect(batches.at(-1)).toMatchObject({ live: true, position: head });
  });

  it('in one of our streams, or where the JSON of an event is broken, is damage', async () => {
    const { log } = await open();
    const metadata = { messageId: 'm', recordedAt: '', schemaVersion: 1 };
    const broken = {
      ...ownEvent('Noted'),
      data: Buffer.from('{"a":'),
      metadata: Buffer.from(JSON.stringify(metadata)),
    };
    server.store.append('entity-a/1', 'any', [ownEvent('OrderPlaced')]);
    server.store.append('entity-a/2', 'any', [broken]);
    const corrupt = { code: 'DATA_CORRUPT' };
    await expect(log.readStream('entity-a/1')).rejects.toMatchObject(corrupt);
    await expect(log.readStream('entity-a/2')).rejects.toMatchObject(corrupt);
    await expect(log.readAll({ after: 0, limit: 9 })).rejects.toMatchObject(corrupt);
  });
});

describe('a connection string', () => {
  it('of a cluster finds the leader', async () => {
    const connectionString = `kurrentdb+discover://127.0.0.1:${server.port}?tls=false&${soon}`;
    const { log } = await openKurrentDb({ connectionString });
    opened.push(log);
    await log.append('entity-a/1', newEvents(1), 'no_stream');
    expect(await log.readStream('entity-a/1')).toHaveLength(1);
  });

  it.each([
    ['nonsense'],
    ['http://user:geheim@localhost'],
    ['kurrentdb://user:geheim@localhost:2113?tls=perhaps'],
    ['kurrentdb://user:geheim@localhost:port'],
    ['kurrentdb://user:geheim@localhost?password=geheim'],
    ['kurrentdb://user:geheim@localhost?throwOnAppendFailure=false'],
    ['kurrentdb://user:geheim@localhost?tlsCAFile=/nowhere/geheim.pem'],
  ])('that cannot be meant (%s) is refused without being printed', async (connectionString) => {
    const refused = await openKurrentDb({ connectionString }).catch((thrown) => thrown);
    expect(refused).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(`${refused.message}${refused.cause}`).not.toContain('geheim');
  });

  it('of a server that is not there is no mistake, but a passing failure', async () => {
    server.kill();
    const options = { connectionString: server.url, limits: { logAnswerMs: 1_000 } };
    await expect(openKurrentDb(options)).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  describe('with TLS', () => {
    let folder: string;
    let secure: KurrentStandIn;
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cognisync-tls-'));
      await writeFile(join(folder, 'ca.pem'), authority);
      secure = await KurrentStandIn.start({ tls: { key, certificate }, user: 'admin:ch@nge:it' });
    });
    afterEach(async () => {
      secure.kill();
      await rm(folder, { recursive: true });
    });
    const as = (user: string, options: string) =>
      openKurrentDb({
        connectionString: `kurrentdb://${user}@localhost:${secure.port}?${options}`,
        limits: { ...limits, logAnswerMs: 2_000 },
      });
    const trusted = () => `tlsCAFile=${encodeURIComponent(join(folder, 'ca.pem'))}&${soon}`;

    it('and the right name and password appends, reads and follows', async () => {
      const { log } = await as('admin:ch%40nge%3Ait', trusted());
      opened.push(log);
      await log.append('entity-a/1', newEvents(1), 'no_stream');
      expect(await log.readStream('entity-a/1')).toHaveLength(1);
      const following = subscribed(log, await log.head());
      await following.next();
      const waiting = following.next();
      await log.append('entity-a/1', newEvents(1), 0);
      expect((await waiting).events).toHaveLength(1);
      expect(secure.streams.calls).toMatchObject({ batchAppend: 0, subscribe: 1 });
    });

    it('and a wrong password is refused for good', async () => {
      const refused = as('admin:geheim', trusted());
      await expect(refused).rejects.toMatchObject({ code: 'LOG_REFUSED', retryable: false });
    });

    it('and a certificate in place of a name appends in time, too', async () => {
      const open = await KurrentStandIn.start({ tls: { key, certificate } });
      const connectionString = `kurrentdb://localhost:${open.port}?${trusted()}`;
      const { log } = await openKurrentDb({ connectionString, limits: { logAnswerMs: 1_000 } });
      opened.push(log);
      const events = newEvents(2);
      open.faults.lostAnswers = 1;
      await expect(log.append('entity-a/1', events, 'no_stream')).rejects.toMatchObject({
        code: 'LOG_UNAVAILABLE',
      });
      expect((await log.append('entity-a/1', events, 'no_stream')).kind).toBe('duplicate');
      expect(await log.append('entity-a/1', newEvents(1), 7)).toEqual({
        kind: 'conflict',
        actual: 1,
      });
      open.faults.appendBytesMax = 1;
      await expect(log.append('entity-a/1', newEvents(1), 1)).rejects.toMatchObject({
        code: 'EVENT_TOO_LARGE',
      });
      expect(open.streams.calls).toMatchObject({ append: 0, batchAppend: 1 });
      await log.close();
      open.kill();
    });

    it('of an authority that nobody named is not trusted', async () => {
      await expect(as('admin:ch%40nge%3Ait', `tls=true&${soon}`)).rejects.toMatchObject({
        code: 'LOG_UNAVAILABLE',
      });
    });
  });
});

it('keeps what was answered over a restart of everything', async () => {
  const { log } = await open();
  const events = newEvents(3);
  await log.append('entity-a/1', events, 'no_stream');
  await log.close();
  server.kill();
  await server.start();
  const { log: again } = await open();
  expect(idsOf(await again.readStream('entity-a/1'))).toEqual(idsOf(events));
  expect(await again.append('entity-a/1', events, 'no_stream')).toMatchObject({
    kind: 'duplicate',
  });
});
