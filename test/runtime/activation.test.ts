import { describe, expect, it } from 'vitest';
import { entity } from '#actors';
import { MemoryLog, MemorySnapshots } from '#adapters/memory';
import { type ActorDefinition, limits, RuntimeError } from '#runtime';
import { createEntity, onTheBus, updateEntity } from '#test/messages';
import { inTime, stage } from '#test/stage';

const stream = 'entity-acme/issue-1';
const write = (at: number) => onTheBus(updateEntity({ at, properties: { value: at } }));

describe('an activation', () => {
  it('takes everything that waits in one turn, and appends once', async () => {
    const { bus, telemetry } = await stage();
    await bus.publish([write(0), write(1), write(2)]);
    expect(telemetry.all('turn-appended')).toEqual([
      { name: 'turn-appended', stream, messages: 3, events: 3, ms: 0 },
    ]);
  });

  it('decides no more in one turn than it may', async () => {
    const { bus, telemetry } = await stage({ limits: { turnMessagesMax: 2 } });
    await bus.publish([write(0), write(1), write(2)]);
    expect(telemetry.all('turn-appended').map(({ messages }) => messages)).toEqual([2, 1]);
  });

  it('turns messages away when its mailbox is full, and takes them later', async () => {
    const { bus, clock, log, telemetry } = await stage({
      limits: { mailboxMessagesMax: 2, turnMessagesMax: 1 },
    });
    await inTime(clock, bus.publish([0, 1, 2, 3, 4].map(write)));
    expect(telemetry.all('message-abandoned').map(({ code }) => code)).toContain('BUS_SATURATED');
    expect((await log.readStream(stream)).map(({ data }) => data)).toContainEqual(
      expect.objectContaining({ changed: { value: 4 } }),
    );
  });

  it('loses the race of two owners, reads again and decides again', async () => {
    const log = new MemoryLog();
    const [one, other] = [await stage({ log }), await stage({ log })];
    await one.bus.publish([write(0)]);
    await other.bus.publish([write(1)]);
    await one.bus.publish([write(2)]);
    expect(one.telemetry.all('append-conflicted')).toEqual([
      { name: 'append-conflicted', stream, actual: 1 },
    ]);
    expect((await log.readStream(stream)).map(({ revision }) => revision)).toEqual([0, 1, 2]);
  });

  it('gives up a race that it keeps losing', async () => {
    const { bus, clock, log } = await stage();
    log.onAppend = async () => ({ kind: 'conflict', actual: 7 });
    await expect(inTime(clock, bus.publish([write(0)]))).rejects.toMatchObject({
      code: 'CONFLICT_UNRESOLVED',
    });
  });

  it('reads again after an append whose outcome it never learned', async () => {
    const { bus, clock, log } = await stage();
    await bus.publish([write(0)]);
    log.onAppend = async (append, ...args) => {
      await append(...args);
      throw new RuntimeError('LOG_UNAVAILABLE', 'no reply');
    };
    const unlucky = write(1);
    await inTime(clock, bus.publish([unlucky]));
    log.onAppend = (append, ...args) => append(...args);
    await bus.publish([unlucky, write(2)]);
    expect(await log.readStream(stream)).toHaveLength(3);
  });

  it('saves a snapshot every so many events, and wakes from it', async () => {
    const snapshots = new MemorySnapshots();
    const log = new MemoryLog();
    const options = { log, snapshots, limits: { snapshotEveryEvents: 5 } };
    const first = await stage(options);
    for (let at = 0; at < 12; at++) await first.bus.publish([write(at)]);
    expect(first.telemetry.all('snapshot-saved').map(({ revision }) => revision)).toEqual([4, 9]);

    const second = await stage(options);
    await second.bus.publish([write(12)]);
    expect(second.telemetry.all('actor-activated')).toEqual([
      { name: 'actor-activated', stream, replayed: 2 },
    ]);
    expect(await log.readStream(stream)).toHaveLength(13);
  });

  it('drops a snapshot that another version of the machine made', async () => {
    const snapshots = new MemorySnapshots();
    const log = new MemoryLog();
    const options = { log, snapshots, limits: { snapshotEveryEvents: 5 } };
    const before = await stage(options);
    for (let at = 0; at < 6; at++) await before.bus.publish([write(at)]);

    const newer = { ...entity, version: entity.version + 1 } as ActorDefinition;
    const after = await stage({ ...options, actors: [newer] });
    await after.bus.publish([write(6)]);
    expect(after.telemetry.all('actor-activated')).toMatchObject([{ replayed: 6 }]);
  });

  it('goes on without a snapshot that cannot be read or saved', async () => {
    const broken = {
      load: () => Promise.reject(new RuntimeError('DATA_CORRUPT', 'unreadable')),
      save: () => Promise.reject(new RuntimeError('LOG_FULL', 'no room')),
    };
    const { bus, log, telemetry } = await stage({
      snapshots: broken,
      limits: { snapshotEveryEvents: 1 },
    });
    await bus.publish([write(0)]);
    expect(await log.readStream(stream)).toHaveLength(1);
    expect(telemetry.all('snapshot-failed')).toHaveLength(2);
  });

  it('recovers a long stream page by page', async () => {
    const log = new MemoryLog();
    const { bus } = await stage({ log });
    for (let at = 0; at < 1_100; at += limits.turnMessagesMax) {
      const turn = Array.from({ length: limits.turnMessagesMax }, (_, index) => write(at + index));
      await bus.publish(turn);
    }
    const fresh = await stage({ log });
    await fresh.bus.publish([write(9_999)]);
    expect(fresh.telemetry.all('actor-activated')[0]?.replayed).toBeGreaterThan(1_000);
    expect(fresh.telemetry.all('append-conflicted')).toEqual([]);
  });

  it('keeps a message whose actor has events of a newer version as a dead letter', async () => {
    const log = new MemoryLog();
    const event = { id: 'x', type: 'EntityCreated', schemaVersion: 99, data: {} };
    const metadata = { messageId: 'x', recordedAt: '2026-11-24T12:00:00.000Z' };
    await log.append(stream, [{ ...event, metadata }], 'no_stream');
    const { bus } = await stage({ log });
    await bus.publish([write(0)]);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 1 })).toMatchObject([
      { reason: { code: 'EVENT_VERSION_UNKNOWN' } },
    ]);
  });
});

