/**
 * The conformance suite for `Bus`: what the port promises, held to every adapter. What only a broker
 * can promise, which keeps messages while nobody consumes and has several nodes, is in bus-nodes.ts.
 *
 * Nothing waits for `publish` before it looks at deliveries: an in-process bus resolves it when the
 * message is settled, a broker when it is stored.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contracts, entity, relationship } from '#actors';
import { MemoryLog, MemorySnapshots } from '#adapters/memory';
import { systemClock, systemIds } from '#adapters/system';
import {
  type ActorDefinition,
  type Bus,
  type BusMessage,
  type DeadLetter,
  type Delivery,
  limits,
  Runtime,
} from '#runtime';
import { createEntity, onTheBus } from '#test/messages';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

export interface OpenBus {
  readonly bus: Bus;
  close(): Promise<void>;
}

export interface BusUnderTest {
  /** The bus as one node has it; again: as another node, or the same after a restart. */
  open(): Promise<OpenBus>;
  dispose(): Promise<void>;
}

export const why = { code: 'MESSAGE_INVALID', detail: 'for the test' };
const passing = { code: 'LOG_UNAVAILABLE', detail: 'away for a moment' };

/** A message for an actor, the n-th of its kind. */
export function messageFor(actor: string, n = 0, tenantId = 'acme'): BusMessage {
  const messageId = `${tenantId}/${actor}/${n}`;
  return onTheBus(createEntity({ id: actor, messageId, tenantId, at: n }));
}

/** The actor and number of a message that `messageFor` made. */
export function actorOf({ message }: Delivery): readonly [actor: string, n: number] {
  const [, actor = '', n] = message.messageId.split('/');
  return [actor, Number(n)];
}

export function textOf({ body }: BusMessage): string {
  return typeof body === 'string' ? body : Buffer.from(body).toString();
}

