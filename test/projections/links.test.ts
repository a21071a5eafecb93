/** The links process manager in memory, on PGlite and on PostgreSQL: who is linked learns who exists. */

import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { contracts, type SetEndPresence } from '#actors';
import { MemoryLinks } from '#adapters/memory';
import { type LinkChange, linksGenerations, linksProjection, type Publish } from '#projections';
import {
  type BusMessage,
  type Generations,
  limits,
  type RecordedEvent,
  RuntimeError,
} from '#runtime';
import { effort } from '#test/effort';
import {
  entityCreated,
  entityDeleted,
  type Fact,
  History,
  linkProposed,
  linkRemoved,
  recorded,
} from '#test/events';
import { anyFact } from '#test/graph-model';
import { chosenKinds, empty, type StoreKind } from '#test/read-stores';

interface LinksUnderTest {
  clear(publish: Publish): Promise<Generations<LinkChange>>;
  /** The same data after a crash. */
  restart(publish: Publish): Promise<Generations<LinkChange>>;
  dispose(): Promise<void>;
}

const named = (name: string) => name;

async function inMemory(): Promise<LinksUnderTest> {
  let bus: Publish;
  let links: MemoryLinks;
  return {
    clear: async (publish) => {
      bus = publish;
      links = new MemoryLinks((messages) => bus(messages), named);
      return links.generations;
    },
    restart: async (publish) => {
      bus = publish;
      return links.generations;
    },
    dispose: async () => undefined,
  };
}

async function stored({ make }: StoreKind): Promise<LinksUnderTest> {
  const under = await make();
  let { store } = under;
  return {
    clear: async (publish) => {
      await empty(store);
      return linksGenerations(store, publish, named);
    },
    restart: async (publish) => {
      await store.close();
      store = await under.reopen();
      return linksGenerations(store, publish, named);
    },
    dispose: under.dispose,
  };
}

/** What a bus heard, and a switch that makes it refuse. */
class Bus {
  readonly pages: (readonly SetEndPresence[])[] = [];
  refusals = 0;
  /** Pages that are taken before any is refused. */
  patience = 0;

  readonly publish: Publish = async (messages) => {
    if (this.patience > 0) this.patience -= 1;
    else if (this.refusals > 0) {
      this.refusals -= 1;
      throw new RuntimeError('BUS_SATURATED', 'not now');
    }
    this.pages.push(messages.map(messageIn));
  };

  get told(): readonly SetEndPresence[] {
    return this.pages.flat();
  }

  /** `link: entity present@revision`, in the order of telling. */
  get said(): readonly string[] {
    return this.told.map(({ payload }) => {
      const { relationshipId, entityId, present, revision } = payload;
      return `${relationshipId}: ${entityId} ${present ? 'is' : 'is not'}@${revision}`;
    });
  }
}

/** The message as its actor gets it; it passes the contract. */
function messageIn({ messageId, body }: BusMessage): SetEndPresence {
  const { envelope, address } = contracts.read(body);
  const message = envelope as SetEndPresence;
  expect(message.messageId).toBe(messageId);
  expect(address.id).toBe(message.payload.relationshipId);
  return message;
}

async function play(
  generations: Generations<LinkChange>,
  events: readonly RecordedEvent[],
  batch = events.length,
): Promise<void> {
  const { sink } = await generations.live();
  for (let start = 0; start < events.length; start += batch) {
    const part = events.slice(start, start + batch);
    const changes = part.flatMap((event) => linksProjection.project(event));
    await sink.apply({ changes, from: await sink.position(), to: part.at(-1)!.position });
  }
}

