import { describe, expect, it } from 'vitest';
import { contracts, entity } from '#actors';
import { MemoryLog, MemorySnapshots } from '#adapters/memory';
import { type ActorDefinition, type Delivery, limits, RuntimeError } from '#runtime';
import { ManualClock } from '#test/clock';
import { createEntity, deleteEntity, onTheBus, updateEntity } from '#test/messages';
import { inTime, plainIds, stage } from '#test/stage';
import { Recorder } from '#test/telemetry';
import { Directory } from '../../runtime/directory.ts';
import { Dispatcher } from '../../runtime/dispatcher.ts';

const unavailable = () => new RuntimeError('LOG_UNAVAILABLE', 'the log is away');

describe('the dispatcher', () => {
  it('settles a message only after its events are durable', async () => {
    const { bus, log } = await stage();
    const disk = Promise.withResolvers<void>();
    log.onAppend = async (append, ...args) => {
      await disk.promise;
      return append(...args);
    };
    let isSettled = false;
    const published = bus.publish([onTheBus(createEntity())]).then(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    disk.resolve();
    await published;
    expect(await log.readStream('entity-acme/issue-1')).toHaveLength(1);
  });

  it('tells that a message is completed only once its bus has taken that', async () => {
    const telemetry = new Recorder();
    const clock = new ManualClock();
    const [log, snapshots] = [new MemoryLog(), new MemorySnapshots()];
    const around = { log, snapshots, telemetry, clock, ids: plainIds, limits };
    const directory = new Directory([entity as ActorDefinition], around);
    const dispatcher = new Dispatcher(contracts, directory, around);
    let failures = 1;
    const delivery: Delivery = {
      message: onTheBus(createEntity()),
      deliveryCount: 1,
      complete: async () => {
        if (failures-- > 0) throw new RuntimeError('BUS_UNAVAILABLE', 'the lock is lost');
      },
      abandon: () => Promise.reject(new Error('it was abandoned')),
      deadLetter: () => Promise.reject(new Error('it was dead-lettered')),
    };
    await expect(dispatcher.handle(delivery)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    expect(telemetry.all('message-completed')).toEqual([]);
    await dispatcher.handle(delivery);
    expect(telemetry.all('message-completed')).toHaveLength(1);
  });

  it('decides messages of one actor in the order of publishing', async () => {
    const { bus, log } = await stage();
    await bus.publish([
      onTheBus(createEntity({ at: 0 })),
      onTheBus(deleteEntity({ at: 1 })),
      onTheBus(createEntity({ at: 2 })),
    ]);
    const events = await log.readStream('entity-acme/issue-1');
    expect(events.map(({ type }) => type)).toEqual([
      'EntityCreated',
      'EntityDeleted',
      'EntityCreated',
    ]);
  });

  it('dead-letters what breaks its contract, with the reason and the original bytes', async () => {
    const { bus, telemetry } = await stage();
    const body = JSON.stringify({ ...createEntity({ messageId: 'bad' }), payload: {} });
    await bus.publish([
      { messageId: 'bad', body },
      { messageId: 'noise', body: Uint8Array.of(0xff, 0x00) },
      onTheBus(createEntity()),
    ]);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 10 })).toMatchObject([
      { messageId: 'bad', body, encoding: 'utf8', reason: { code: 'MESSAGE_INVALID' } },
    ]);
    expect(await bus.deadLetters.peek({ tenantId: null, limit: 10 })).toMatchObject([
      {
        messageId: 'noise',
        body: '/wA=',
        encoding: 'base64',
        reason: { code: 'MESSAGE_NOT_JSON' },
      },
    ]);
    expect(telemetry.all('message-completed')).toHaveLength(1);
  });

  it('lets a message that can not be taken fail alone within its turn', async () => {
    const { bus, log } = await stage();
    const many = Object.fromEntries(
      Array.from({ length: limits.propertiesMax }, (_, index) => [`p${index}`, index]),
    );
    await bus.publish([
      onTheBus(createEntity({ at: 0, properties: many })),
      onTheBus(updateEntity({ messageId: 'poison', at: 1, properties: { more: 1 } })),
      onTheBus(updateEntity({ at: 2, properties: { p0: 'new' } })),
    ]);
    expect(await log.readStream('entity-acme/issue-1')).toHaveLength(2);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 10 })).toMatchObject([
      { messageId: 'poison', reason: { code: 'STATE_TOO_LARGE' } },
    ]);
  });

  it('tries the messages of a refused append one by one, so that only the guilty one falls', async () => {
    const { bus, log } = await stage();
    log.onAppend = (append, stream, events, expected) =>
      events.some(({ metadata }) => metadata.messageId === 'huge')
        ? Promise.reject(new RuntimeError('EVENT_TOO_LARGE', 'too large'))
        : append(stream, events, expected);
    await bus.publish([
      onTheBus(createEntity({ at: 0 })),
      onTheBus(updateEntity({ messageId: 'huge', at: 1, properties: { a: 1 } })),
      onTheBus(updateEntity({ at: 2, properties: { b: 2 } })),
    ]);
    expect(await log.readStream('entity-acme/issue-1')).toHaveLength(2);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 10 })).toMatchObject([
      { messageId: 'huge', reason: { code: 'EVENT_TOO_LARGE' } },
    ]);
  });

  it('tries again while the log is away, and loses nothing', async () => {
    const { bus, log, clock, telemetry } = await stage();
    let failures = 12;
    log.onAppend = (append, ...args) =>
      failures-- > 0 ? Promise.reject(unavailable()) : append(...args);
    await inTime(clock, bus.publish([onTheBus(createEntity())]));
    expect(await log.readStream('entity-acme/issue-1')).toHaveLength(1);
    expect(telemetry.all('message-abandoned')).toHaveLength(2);
  });

  it('gives a message back to its publisher when the log stays away', async () => {
    const { bus, log, clock } = await stage();
    log.onAppend = () => Promise.reject(unavailable());
    await expect(inTime(clock, bus.publish([onTheBus(createEntity())]))).rejects.toMatchObject({
      code: 'LOG_UNAVAILABLE',
    });
  });

  it('recognises its own append after a lost reply', async () => {
    const { bus, log, clock } = await stage();
    let isFirst = true;
    log.onAppend = async (append, ...args) => {
      const result = await append(...args);
      if (!isFirst) return result;
      isFirst = false;
      throw unavailable();
    };
    await inTime(clock, bus.publish([onTheBus(createEntity())]));
    await bus.publish([onTheBus(updateEntity({ at: 1, properties: { a: 1 } }))]);
    expect(await log.readStream('entity-acme/issue-1')).toHaveLength(2);
  });

  it('keeps no more in flight than it may, and the bus no more waiting', async () => {
    const { bus, log } = await stage({ limits: { inFlightMessagesMax: 3 } });
    let inFlight = 0;
    let most = 0;
    const releases: (() => void)[] = [];
    log.onAppend = async (append, ...args) => {
      most = Math.max(most, ++inFlight);
      await new Promise<void>((resolve) => releases.push(resolve));
      inFlight -= 1;
      return append(...args);
    };
    const messages = Array.from({ length: 10 }, (_, index) =>
      onTheBus(createEntity({ id: `issue-${index}` })),
    );
    let isDone = false;
    const published = bus.publish(messages).then(() => {
      isDone = true;
    });
    while (!isDone) {
      releases.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await published;
    expect(most).toBe(3);
    await expect(
      bus.publish(new Array(limits.busWaitingMessagesMax + 1).fill(messages[0])),
    ).rejects.toMatchObject({ code: 'BUS_SATURATED' });
  });

  it('drains on stop: what is in flight settles, what comes later is turned away', async () => {
    const { bus, log, runtime } = await stage();
    const published = bus.publish([onTheBus(createEntity())]);
    expect(await runtime.stop()).toBe(true);
    await published;
    expect(await log.readStream('entity-acme/issue-1')).toHaveLength(1);
    await expect(bus.publish([onTheBus(createEntity())])).rejects.toMatchObject({
      code: 'SHUTTING_DOWN',
    });
  });
});