export function describeBus(name: string, make: () => Promise<BusUnderTest>): void {
  describe(name, () => {
    let under: BusUnderTest;
    let bus: Bus;
    const opened: OpenBus[] = [];

    const open = async () => {
      const node = await under.open();
      opened.push(node);
      return node.bus;
    };
    beforeEach(async () => {
      under = await make();
      bus = await open();
    });
    afterEach(async () => {
      for (const node of opened.splice(0)) await node.close();
      await under.dispose();
    });

    /** Publishes and does not wait; what is never settled is given back when the bus closes. */
    const send = (messages: readonly BusMessage[]) => {
      bus.publish(messages).catch((error) => expect(error.code).toBe('SHUTTING_DOWN'));
    };
    const letters = (tenantId: string | null = 'acme') =>
      bus.deadLetters.peek({ tenantId, limit: 100 });
    const untilLetters = (count: number, tenantId: string | null = 'acme') =>
      until(`${count} dead letters of ${tenantId}`, async () => {
        const found = await letters(tenantId);
        return found.length === count ? found : null;
      });
    const refuseAll = (delivery: Delivery) => delivery.deadLetter(why);

    it('starts empty', async () => {
      expect(await letters()).toEqual([]);
      expect(await letters(null)).toEqual([]);
    });

    it('counts what is not settled, here and in all', async () => {
      const held = Promise.withResolvers<void>();
      await bus.consume(
        async (delivery) => {
          await held.promise;
          await delivery.complete();
        },
        { inFlightMax: 2 },
      );
      send([1, 2, 3, 4].map((n) => messageFor('issue-1', n)));
      await until('all of them are counted', async () => {
        const { here, all } = await bus.backlog();
        return here === 4 && (all === null || all === 4);
      });
      held.resolve();
      await until('none is left', async () => {
        const { here, all } = await bus.backlog();
        return here === 0 && (all === null || all === 0);
      });
    });

    it('hands over what was published, as it came', async () => {
      const seen = new Map<string, BusMessage>();
      await bus.consume(
        async (delivery) => {
          seen.set(delivery.message.messageId, delivery.message);
          await delivery.complete();
        },
        { inFlightMax: 10 },
      );
      const bytes = Uint8Array.of(0xff, 0, 0xc3, 0x28, 7);
      const texts = [
        '{"b":1, "a":"ü\u2028\u{1f600}" }',
        'no JSON',
        '"a JSON string"',
        '',
        messageFor('issue-1').body as string,
      ];
      const messages = [...texts, bytes].map((body, n) => ({ messageId: `exact/${n}`, body }));
      await bus.publish(messages);
      await until('all came', () => seen.size === messages.length);
      for (const [n, text] of texts.entries()) expect(textOf(seen.get(`exact/${n}`)!)).toBe(text);
      expect(Uint8Array.from(seen.get('exact/5')!.body as Uint8Array)).toEqual(bytes);
    });

    it('is well when it is asked', async () => {
      await bus.check();
    });

    it('publishes nothing at all', async () => {
      await bus.publish([]);
    });

    it('starts the deliveries of any one actor in the order of publishing', async () => {
      const started = new Map<string, number[]>();
      let settled = 0;
      await bus.consume(
        async (delivery) => {
          const [actor, n] = actorOf(delivery);
          started.set(actor, [...(started.get(actor) ?? []), n]);
          // Neighbours settle in another order than they came.
          await new Promise((resolve) => setTimeout(resolve, (n * 7) % 5));
          await delivery.complete();
          settled += 1;
        },
        { inFlightMax: 50 },
      );
      const actors = Array.from({ length: 20 }, (_, actor) => `issue-${actor}`);
      const rounds = Array.from({ length: 25 }, (_, round) => round);
      for (const round of rounds) {
        send(actors.map((actor) => messageFor(actor, round)));
      }
      await until('all are settled', () => settled === actors.length * rounds.length);
      for (const actor of actors) expect([actor, started.get(actor)]).toEqual([actor, rounds]);
    });

    it('has no more than inFlightMax deliveries unsettled, and delivers all in the end', async () => {
      let [inFlight, most, settled] = [0, 0, 0];
      const gates: (() => void)[] = [];
      await bus.consume(
        async (delivery) => {
          inFlight += 1;
          most = Math.max(most, inFlight);
          await new Promise<void>((resolve) => gates.push(resolve));
          // An in-process bus hands out the next before it returns.
          inFlight -= 1;
          await delivery.complete();
          settled += 1;
        },
        { inFlightMax: 3 },
      );
      send(Array.from({ length: 30 }, (_, n) => messageFor(`issue-${n}`)));
      while (settled < 30) {
        await until('the places are taken', () => gates.length === Math.min(3, 30 - settled));
        const before = settled;
        gates.shift()!();
        await until('one is settled', () => settled === before + 1);
      }
      expect(most).toBe(3);
    });

    it('delivers an abandoned message again, and says how often it came', async () => {
      const counts: number[] = [];
      await bus.consume(
        async (delivery) => {
          counts.push(delivery.deliveryCount);
          await (counts.length < 3 ? delivery.abandon(passing) : delivery.complete());
        },
        { inFlightMax: 10 },
      );
      send([messageFor('issue-1')]);
      await until('it came three times', () => counts.length === 3);
      expect(counts).toEqual([1, 2, 3]);
      expect(await letters()).toEqual([]);
    });

    it('delivers again what its handler failed to settle', async () => {
      const counts: number[] = [];
      await bus.consume(
        async (delivery) => {
          counts.push(delivery.deliveryCount);
          if (counts.length === 1) throw new Error('the handler broke');
          await delivery.complete();
        },
        { inFlightMax: 10 },
      );
      send([messageFor('issue-1')]);
      await until('it came again', () => counts.length === 2);
    });

    it('takes the same message any number of times, with the effect of one', async () => {
      const log = new MemoryLog();
      const runtime = runtimeOn(bus, log);
      await runtime.start();
      const message = messageFor('issue-1');
      for (let time = 0; time < 3; time++) await bus.publish([message, message]);
      await bus.publish([messageFor('issue-1', 1)]);
      await until('the last is recorded', async () => {
        const events = await log.readStream('entity-acme/issue-1');
        return events.some(({ metadata }) => metadata.messageId === 'acme/issue-1/1');
      });
      expect(await log.readStream('entity-acme/issue-1')).toHaveLength(2);
      await runtime.stop();
    });

    it('has one consumer', async () => {
      await bus.consume(refuseAll, { inFlightMax: 1 });
      await expect(bus.consume(refuseAll, { inFlightMax: 1 })).rejects.toThrow(/consumer/);
    });

    it('stops when all in hand is settled, and hands out nothing more', async () => {
      const gates: (() => void)[] = [];
      let settled = 0;
      const stop = await bus.consume(
        async (delivery) => {
          await new Promise<void>((resolve) => gates.push(resolve));
          await delivery.complete();
          settled += 1;
        },
        { inFlightMax: 2 },
      );
      send(Array.from({ length: 10 }, (_, n) => messageFor(`issue-${n}`)));
      await until('two are in hand', () => gates.length === 2);
      let isStopped = false;
      const stopped = stop().then(() => {
        isStopped = true;
      });
      gates[0]!();
      await until('one is settled', () => settled === 1);
      expect(isStopped).toBe(false);
      gates[1]!();
      await stopped;
      expect([settled, gates.length]).toEqual([2, 2]);
    });

    describe('dead letters', () => {
      it('have the message as it came, and the reason', async () => {
        await bus.consume(refuseAll, { inFlightMax: 10 });
        const [{ body, messageId }] = [messageFor('issue-1')];
        await bus.publish([{ body, messageId }]);
        const [letter] = await untilLetters(1);
        expect(letter).toMatchObject({ messageId, body, encoding: 'utf8', tenantId: 'acme' });
        expect(letter?.reason).toEqual(why);
        expect(Math.abs(Date.parse(letter!.deadLetteredAt) - Date.now())).toBeLessThan(60_000);
        expect(await bus.deadLetters.get({ tenantId: 'acme', id: letter!.id })).toEqual(letter);
        expect(await bus.deadLetters.get({ tenantId: 'acme', id: 'unknown' })).toBeNull();
      });

      it('of nobody are those whose tenant can not be read; their bytes are kept', async () => {
        await bus.consume(refuseAll, { inFlightMax: 10 });
        const bytes = Uint8Array.of(0xff, 0, 7);
        await bus.publish([
          { messageId: 'bytes', body: bytes },
          { messageId: 'words', body: 'no JSON' },
          { messageId: 'odd tenant', body: '{"messageType":"NONE","tenantId":"a/b"}' },
          { messageId: 'odd type', body: '{"messageType":"NONE","tenantId":"acme"}' },
        ]);
        const nobodys = byId(await untilLetters(3, null));
        expect(nobodys.get('bytes')).toMatchObject({
          body: Buffer.from(bytes).toString('base64'),
          encoding: 'base64',
        });
        expect(nobodys.get('words')).toMatchObject({ body: 'no JSON', encoding: 'utf8' });
        expect(nobodys.has('odd tenant')).toBe(true);
        expect(await untilLetters(1)).toMatchObject([{ messageId: 'odd type' }]);
      });

      it('are paged, one tenant apart from the other', async () => {
        await bus.consume(refuseAll, { inFlightMax: 10 });
        const own = Array.from({ length: 7 }, (_, n) => messageFor(`issue-${n}`));
        const others = own.map((_, n) => messageFor(`issue-${n}`, 0, 'beta'));
        await bus.publish(own.flatMap((message, n) => [message, others[n]!]));
        const all = await untilLetters(7);
        await untilLetters(7, 'beta');
        const pages: DeadLetter[] = [];
        for (let after: string | undefined; ; after = pages.at(-1)!.id) {
          const page = await bus.deadLetters.peek({
            tenantId: 'acme',
            limit: 3,
            ...(after !== undefined && { after }),
          });
          expect(page.length).toBeLessThanOrEqual(3);
          if (page.length === 0) break;
          pages.push(...page);
        }
        expect(pages).toEqual(all);
        expect(new Set(pages.map(({ messageId }) => messageId)).size).toBe(7);
        const [{ id } = { id: '' }] = all;
        expect(await bus.deadLetters.get({ tenantId: 'beta', id })).toBeNull();
      });

      it('hold up nobody behind them', async () => {
        const completed: number[] = [];
        await bus.consume(
          async (delivery) => {
            const [, n] = actorOf(delivery);
            if (n === 0) return delivery.deadLetter(why);
            await delivery.complete();
            completed.push(n);
          },
          { inFlightMax: 1 },
        );
        await bus.publish([0, 1, 2].map((n) => messageFor('issue-1', n)));
        await until('those behind are done', () => completed.length === 2);
        await untilLetters(1);
      });

      it('are delivered again by redrive as they came, and are gone when that goes well', async () => {
        let isMended = false;
        const again: BusMessage[] = [];
        await bus.consume(
          async (delivery) => {
            if (!isMended) return delivery.deadLetter(why);
            again.push(delivery.message);
            await delivery.complete();
          },
          { inFlightMax: 10 },
        );
        const bytes = { messageId: 'bytes', body: Uint8Array.of(0xff, 0, 7) };
        await bus.publish([messageFor('issue-1'), messageFor('issue-2'), bytes]);
        const [first] = await untilLetters(2);
        await untilLetters(1, null);
        isMended = true;
        const ids = [first!.id, 'unknown'];
        expect(await bus.deadLetters.redrive({ tenantId: 'beta', ids })).toBe(0);
        expect(await bus.deadLetters.redrive({ tenantId: 'acme', ids })).toBe(1);
        await until('it came again', () => again.length === 1);
        expect([again[0]!.messageId, textOf(again[0]!)]).toEqual([first!.messageId, first!.body]);
        await untilLetters(1);
        expect(await bus.deadLetters.redrive({ tenantId: null })).toBe(1);
        await until('the bytes came again', () => again.length === 2);
        expect(again[1]!.messageId).toBe('bytes');
        expect(Uint8Array.from(again[1]!.body as Uint8Array)).toEqual(bytes.body);
        await untilLetters(0, null);
      });

      it('stay when they fail again', async () => {
        let refusals = 0;
        await bus.consume(
          async (delivery) => {
            refusals += 1;
            await delivery.deadLetter(why);
          },
          { inFlightMax: 10 },
        );
        await bus.publish([messageFor('issue-1')]);
        await untilLetters(1);
        await bus.deadLetters.redrive({ tenantId: 'acme' });
        await until('it was refused again', () => refusals === 2);
        expect(await untilLetters(1)).toMatchObject([{ messageId: 'acme/issue-1/0' }]);
      });

      it('are forgotten by purge: those chosen, of one tenant', async () => {
        await bus.consume(refuseAll, { inFlightMax: 10 });
        await bus.publish([
          messageFor('issue-1', 0, 'beta'),
          ...['issue-1', 'issue-2', 'issue-3'].map((actor) => messageFor(actor)),
        ]);
        const [first, ...rest] = await untilLetters(3);
        await untilLetters(1, 'beta');
        expect(await bus.deadLetters.purge({ tenantId: 'acme', ids: [first!.id] })).toBe(1);
        expect(await letters()).toEqual(rest);
        expect(await bus.deadLetters.purge({ tenantId: 'acme' })).toBe(2);
        expect(await letters()).toEqual([]);
        expect(await letters('beta')).toHaveLength(1);
      });

      it('are counted over all tenants, whoever put them there, or not told', async () => {
        const counts = async (expected: number) =>
          until(`${expected} are counted`, async () =>
            [expected, null].includes(await bus.deadLetters.count()),
          );
        await counts(0);
        await bus.consume(refuseAll, { inFlightMax: 10 });
        await bus.publish([
          messageFor('issue-1'),
          messageFor('issue-2'),
          messageFor('issue-1', 0, 'beta'),
          { messageId: 'text', body: 'no JSON' },
        ]);
        await untilLetters(1, null);
        await untilLetters(1, 'beta');
        const [first] = await untilLetters(2);
        await counts(4);
        await bus.deadLetters.purge({ tenantId: 'acme', ids: [first!.id] });
        await counts(3);
        await bus.deadLetters.redrive({ tenantId: 'beta' });
        await untilLetters(1, 'beta');
        await counts(3);
        await opened.splice(0)[0]!.close();
        bus = await open();
        await counts(3);
      });

      it('outlive the process', async () => {
        await bus.consume(refuseAll, { inFlightMax: 10 });
        await bus.publish([messageFor('issue-1')]);
        const kept = await untilLetters(1);
        await opened.splice(0)[0]!.close();
        bus = await open();
        expect(await letters()).toEqual(kept);
      });
    });

    it('takes nothing more than it may hold', async () => {
      const one = messageFor('issue-1');
      const many = Array.from({ length: limits.busWaitingMessagesMax + 1 }, () => one);
      await expect(bus.publish(many)).rejects.toMatchObject({ code: 'BUS_SATURATED' });
    });
  });
}

export function runtimeOn(bus: Bus, log: MemoryLog): Runtime {
  return new Runtime({
    log,
    snapshots: new MemorySnapshots(),
    bus,
    clock: systemClock,
    ids: systemIds,
    telemetry: new Recorder(),
    contracts,
    actors: [entity as ActorDefinition, relationship as ActorDefinition],
    projections: [],
  });
}

function byId(letters: readonly DeadLetter[]): ReadonlyMap<string, DeadLetter> {
  return new Map(letters.map((letter) => [letter.messageId, letter]));
}