function describeLinks(name: string, make: () => Promise<LinksUnderTest>): void {
  describe(name, () => {
    let under: LinksUnderTest;
    let bus: Bus;
    let generations: Generations<LinkChange>;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under.dispose());
    beforeEach(async () => {
      bus = new Bus();
      generations = await under.clear(bus.publish);
    });

    const link = (id: string, from: string, to: string) => linkProposed({ id, from, to });
    const entity = (id: string) => entityCreated({ id });

    it.each<[string, readonly Fact[], readonly string[]]>([
      ['nobody of entities alone', [entity('a'), entityDeleted({ id: 'a' })], []],
      ['nobody of a link alone', [link('l', 'a', 'b')], []],
      [
        'a link of ends that were there',
        [entity('a'), entity('b'), link('l', 'a', 'b')],
        ['l: a is@0', 'l: b is@0'],
      ],
      [
        'a link of ends that come',
        [link('l', 'a', 'b'), entity('b'), entity('a')],
        ['l: b is@0', 'l: a is@0'],
      ],
      [
        'a link of an end that goes',
        [entity('a'), link('l', 'a', 'b'), entityDeleted({ id: 'a' })],
        ['l: a is@0', 'l: a is not@1'],
      ],
      [
        'a new link of an end that is gone',
        [entity('a'), entityDeleted({ id: 'a' }), link('l', 'a', 'b')],
        ['l: a is not@1'],
      ],
      ['a link to itself once', [link('l', 'a', 'a'), entity('a')], ['l: a is@0']],
      [
        'a removed link nothing more',
        [link('l', 'a', 'b'), linkRemoved({ id: 'l' }), entity('a')],
        [],
      ],
      [
        'a retargeted link of its new ends',
        [
          entity('a'),
          entity('c'),
          link('l', 'a', 'b'),
          linkRemoved({ id: 'l', reason: 'retargeted' }),
          link('l', 'c', 'b'),
          entityDeleted({ id: 'a' }),
          entity('b'),
        ],
        ['l: a is@0', 'l: c is@0', 'l: b is@0'],
      ],
    ])('tells %s', async (_, facts, said) => {
      await play(generations, recorded(facts), 1);
      expect([...bus.said].sort()).toEqual([...said].sort());
    });

    it('tells each link of each end once where all come in one batch', async () => {
      await play(
        generations,
        recorded([entity('a'), link('l', 'a', 'b'), entity('b'), link('m', 'b', 'a')]),
      );
      expect([...bus.said].sort()).toEqual(['l: a is@0', 'l: b is@0', 'm: a is@0', 'm: b is@0']);
    });

    it('tells an old link and a new one of an end that comes with the new one', async () => {
      const events = recorded([link('l', 'a', 'b'), entity('a'), link('m', 'a', 'b')]);
      await play(generations, events.slice(0, 1));
      await play(generations, events.slice(1));
      expect([...bus.said].sort()).toEqual(['l: a is@0', 'm: a is@0']);
    });

    it('keeps tenants apart', async () => {
      const facts = [
        linkProposed({ id: 'l', from: 'a' }),
        entityCreated({ id: 'a', tenantId: 'other' }),
      ];
      await play(generations, recorded([...facts, ...facts]), 1);
      expect(bus.said).toEqual([]);
    });

    it('carries on the event that it follows from', async () => {
      const events = recorded([link('l', 'a', 'b'), entity('a'), link('m', 'a', 'b')]).map(
        (event) => ({
          ...event,
          metadata: { ...event.metadata, correlationId: `correlation-${event.position}` },
        }),
      );
      await play(generations, events, 1);
      expect(
        bus.told.map(({ causationId, correlationId, timestamp }) => ({
          causationId,
          correlationId,
          timestamp,
        })),
      ).toEqual(
        [events[1]!, events[2]!].map(({ id, metadata }) => ({
          causationId: id,
          correlationId: metadata.correlationId,
          timestamp: metadata.recordedAt,
        })),
      );
    });

    it('says the same under the same name, and something else under another', async () => {
      const facts = [entity('a'), link('l', 'a', 'b')];
      await play(
        generations,
        recorded([...facts, linkRemoved({ id: 'l' }), link('l', 'a', 'b')]),
        1,
      );
      const ids = bus.told.map(({ messageId }) => messageId);
      const again = new Bus();
      await play(await under.clear(again.publish), recorded(facts));
      expect(again.told.map(({ messageId }) => messageId)).toEqual([ids[0]]);
      expect(new Set(ids).size).toBe(2);
    });

    it('fails a batch that it can not tell of, and tells before it goes on', async () => {
      const history = new History();
      const events = [entity('a'), link('l', 'a', 'b'), entity('b')].map((fact) =>
        history.record(fact),
      );
      await play(generations, events.slice(0, 1));
      bus.refusals = 2;
      await expect(play(generations, events.slice(1, 2))).rejects.toMatchObject({
        code: 'BUS_SATURATED',
      });
      const { sink } = await generations.live();
      await expect(sink.position()).rejects.toMatchObject({ code: 'BUS_SATURATED' });
      expect(await sink.position()).toBe(2);
      await play(generations, events.slice(2));
      expect(bus.said).toEqual(['l: a is@0', 'l: b is@0']);
    });

    it('tells after a crash what was committed and not told', async () => {
      const events = recorded([link('l', 'a', 'b'), entity('a')]);
      bus.refusals = 1;
      await expect(play(generations, events)).rejects.toMatchObject({ code: 'BUS_SATURATED' });
      const after = new Bus();
      const { sink } = await (await under.restart(after.publish)).live();
      expect(await sink.position()).toBe(2);
      expect(after.said).toEqual(['l: a is@0']);
    });

    it('tells of an entity with many links page by page, and resumes at the page it could not', async () => {
      const count = 2 * limits.announcedLinksMax + 1;
      const links = Array.from({ length: count }, (_, n) =>
        link(`l${n}`, n % 2 ? 'hub' : `x${n}`, n % 2 ? `x${n}` : 'hub'),
      );
      const history = new History();
      await play(
        generations,
        links.map((fact) => history.record(fact)),
      );
      const hub = [history.record(entity('hub'))];
      expect(bus.pages).toEqual([]);
      bus.patience = 1;
      bus.refusals = 1;
      await expect(play(generations, hub)).rejects.toMatchObject({ code: 'BUS_SATURATED' });
      expect(bus.pages).toHaveLength(1);
      const { sink } = await generations.live();
      await sink.position();
      expect(bus.pages.map(({ length }) => length)).toEqual([
        limits.announcedLinksMax,
        limits.announcedLinksMax,
        1,
      ]);
      expect(bus.said).toEqual(links.map((_, n) => `l${n}: hub is@0`));
    });

    it('tells nobody while it is built, and when promoted only what the old one had not reached', async () => {
      const events = recorded([
        entity('a'),
        link('l', 'a', 'b'),
        link('m', 'c', 'a'),
        entity('b'),
        entity('c'),
      ]);
      await play(generations, events.slice(0, 3));
      const told = bus.said.length;
      const built = await generations.begin();
      const changes = events.flatMap((event) => linksProjection.project(event));
      await built.apply({ changes, from: 0, to: 5 });
      expect(bus.said.length).toBe(told);
      await generations.promote(built);
      const { sink } = await generations.live();
      expect(await sink.position()).toBe(5);
      expect(bus.said.slice(told)).toEqual(['l: b is@0', 'm: c is@0']);
    });

    it('tells nobody while a kept one is caught up, and then only what the other had not reached', async () => {
      const events = recorded([
        entity('a'),
        link('l', 'a', 'b'),
        link('m', 'c', 'a'),
        entity('b'),
        entity('c'),
      ]);
      const changesOf = (some: readonly RecordedEvent[]) =>
        some.flatMap((event) => linksProjection.project(event));
      await play(generations, events.slice(0, 3));
      const built = await generations.begin();
      await built.apply({ changes: changesOf(events.slice(0, 3)), from: 0, to: 3 });
      await generations.promote(built, { keepsOld: true });
      await play(generations, events.slice(3, 4));
      const told = bus.said.length;
      const kept = (await generations.kept())!;
      await kept.apply({ changes: changesOf(events.slice(3)), from: 3, to: 5 });
      const { sink: before } = await generations.live();
      expect(await before.position()).toBe(4);
      expect(bus.said.length).toBe(told);
      await generations.promote(kept, { keepsOld: true });
      const { sink } = await generations.live();
      expect(await sink.position()).toBe(5);
      expect(bus.said.slice(told)).toEqual(['m: c is@0']);
    });

    it('leaves every link knowing the truth, whatever happens in whatever batches', async () => {
      const facts = fc.array(anyFact, { minLength: 1, maxLength: 40 });
      const refusals = fc.array(fc.nat({ max: 2 }), { maxLength: 5 });
      await fc.assert(
        fc.asyncProperty(
          facts,
          fc.integer({ min: 1, max: 12 }),
          refusals,
          async (some, size, faults) => {
            const hearing = new Bus();
            const fresh = await under.clear(hearing.publish);
            const events = recorded(some);
            for (let start = 0; start < events.length; start += size) {
              hearing.refusals = faults[start % 5] ?? 0;
              await stubbornly(() =>
                play(
                  fresh,
                  events.filter(({ position }) => position > start && position <= start + size),
                ),
              );
            }
            await stubbornly(async () => (await fresh.live()).sink.position());
            expect(knowledgeOf(hearing.told, events)).toEqual(truthAfter(events));
          },
        ),
        { numRuns: effort(8, 25) },
      );
    });
  });
}

