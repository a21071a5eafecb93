/** Sending to brokers that misbehave: whoever publishes hears of it in time, and nothing is lost. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '#adapters/system';
import { type Limits, limits as standardLimits } from '#runtime';
import { openRudeBroker, type RudeBroker } from '#test/rude-broker';
import { quickLimits } from '#test/service-bus';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';
import { Line } from '../../adapters/service-bus/line.ts';
import { Sending } from '../../adapters/service-bus/sending.ts';

let broker: RudeBroker;
const cleanUps: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  broker = await openRudeBroker();
  cleanUps.push(() => broker.close());
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const message = (n: number, bytes = 10) => ({
  messageId: `m${n}`,
  body: Buffer.alloc(bytes, String(n)),
});

function sendingWith(more: Partial<Limits> = {}) {
  const limits = { ...standardLimits, ...quickLimits, busSendMs: 200, ...more };
  const { connectionString } = broker;
  const line = new Line({
    access: { connectionString },
    timeoutMs: 1_000,
    clock: systemClock,
    limits,
  });
  const telemetry = new Recorder();
  const sending = new Sending({ line, topic: 'topic', limits, telemetry });
  cleanUps.push(async () => {
    await sending.close();
    await line.close();
  });
  return { sending, telemetry };
}

const unavailable = { code: 'BUS_UNAVAILABLE' };

describe('sending', () => {
  it('resolves when the broker has taken it, not before', async () => {
    const { sending } = sendingWith({ busSendMs: 5_000 });
    const taken = Promise.withResolvers<() => void>();
    broker.onSent = ({ delivery }) => taken.resolve(() => delivery.accept());
    let isStored = false;
    const sent = sending.send([message(1)]).then(() => {
      isStored = true;
    });
    const take = await taken.promise;
    expect(isStored).toBe(false);
    take();
    await sent;
  });

  it('gathers what is sent meanwhile in one batch, in order', async () => {
    const { sending } = sendingWith();
    let batches = 0;
    broker.onSent = ({ delivery }) => {
      batches += 1;
      delivery.accept();
    };
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => sending.send([message(n)]).then(() => order.push(n))),
    );
    expect(order).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(batches).toBe(1);
  });

  it('tries again what a broker was too busy for', async () => {
    const { sending, telemetry } = sendingWith();
    let attempts = 0;
    broker.onSent = ({ delivery }) => {
      attempts += 1;
      if (attempts < 3) delivery.reject({ condition: 'com.microsoft:server-busy' });
      else delivery.accept();
    };
    await sending.send([message(1)]);
    expect(attempts).toBe(3);
    expect(telemetry.all('bus-retried')).toHaveLength(2);
  });

  it('gives up after a few attempts, and says with what the broker answered', async () => {
    const { sending } = sendingWith();
    broker.onSent = ({ delivery }) => delivery.reject({ condition: 'com.microsoft:server-busy' });
    const refused = sending.send([message(1)]);
    await expect(refused).rejects.toMatchObject(unavailable);
    await expect(refused).rejects.toThrow(/sending to topic: ServiceBusy/);
  });

  it('does not repeat what can never be taken', async () => {
    const { sending } = sendingWith();
    let attempts = 0;
    broker.onSent = ({ delivery }) => {
      attempts += 1;
      delivery.reject({ condition: 'amqp:link:message-size-exceeded' });
    };
    await expect(sending.send([message(1)])).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(attempts).toBe(1);
  });

  it.each(['at the first token', 'in mid-batch'])(
    'hears at once that a broker hung up, %s',
    async (when) => {
      // Longer than the test may take: what is waited for is not the patience.
      const { sending } = sendingWith({ busSendMs: 120_000 });
      let hangUps = 1;
      if (when === 'at the first token') broker.hangUpsAtToken = hangUps--;
      broker.onSent = (sent) => {
        if (hangUps-- > 0) sent.hangUp();
        else sent.delivery.accept();
      };
      await sending.send([message(1)]);
    },
  );

  it.each([
    [
      'closes the link',
      (sent: Parameters<RudeBroker['onSent']>[0]) => sent.closeLink('amqp:link:detach-forced'),
    ],
    ['does not answer', () => undefined],
  ])('goes on when a broker %s in mid-batch', async (_, offend) => {
    const { sending } = sendingWith();
    let attempts = 0;
    broker.onSent = (sent) => {
      attempts += 1;
      if (attempts === 1) offend(sent);
      else sent.delivery.accept();
    };
    await sending.send([message(1), message(2)]);
    expect(attempts).toBe(2);
  });

  it('says in time that a broker never answers', async () => {
    const { sending } = sendingWith();
    await expect(sending.send([message(1)])).rejects.toMatchObject(unavailable);
  });

  it('asks a broker that failed too often no more for a while, then again', async () => {
    const { sending } = sendingWith({ busBreakerMs: 500 });
    let [attempts, isWell] = [0, false];
    broker.onSent = ({ delivery }) => {
      attempts += 1;
      if (isWell) delivery.accept();
      else delivery.reject({ condition: 'com.microsoft:server-busy' });
    };
    for (let call = 0; call < 2; call++) {
      await expect(sending.send([message(1)])).rejects.toThrow(/ServiceBusy/);
    }
    const before = attempts;
    await expect(sending.send([message(1)])).rejects.toMatchObject(unavailable);
    await expect(sending.send([message(1)])).rejects.toThrow(/failed too often; it is paused/);
    expect(attempts).toBe(before);
    isWell = true;
    await until('it is asked again', () =>
      sending.send([message(1)]).then(
        () => true,
        () => false,
      ),
    );
  });

  it('fails those alone whose batch failed', async () => {
    const { sending } = sendingWith({ busSendRetriesMax: 0 });
    let batches = 0;
    broker.onSent = ({ delivery }) => {
      batches += 1;
      if (batches === 2) delivery.reject({ condition: 'com.microsoft:server-busy' });
      else delivery.accept();
    };
    const sizes = [150_000, 150_000, 150_000];
    const outcomes = await Promise.allSettled(
      sizes.map((size, n) => sending.send([message(n, size)])),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('sends one order that fills many batches, all or says so', async () => {
    const { sending } = sendingWith();
    let batches = 0;
    broker.onSent = ({ delivery }) => {
      batches += 1;
      delivery.accept();
    };
    await sending.send(Array.from({ length: 6 }, (_, n) => message(n, 100_000)));
    expect(batches).toBe(3);
  });

  it('finishes what was asked for when it closes, and takes nothing after', async () => {
    const { sending } = sendingWith();
    broker.onSent = ({ delivery }) => delivery.accept();
    const sent = sending.send([message(1)]);
    await Promise.all([sending.close(), sent]);
    await expect(sending.send([message(2)])).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});
