import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from 'vitest';
import { InProcessBus, MemoryLog } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import {
  type BusMessage,
  type Delivery,
  type Log,
  limits,
  type ReadAllOptions,
  RuntimeError,
} from '#runtime';
import { ManualClock } from '#test/clock';
import { createEntity, onTheBus } from '#test/messages';
import { inTime } from '#test/stage';
import { describeBus } from '../contracts/bus.ts';

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

describeBus('the in-process bus, held to its port', async () => {
  const log = new MemoryLog();
  return {
    open: async () => {
      const bus = new InProcessBus({ log, clock: systemClock, ids: systemIds });
      // Nothing is opened, so there is nothing to close but what a test consumes.
      return { bus, close: async () => undefined };
    },
    dispose: () => log.close(),
  };
});

describe('the in-process bus', () => {
  it('counts its dead letters by what is new in the log, which others write too', async () => {
    let read = 0;
    class CountedLog extends MemoryLog {
      override async readAll(options: ReadAllOptions) {
        const events = await super.readAll(options);
        read += events.length;
        return events;
      }
    }
    const log = new CountedLog();
    const { bus } = await busOn(refuseAll, log);
    const { bus: another } = await busOn(refuseAll, log);
    const many = Array.from({ length: 150 }, (_, n) => letter(`m-${n}`, `tenant-${n % 7}`));
    await another.publish(many);
    expect(await bus.deadLetters.count()).toBe(150);
    expect(read).toBe(150);
    await another.publish([letter('one-more')]);
    expect(await bus.deadLetters.purge({ tenantId: 'tenant-0' })).toBe(22);
    expect(await Promise.all([bus.deadLetters.count(), bus.deadLetters.count()])).toEqual([
      129, 129,
    ]);
    expect(await bus.deadLetters.count()).toBe(129);
    expect(read).toBeLessThanOrEqual(150 + 2 * 2);
  });

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

  it('handles a message outside of the context of who published it and who settled another', async () => {
    const around = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const settling = async (delivery: Delivery) => {
      seen.push(around.getStore());
      await around.run('settlement', () => delivery.complete());
    };
    const { bus } = await busOn(settling, new MemoryLog(), 1);
    await around.run('publication', () => bus.publish([letter('a'), letter('b')]));
    expect(seen).toEqual([undefined, undefined]);
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
});

describe('dead letters', () => {
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

  it('are counted by redrive where they did not come back', async () => {
    let isMended = false;
    const { bus } = await busOn((delivery) =>
      isMended ? delivery.complete() : refuseAll(delivery),
    );
    await bus.publish([letter('a'), letter('b')]);
    expect(await bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(0);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toHaveLength(2);
    isMended = true;
    expect(await bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(2);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toEqual([]);
  });

  it('are kept again when they come again after a purge', async () => {
    const { bus } = await busOn(refuseAll);
    await bus.publish([letter('a')]);
    expect(await bus.deadLetters.purge({ tenantId: 'acme' })).toBe(1);
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
