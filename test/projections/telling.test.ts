/** What is told to other services: once the rows are there, the last word of each batch, at least once. */
import { describe, expect, it } from 'vitest';
import { MemoryBroadcast, MemoryLog } from '#adapters/memory';
import { tellingNotifications } from '#projections';
import { limits, Progress, type RecordedEvent, type StoreLock } from '#runtime';
import { ManualClock, quiet } from '#test/clock';
import {
  entityCreated,
  entityDeleted,
  entityUpdated,
  type Fact,
  linkActivated,
  linkRemoved,
  recorded,
} from '#test/events';
import { appendTo } from '#test/feed';
import { Recorder } from '#test/telemetry';

/** What nodes share: a log, a checkpoint, a lock, and what was heard. */
class Shared {
  readonly log = new MemoryLog();
  readonly heard: { readonly topic: string; readonly message: Record<string, never> }[] = [];
  readonly steps: string[] = [];
  at = 0;
  isLocked = false;
  drops = 0;

  readonly checkpoint = {
    position: async () => this.at,
    advance: async (from: number, to: number) => {
      if (this.at === from) this.at = to;
      return this.at;
    },
  };
  readonly store = {
    lock: async (): Promise<StoreLock | null> => {
      if (this.isLocked) return null;
      this.isLocked = true;
      return { release: async () => undefined };
    },
  };

  async events(facts: readonly Fact[]): Promise<readonly RecordedEvent[]> {
    const events = recorded(facts);
    await appendTo(this.log, events);
    return events;
  }
}

interface Teller {
  readonly progress: Progress;
  readonly clock: ManualClock;
  readonly abort: AbortController;
  tell(events: readonly RecordedEvent[]): Promise<number>;
  position(): Promise<number>;
}

async function teller(shared: Shared): Promise<Teller> {
  const progress = new Progress();
  const clock = new ManualClock();
  const abort = new AbortController();
  const inner = new MemoryBroadcast({ telemetry: new Recorder() });
  for (const topic of ['notifications', 'cache-invalidation']) {
    for (const tenantId of ['acme', 'beta']) {
      inner.subscribe(
        { tenantId, topic },
        {
          message: (text) => shared.heard.push({ topic, message: JSON.parse(text) }),
          missed: () => undefined,
        },
      );
    }
  }
  const { sink } = await tellingNotifications({
    ...shared,
    checkpoint: shared.checkpoint,
    store: shared.store,
    log: shared.log,
    progress: () => progress,
    broadcast: {
      publish: async (channel, messages) => {
        shared.steps.push(`publish ${channel.topic}:${channel.tenantId}`);
        if (shared.drops > 0) {
          shared.drops -= 1;
          return 'dropped';
        }
        return inner.publish(channel, messages);
      },
    },
    cache: {
      invalidate: async (tenantId, tags) => {
        shared.steps.push(`forget ${tenantId}: ${tags.join(' ')}`);
        return 'told';
      },
    },
    clock,
    signal: abort.signal,
    notificationTopic: 'notifications',
    invalidationTopic: 'cache-invalidation',
  }).live();
  return {
    progress,
    clock,
    abort,
    tell: (events) =>
      sink.apply({ changes: events, from: shared.at, to: events.at(-1)?.position ?? 0 }),
    position: () => sink.position(),
  };
}

const told = ({ heard }: Shared, topic = 'notifications') =>
  heard.flatMap((one) => (one.topic === topic ? [one.message] : []));

