/**
 * What a `Bus` on a broker promises beyond bus.ts: messages outlive those who consume them, several nodes
 * share the shards, and a node that dies, stalls or loses its way costs time and no message.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import type { Bus, BusMessage, Delivery } from '#runtime';
import { until } from '#test/until';
import { actorOf, messageFor, runtimeOn } from './bus.ts';

export interface Node {
  readonly bus: Bus;
  /** Stalls the way between this node and the broker, for good; neither hears of it. */
  vanish(): void;
  /** Breaks the way, and refuses to make it anew until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export interface BrokerUnderTest {
  open(): Promise<Node>;
  /** How long a lock lasts that is not renewed. */
  readonly lockMs: number;
  dispose(): Promise<void>;
}

const actors = Array.from({ length: 24 }, (_, actor) => `issue-${actor}`);
const passing = { code: 'LOG_UNAVAILABLE', detail: 'away for a moment' };

/** One start of a delivery, in the order in which all nodes saw them. */
interface Start {
  readonly node: string;
  readonly actor: string;
  readonly n: number;
}

export function describeBusNodes(name: string, make: () => Promise<BrokerUnderTest>): void {
  describe(name, () => {
    let under: BrokerUnderTest;
    let starts: Start[];
    const opened: Node[] = [];

    const open = async () => {
      const node = await under.open();
      opened.push(node);
      return node;
    };
    beforeEach(async () => {
      under = await make();
      starts = [];
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((node) => node.close()));
      await under.dispose();
    });

    /** Consumes as `name`; notes each start, then handles, by default by completing. */
    const consume = (
      { bus }: Node,
      name: string,
      handle = (delivery: Delivery) => delivery.complete(),
      inFlightMax = 100,
    ) =>
      bus.consume(
        (delivery) => {
          const [actor, n] = actorOf(delivery);
          starts.push({ node: name, actor, n });
          return handle(delivery);
        },
        { inFlightMax },
      );
    const publish = async ({ bus }: Node, from: number, to: number) => {
      for (let n = from; n < to; n++)
        await bus.publish(actors.map((actor) => messageFor(actor, n)));
    };
    const startsOf = (actor: string, node?: string) =>
      starts.flatMap((one) =>
        one.actor === actor && (node === undefined || one.node === node) ? [one.n] : [],
      );
    const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

    it('keeps what is published until somebody consumes, in order', async () => {
      const [first, second] = [await open(), await open()];
      await publish(first, 0, 5);
      await first.close();
      await consume(second, 'second');
      await until('all came', () => starts.length === actors.length * 5);
      for (const actor of actors) expect([actor, startsOf(actor)]).toEqual([actor, numbers(5)]);
    });

    it('brings an abandoned message again before what follows it', async () => {
      const node = await open();
      await node.bus.publish(numbers(4).map((n) => messageFor('issue-1', n)));
      const once = async (delivery: Delivery) => {
        const [, n] = actorOf(delivery);
        const isFirst = startsOf('issue-1').filter((one) => one === n).length === 1;
        return n < 2 && isFirst ? delivery.abandon(passing) : delivery.complete();
      };
      await consume(node, 'node', once, 1);
      await until('the last came', () => startsOf('issue-1').includes(3));
      expect(startsOf('issue-1')).toEqual([0, 0, 1, 1, 2, 3]);
    });

    it('goes on with an outage for as long as it lasts, and makes no dead letters of it', async () => {
      const node = await open();
      let isAway = true;
      await consume(node, 'node', (delivery) =>
        isAway ? delivery.abandon(passing) : delivery.complete(),
      );
      await node.bus.publish([messageFor('issue-1', 0), messageFor('issue-1', 1)]);
      // More than the ten deliveries after which a broker gives a message up.
      await until('it was tried many times', () => starts.length > 24, 20_000);
      isAway = false;
      const before = starts.length;
      await until('both came through', () => starts.length >= before + 2);
      expect(await node.bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toEqual([]);
    });

    it('shares shards between nodes, each message once, each actor in order', async () => {
      const [first, second] = [await open(), await open()];
      await consume(first, 'first');
      await consume(second, 'second');
      await publish(first, 0, 20);
      await until('all came', () => starts.length >= actors.length * 20);
      for (const actor of actors) expect([actor, startsOf(actor)]).toEqual([actor, numbers(20)]);
      expect(new Set(starts.map(({ node }) => node))).toEqual(new Set(['first', 'second']));
    });

    it('gives a node that joins its share, though the other is busy all the time', async () => {
      const [first, second] = [await open(), await open()];
      let isBusy = true;
      let sent = 0;
      await consume(first, 'first');
      const load = (async () => {
        for (; isBusy; sent++) await publish(first, sent, sent + 1);
      })();
      const isEverywhere = () => new Set(starts.map(({ actor }) => actor)).size === actors.length;
      await until('the first has every shard', isEverywhere);
      await consume(second, 'second');
      await until(
        'the second has its share',
        () => {
          const late = starts.slice(-actors.length * 10);
          const share = late.filter(({ node }) => node === 'second').length / late.length;
          return share > 0.25;
        },
        20_000,
      );
      isBusy = false;
      await load;
      await until('all came', () => starts.length >= actors.length * sent);
      for (const actor of actors) expect([actor, startsOf(actor)]).toEqual([actor, numbers(sent)]);
    });

    it('hands over at once what a node gives up that stops', async () => {
      const [first, second] = [await open(), await open()];
      const hold = Promise.withResolvers<void>();
      const stop = await consume(
        first,
        'first',
        async (delivery) => {
          await hold.promise;
          await delivery.complete();
        },
        5,
      );
      await publish(first, 0, 3);
      await until('the first has its hands full', () => starts.length === 5);
      const stopped = stop();
      await consume(second, 'second');
      hold.resolve();
      await stopped;
      await until('all came', () => starts.length >= actors.length * 3);
      for (const actor of actors) expect([actor, startsOf(actor)]).toEqual([actor, numbers(3)]);
    });

    it('takes over what a dead node had in hand, in order, when its locks run out', async () => {
      const [first, second] = [await open(), await open()];
      const never = new Promise<void>(() => undefined);
      await consume(first, 'first', () => never);
      await publish(second, 0, 3);
      await until('the first has all in hand', () => starts.length === actors.length * 3);
      first.vanish();
      await consume(second, 'second');
      const all = actors.length * 6;
      await until('the second has them', () => starts.length === all, under.lockMs + 15_000);
      for (const actor of actors) {
        expect([actor, startsOf(actor, 'second')]).toEqual([actor, numbers(3)]);
      }
    });

    it('lets a node settle nothing whose lock is lost', async () => {
      const [first, second] = [await open(), await open()];
      const hold = Promise.withResolvers<void>();
      const outcomes: string[] = [];
      await consume(first, 'first', async (delivery) => {
        await hold.promise;
        await delivery.complete().then(
          () => outcomes.push('completed'),
          ({ code }) => outcomes.push(code),
        );
      });
      await second.bus.publish([messageFor('issue-1')]);
      await until('the first has it', () => starts.length === 1);
      first.vanish();
      await consume(second, 'second');
      await until('the second has it', () => starts.length === 2, under.lockMs + 15_000);
      hold.resolve();
      await until('the first tried to settle it', () => outcomes.length === 1);
      expect(outcomes).toEqual(['BUS_UNAVAILABLE']);
    });

    it('keeps the lock of a message that takes longer than a lock lasts', async () => {
      const [first, second] = [await open(), await open()];
      let settled = 0;
      const slow = async (delivery: Delivery) => {
        await new Promise((resolve) => setTimeout(resolve, under.lockMs * 1.5));
        await delivery.complete();
        settled += 1;
      };
      await consume(first, 'first', slow);
      await first.bus.publish([messageFor('issue-1', 0), messageFor('issue-1', 1)]);
      await until('the first has both', () => starts.length === 2);
      await consume(second, 'second');
      await until('both are settled', () => settled === 2, 20_000);
      expect(startsOf('issue-1')).toEqual([0, 1]);
    });

    it('comes back when the broker was away, without a restart and without loss', async () => {
      const node = await open();
      await consume(node, 'node');
      await publish(node, 0, 2);
      await until('all came', () => starts.length >= actors.length * 2);
      node.cut();
      await expect(publish(node, 2, 3)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
      node.mend();
      await until('it takes messages again', async () => {
        const sent = node.bus.publish([messageFor('again', 0)]);
        return sent.then(
          () => true,
          () => false,
        );
      });
      await publish(node, 2, 4);
      await until('all came', () => actors.every((actor) => startsOf(actor).includes(3)), 20_000);
      for (const actor of actors) expect(withoutRepeats(startsOf(actor))).toEqual(numbers(4));
    });

    it('loses nothing and doubles no effect while the way to it breaks again and again', async () => {
      const [first, second] = [await open(), await open()];
      const log = new MemoryLog();
      const runtimes = [first, second].map(({ bus }) => runtimeOn(bus, log));
      for (const runtime of runtimes) await runtime.start();
      const rounds = 9;
      for (let n = 0; n < rounds; n++) {
        await insist(
          first.bus,
          actors.map((actor) => messageFor(actor, n)),
        );
        if (n % 3 !== 1) continue;
        const node = n % 2 === 0 ? first : second;
        node.cut();
        await until('the break is felt', () =>
          node.bus.publish([messageFor('another', n)]).then(
            () => false,
            () => true,
          ),
        );
        node.mend();
      }
      await until(
        'all is recorded',
        async () => {
          const lengths = await Promise.all(
            actors.map(async (actor) => (await log.readStream(`entity-acme/${actor}`)).length),
          );
          return lengths.every((length) => length === rounds);
        },
        30_000,
      );
      for (const actor of actors) {
        const events = await log.readStream(`entity-acme/${actor}`);
        const messages = events.map(({ metadata }) => metadata.messageId);
        expect(new Set(messages).size).toBe(rounds);
      }
      for (const runtime of runtimes) await runtime.stop();
    });
  });
}

/** Publishes until it is taken, as every caller does. */
async function insist(bus: Bus, messages: readonly BusMessage[]): Promise<void> {
  await until(
    'it is taken',
    () =>
      bus.publish(messages).then(
        () => true,
        () => false,
      ),
    20_000,
  );
}

function withoutRepeats(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)];
}