/** Tries again as a projector does; a batch that is applied already is not applied twice. */
async function stubbornly(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await work();
      return;
    } catch (thrown) {
      if (!(thrown instanceof RuntimeError) || thrown.code !== 'BUS_SATURATED') throw thrown;
    }
  }
}

type Ends = ReadonlyMap<string, boolean>;

/** Which known end of which link exists. */
function truthAfter(events: readonly RecordedEvent[]): Ends {
  const presences = new Map<string, boolean>();
  const links = new Map<string, readonly string[]>();
  for (const { type, stream, data } of events) {
    const [kind, tenantId, id] = /^(\w+)-(.+)\/(.+)$/su.exec(stream)!.slice(1) as [
      string,
      string,
      string,
    ];
    if (type === 'EntityCreated') presences.set(`${tenantId}/${id}`, true);
    if (type === 'EntityDeleted') presences.set(`${tenantId}/${id}`, false);
    if (type === 'RelationshipRemoved') links.delete(`${tenantId}/${id}`);
    if (type !== 'RelationshipProposed') continue;
    expect(kind).toBe('relationship');
    const { head } = data as { head: { sourceEntityId: string; targetEntityId: string } };
    links.set(`${tenantId}/${id}`, [
      `${tenantId}/${head.sourceEntityId}`,
      `${tenantId}/${head.targetEntityId}`,
    ]);
  }
  return new Map(
    [...links]
      .flatMap(([link, ends]) =>
        ends
          .filter((end) => presences.has(end))
          .map((end) => [`${link} ${end}`, presences.get(end)!] as const),
      )
      .sort(),
  );
}

/** What the links that are there believe, who take the word with the highest revision. */
function knowledgeOf(told: readonly SetEndPresence[], events: readonly RecordedEvent[]): Ends {
  const believed = new Map<string, SetEndPresence['payload']>();
  for (const { tenantId, payload } of told) {
    const pair = `${tenantId}/${payload.relationshipId} ${tenantId}/${payload.entityId}`;
    if (payload.revision > (believed.get(pair)?.revision ?? -1)) believed.set(pair, payload);
  }
  const asked = [...truthAfter(events).keys()];
  return new Map(
    asked.flatMap((pair) =>
      believed.has(pair) ? [[pair, believed.get(pair)!.present] as const] : [],
    ),
  );
}

describeLinks('memory', inMemory);
for (const kind of chosenKinds) describeLinks(kind.name, () => stored(kind));