describe('the directory', () => {
  const touch = (id: string) => onTheBus(createEntity({ id }));

  it('keeps no more actors awake than it may: the longest idle one goes', async () => {
    const { bus, runtime, telemetry } = await stage({ limits: { activeActorsMax: 2 } });
    for (const id of ['a', 'b', 'a', 'c']) await bus.publish([touch(id)]);
    expect(runtime.activeActors).toBe(2);
    expect(telemetry.all('actor-passivated')).toEqual([
      { name: 'actor-passivated', stream: 'entity-acme/b', reason: 'bound' },
    ]);
  });

  it('puts actors to sleep that nobody has written to for a while', async () => {
    const { bus, clock, runtime, telemetry } = await stage();
    await bus.publish([touch('a')]);
    await clock.advance(limits.actorIdleMs / 2);
    await bus.publish([touch('b')]);
    await clock.advance(limits.actorIdleMs / 2 + limits.actorSweepMs);
    expect(telemetry.all('actor-passivated').map(({ stream }) => stream)).toEqual([
      'entity-acme/a',
    ]);
    expect(runtime.activeActors).toBe(1);
  });

  it('never puts an actor to sleep that is at work', async () => {
    const { bus, log, clock } = await stage({ limits: { activeActorsMax: 1 } });
    const disk = Promise.withResolvers<void>();
    log.onAppend = async (append, ...args) => {
      await disk.promise;
      return append(...args);
    };
    const first = bus.publish([touch('a')]);
    const second = bus.publish([touch('b')]);
    await clock.advance(1);
    disk.resolve();
    await inTime(clock, Promise.all([first, second]));
    expect(await log.readStream('entity-acme/a')).toHaveLength(1);
    expect(await log.readStream('entity-acme/b')).toHaveLength(1);
  });
});