describe('telling other services', () => {
  it('waits for the rows, then lets the cache forget, then tells, then moves on', async () => {
    const shared = new Shared();
    const { progress, tell } = await teller(shared);
    const events = await shared.events([entityCreated({ id: 'a' })]);
    const telling = tell(events);
    await quiet();
    expect(shared.steps).toEqual([]);
    progress.advance(1);
    expect(await telling).toBe(1);
    expect(shared.steps).toEqual([
      'forget acme: entity:a',
      'publish notifications:acme',
      'publish cache-invalidation:acme',
    ]);
    expect(shared.at).toBe(1);
  });

  it('tells the last change of each entity and relationship of a batch, in order', async () => {
    const shared = new Shared();
    const { progress, tell } = await teller(shared);
    progress.advance(100);
    await tell(
      await shared.events([
        entityCreated({ id: 'a' }),
        linkActivated({ id: 'l', from: 'a', to: 'b' }),
        entityUpdated({ id: 'a' }),
        linkRemoved({ id: 'l' }),
        entityCreated({ id: 'b', tenantId: 'beta' }),
        entityDeleted({ id: 'a' }),
      ]),
    );
    expect(told(shared).map(({ position }) => position)).toEqual([4, 6, 5]);
  });

  it('names what caches must drop in the specification’s schema', async () => {
    const shared = new Shared();
    const { progress, tell } = await teller(shared);
    progress.advance(100);
    const events = await shared.events([
      entityCreated({ id: 'a' }),
      entityUpdated({ id: 'a' }),
      linkActivated({ id: 'l', from: 'a', to: 'b' }),
    ]);
    await tell(events);
    expect(told(shared, 'cache-invalidation')).toEqual([
      {
        messageType: 'CACHE_INVALIDATION',
        timestamp: events[2]!.metadata.recordedAt,
        payload: {
          cacheKeys: ['entity:a', 'entity:b', 'relationship:l'],
          reason: 'DATA_UPDATE',
          affectedServices: ['knowledge-graph', 'llm-rag'],
        },
        tenantId: 'acme',
        position: 3,
      },
    ]);
  });

  it('keeps every message within what a broadcast takes', async () => {
    const shared = new Shared();
    const { progress, tell } = await teller(shared);
    progress.advance(1_000);
    const long = (n: number) => `${n}${'"'.repeat(limits.idCharsMax - 4)}`;
    const facts = Array.from({ length: 200 }, (_, n) =>
      linkActivated({ id: long(n), from: long(n), to: long(n + 1) }),
    );
    expect(await tell(await shared.events(facts))).toBe(200);
    for (const { message } of shared.heard) {
      expect(JSON.stringify(message).length).toBeLessThan(limits.broadcastCharsMax);
    }
    expect(told(shared)).toHaveLength(200);
  });

  it('tells a batch again, whole, when some of it was dropped', async () => {
    const shared = new Shared();
    const { progress, tell } = await teller(shared);
    progress.advance(100);
    const events = await shared.events([linkActivated(), linkRemoved()]);
    await tell(events.slice(0, 1));
    shared.drops = 1;
    await expect(tell(events.slice(1))).rejects.toMatchObject({ code: 'REDIS_UNAVAILABLE' });
    expect(shared.at).toBe(1);
    await tell(events.slice(1));
    expect(told(shared).map(({ change }) => change)).toEqual(['created', 'deleted']);
    expect(shared.at).toBe(2);
  });

  it('begins at the end of the log, where it has never told', async () => {
    const shared = new Shared();
    await shared.events([entityCreated(), entityUpdated()]);
    const { position } = await teller(shared);
    expect(await position()).toBe(2);
    await shared.events([entityUpdated()]);
    expect(await position()).toBe(2);
  });

  it('is done by one node; another waits, and goes on from there when the first is gone', async () => {
    const shared = new Shared();
    const [first, second] = [await teller(shared), await teller(shared)];
    first.progress.advance(100);
    second.progress.advance(100);
    const events = await shared.events([entityCreated(), entityUpdated()]);
    await first.tell(events.slice(0, 1));
    const waiting = second.tell(events.slice(1));
    await second.clock.advance(5_000);
    expect(told(shared)).toHaveLength(1);
    shared.isLocked = false;
    await second.clock.advance(1_000);
    expect(await waiting).toBe(2);
    expect(told(shared).map(({ position }) => position)).toEqual([1, 2]);
  });

  it('stops waiting, for the lock or for the rows, when the node drains', async () => {
    const shared = new Shared();
    const [first, second] = [await teller(shared), await teller(shared)];
    const events = await shared.events([entityCreated()]);
    const waiting = [first.tell(events), second.tell(events)];
    await quiet();
    for (const { abort } of [first, second]) abort.abort(new Error('drains'));
    for (const one of waiting) await expect(one).rejects.toThrow('drains');
    expect(second.clock.waiting + first.progress.waiting).toBe(0);
  });

  it('has no rows to build anew', async () => {
    const { begin } = tellingNotifications(new Shared() as never);
    await expect(begin(1)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});
