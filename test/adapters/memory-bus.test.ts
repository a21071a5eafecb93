import { describe, expect, it } from 'vitest';
import { InProcessBus, MemoryLog } from '#adapters/memory';
import { systemIds } from '#adapters/system';
import { type BusMessage, type Delivery, type Log, limits, RuntimeError } from '#runtime';
import { ManualClock } from '#test/clock';
import { createEntity, onTheBus } from '#test/messages';
import { inTime } from '#test/stage';

const letter = (messageId: string, tenantId = 'acme'): BusMessage => ({
  messageId,
  body: JSON.stringify({ messageId, tenantId }),
});
const reason = { code: 'MESSAGE_INVALID', detail: 'for the test' };

async function busOn(
  handler: (delivery: Delivery) => Promise<void>,
  log: Log = new MemoryLog(),
  inFlightMax = 10,
) {
  const clock = new ManualClock();
  const bus = new InProcessBus({ log, clock, ids: systemIds });
  const stop = await bus.consume(handler, { inFlightMax });
  return { bus, clock, log, stop };
}

const refuseAll = (delivery: Delivery) => delivery.deadLetter(reason);

describe('the in-process bus', () => {
  it('resolves a publish when the last of its messages is settled', async () => {
    const settled: string[] = [];
    const { bus } = await busOn(async (delivery) => {
      await Promise.resolve();
      settled.push(delivery.message.messageId);
      await delivery.complete();
    });
    await bus.publish([letter('a'), letter('b')]);
    expect(settled).toEqual(['a', 'b']);
  });

  it('delivers an abandoned message again after a pause, and says how often it came', async () => {
    const counts: number[] = [];
    const { bus, clock } = await busOn(async (delivery) => {
      counts.push(delivery.deliveryCount);
      if (delivery.deliveryCount < 3) {
        await delivery.abandon({ code: 'LOG_UNAVAILABLE', detail: 'away' });
      } else await delivery.complete();
    });
    await inTime(clock, bus.publish([letter('a')]));
    expect(counts).toEqual([1, 2, 3]);
  });

  it('delivers again what its handler failed to settle', async () => {
    const { bus, clock } = await busOn(async (delivery) => {
      if (delivery.deliveryCount === 1) throw new Error('the settlement failed');
      await delivery.complete();
    });
    await inTime(clock, bus.publish([letter('a')]));
  });

  it('gives a message back with its reason after its last delivery', async () => {
    const { bus, clock } = await busOn((delivery) =>
      delivery.abandon({ code: 'CONFLICT_UNRESOLVED', detail: 'again and again' }),
    );
    await expect(inTime(clock, bus.publish([letter('a')]))).rejects.toMatchObject({
      code: 'CONFLICT_UNRESOLVED',
    });
  });

  it('gives back what waits and what pauses when it stops', async () => {
    const hold = Promise.withResolvers<void>();
    const { bus, stop } = await busOn(
      async (delivery) => {
        if (delivery.message.messageId === 'pausing') {
          return delivery.abandon({ code: 'LOG_UNAVAILABLE', detail: 'away' });
        }
        await hold.promise;
        await delivery.complete();
      },
      new MemoryLog(),
      1,
    );
    const pausing = bus.publish([letter('pausing')]);
    const underWay = bus.publish([letter('under way')]);
    const waiting = bus.publish([letter('waiting')]);
    const refused = Promise.all(
      [pausing, waiting].map((promise) =>
        expect(promise).rejects.toMatchObject({ code: 'SHUTTING_DOWN' }),
      ),
    );
    const stopped = stop();
    hold.resolve();
    await Promise.all([underWay, stopped, refused]);
  });

  it('has one consumer', async () => {
    const { bus } = await busOn(refuseAll);
    await expect(bus.consume(refuseAll, { inFlightMax: 1 })).rejects.toThrow(/consumer/);
  });
});

describe('dead letters', () => {
  it('outlive the process, oldest first, page by page, of one tenant only', async () => {
    const log = new MemoryLog();
    const { bus } = await busOn(refuseAll, log);
    await bus.publish([letter('a'), letter('b'), letter('x', 'beta'), letter('c')]);

    const { bus: later } = await busOn(refuseAll, log);
    const first = await later.deadLetters.peek({ tenantId: 'acme', limit: 2 });
    expect(first.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
    const after = first.at(-1)!.id;
    const rest = await later.deadLetters.peek({ tenantId: 'acme', limit: 2, after });
    expect(rest.map(({ messageId }) => messageId)).toEqual(['c']);
    await later.deadLetters.purge({ tenantId: 'acme', ids: [after] });
    expect(await later.deadLetters.peek({ tenantId: 'acme', limit: 2, after })).toEqual(rest);
    expect(await later.deadLetters.get({ tenantId: 'beta', id: rest[0]!.id })).toBeNull();
  });

  it('keep a body of many megabytes whole', async () => {
    const { bus } = await busOn(refuseAll);
    const body = `{"tenantId":"acme","text":"${'\u2028ü'.repeat(2 * 1024 * 1024)}"}`;
    await bus.publish([{ messageId: 'big', body }]);
    const [kept] = await bus.deadLetters.peek({ tenantId: 'acme', limit: 1 });
    expect(kept?.body === body).toBe(true);
  });

  it('keep the same letter once, though it comes again', async () => {
    const log = new MemoryLog();
    for (let start = 0; start < 2; start++) {
      const { bus } = await busOn(refuseAll, log);
      await Promise.all([bus.publish([letter('a')]), bus.publish([letter('a')])]);
      expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toHaveLength(1);
    }
    expect(await log.readStream('deadletter-acme')).toHaveLength(1);
  });

  it('are kept once by two nodes at the same moment', async () => {
    const log = new MemoryLog();
    const [one, other] = [await busOn(refuseAll, log), await busOn(refuseAll, log)];
    const send = ({ bus }: typeof one) => bus.publish([letter('a'), letter('b')]);
    await Promise.all([send(one), send(other)]);
    expect(await log.readStream('deadletter-acme')).toHaveLength(2);
  });

  it('are delivered again by redrive, and gone when that went well', async () => {
    let isMended = false;
    const { bus } = await busOn((delivery) =>
      isMended ? delivery.complete() : refuseAll(delivery),
    );
    await bus.publish([letter('a'), letter('b')]);
    expect(await bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(0);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toHaveLength(2);
    isMended = true;
    const [{ id } = { id: '' }] = await bus.deadLetters.peek({ tenantId: 'acme', limit: 1 });
    expect(await bus.deadLetters.redrive({ tenantId: 'acme', ids: [id, 'unknown'] })).toBe(1);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toMatchObject([
      { messageId: 'b' },
    ]);
  });

  it('are redriven with the bytes that they came with', async () => {
    const bodies: unknown[] = [];
    const { bus } = await busOn((delivery) => {
      bodies.push(delivery.message.body);
      return bodies.length === 1 ? refuseAll(delivery) : delivery.complete();
    });
    await bus.publish([{ messageId: 'raw', body: Uint8Array.of(0xff, 0, 7) }]);
    expect(await bus.deadLetters.redrive({ tenantId: null })).toBe(1);
    expect(Uint8Array.from(bodies[1] as Uint8Array)).toEqual(Uint8Array.of(0xff, 0, 7));
  });

  it('are forgotten by purge, and kept again when they come again', async () => {
    const { bus } = await busOn(refuseAll);
    await bus.publish([letter('a'), letter('b')]);
    expect(await bus.deadLetters.purge({ tenantId: 'acme' })).toBe(2);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toEqual([]);
    await bus.publish([letter('a')]);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toHaveLength(1);
  });

  it('hold the message up while they can not be written, and lose it never', async () => {
    const inner = new MemoryLog();
    let failures = 2;
    const log: Log = Object.assign(Object.create(inner), {
      append: (...args: Parameters<Log['append']>) =>
        failures-- > 0
          ? Promise.reject(new RuntimeError('LOG_FULL', 'no room'))
          : inner.append(...args),
    });
    for (const method of ['readStream', 'readAll', 'head', 'subscribe', 'close'] as const) {
      Object.assign(log, { [method]: (inner[method] as () => unknown).bind(inner) });
    }
    const { bus, clock } = await busOn(refuseAll, log);
    await inTime(clock, bus.publish([onTheBus(createEntity())]));
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toHaveLength(1);
  });

  it('are moved a bounded number at a time', async () => {
    const { bus } = await busOn(refuseAll);
    const many = Array.from({ length: limits.deadLettersPageMax + 5 }, (_, n) => letter(`m${n}`));
    await bus.publish(many);
    expect(await bus.deadLetters.purge({ tenantId: 'acme' })).toBe(limits.deadLettersPageMax);
    expect(await bus.deadLetters.purge({ tenantId: 'acme' })).toBe(5);
  });
});
