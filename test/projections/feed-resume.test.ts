/**
 * Whoever goes and comes back, at any moments, with any filter, gets what the log says that it should have
 * got: in order, once. Held to a naive reading of the whole log.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import {
  type FeedRequest,
  graphPlan,
  graphProjection,
  Narrator,
  type Notification,
  StoredGenerations,
} from '#projections';
import type { ReadStore, RecordedEvent } from '#runtime';
import { Chance } from '#test/chance';
import { quiet } from '#test/clock';
import {
  entityCreated,
  entityDeleted,
  entityUpdated,
  History,
  linkActivated,
  linkRemoved,
} from '#test/events';
import { appendTo, type Following, feedInHand, type KeptLine } from '#test/feed';
import { empty, type StoreUnderTest, storeKinds } from '#test/read-stores';
import { runWorld } from '#test/world';

const kind = storeKinds[0]!;
let opened: StoreUnderTest;
let store: ReadStore;
beforeAll(async () => {
  opened = await kind.make();
  store = opened.store;
});
afterAll(() => opened.dispose());

/** What a filter wants of a whole history, by looking at all that came before each notification. */
function wanted(all: readonly Notification[], request: FeedRequest): readonly Notification[] {
  const { entities = [], neighbourhood, types = [] } = request;
  const near = (position: number, id: string) =>
    neighboursBefore(all, position, request).includes(id);
  return all.filter((one) => {
    if (one.tenantId !== request.tenantId) return false;
    const isEntity = one.messageType === 'ENTITY_CHANGED';
    const type = isEntity ? one.payload.entityType : one.payload.relationshipType;
    if (types.length > 0 && !types.includes(type)) return false;
    const ids = isEntity
      ? [one.payload.entityId]
      : [one.payload.sourceEntityId, one.payload.targetEntityId];
    if (entities.length === 0 && neighbourhood === undefined) return true;
    if (ids.some((id) => entities.includes(id) || id === neighbourhood)) return true;
    return neighbourhood !== undefined && isEntity && near(one.position, one.payload.entityId);
  });
}

function neighboursBefore(
  all: readonly Notification[],
  position: number,
  { neighbourhood, tenantId }: FeedRequest,
): readonly string[] {
  const ends = new Map<string, readonly string[]>();
  for (const one of all) {
    if (one.position >= position || one.tenantId !== tenantId) continue;
    if (one.messageType === 'ENTITY_CHANGED') continue;
    const { relationshipId, sourceEntityId, targetEntityId } = one.payload;
    if (one.change === 'deleted') ends.delete(relationshipId);
    else ends.set(relationshipId, [sourceEntityId, targetEntityId]);
  }
  return [...ends.values()].filter((both) => both.includes(neighbourhood!)).flat();
}

function drawRequest(chance: Chance): FeedRequest {
  const entity = () => chance.pick(['e1', 'e2', 'e3', 'e4']);
  return {
    tenantId: chance.pick(['acme', 'acme', 'beta']),
    ...(chance.happens(0.3) && { entities: [entity(), entity()] }),
    ...(chance.happens(0.3) && { types: [chance.pick(['ISSUE', 'RELATED_TO'] as const)] }),
    ...(chance.happens(0.5) && { neighbourhood: entity() }),
  };
}

/** One follower through one history: comes and goes while it happens, and is sometimes stuck. */
async function rideThrough(seed: number): Promise<{ got: unknown; expected: unknown }> {
  const chance = new Chance(seed);
  const world = await runWorld(seed);
  const events = await world.log.readAll({ after: 0, limit: 10_000 });
  await empty(store);
  const { sink } = await new StoredGenerations(store, graphPlan).live();
  const log = new MemoryLog();
  const limits = {
    feedRecentMax: 2,
    feedPageEvents: 1 + chance.int(5),
    feedBacklogBytesMax: 2_000,
  };
  const { clock, feed, follow, progress } = await feedInHand({ log, store, limits });
  const request = drawRequest(chance);
  const lines: KeptLine[] = [];
  let following = null as Following | null;
  let after = chance.happens(0.5) ? 0 : undefined;
  let begun: number | undefined = after;
  let applied = 0;

  const happens = async (some: readonly RecordedEvent[]) => {
    await appendTo(log, some);
    const to = some.at(-1)!.position;
    // Only a neighbourhood asks the graph.
    if (request.neighbourhood !== undefined) {
      const changes = some.flatMap((event) => graphProjection.project(event));
      applied = await sink.apply({ changes, from: applied, to });
    }
    progress.advance(to);
    for (let turn = chance.int(3); turn >= 0; turn--) await quiet();
  };
  const come = async () => {
    following = await follow({ ...request, ...(after !== undefined && { after }) });
    lines.push(following.line);
    following.line.isStuck = chance.happens(0.3);
    const first = following.line.messages[0] as { position: number };
    begun ??= first.position;
    after ??= first.position;
  };
  const go = () => {
    following?.leave();
    const last = following?.line.messages.findLast((one) => 'position' in one);
    if (last !== undefined && 'position' in last) after = last.position;
    following = null;
  };

  for (let at = 0; at < events.length; ) {
    if (following === null && chance.happens(0.6)) await come();
    else if (chance.happens(0.3)) go();
    if (chance.happens(0.1)) await clock.advance(10_000);
    if (following?.line.ended) go();
    const size = 1 + chance.int(6);
    await happens(events.slice(at, at + size));
    at += size;
  }
  go();
  await come();
  following!.line.flow();
  const isThere = () => feed.position >= (events.at(-1)?.position ?? 0);
  for (let turn = 0; turn < 200 && !isThere(); turn++) await quiet();
  for (let turn = 0; turn < 50; turn++) await quiet();
  await feed.stop();

  const all = await new Narrator(world.log).tell(events);
  const got = lines.flatMap((line) => line.notifications);
  return { got, expected: wanted(all, request).filter((one) => one.position > begun!) };
}

describe('a follower who comes and goes', () => {
  it('gets what it wants of the log, in order, once', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { got, expected } = await rideThrough(seed);
      expect(got, `seed ${seed}`).toEqual(expected);
    }
  }, 60_000);
});

describe('a neighbourhood', () => {
  const crowd = (history: History, count: number) =>
    Array.from({ length: count }, (_, n) =>
      history.record(linkActivated({ id: `l${n}`, from: 'hub', to: `e${n}` })),
    );

  async function graphOf(events: readonly RecordedEvent[]): Promise<MemoryLog> {
    await empty(store);
    const { sink } = await new StoredGenerations(store, graphPlan).live();
    const changes = events.flatMap((event) => graphProjection.project(event));
    await sink.apply({ changes, from: 0, to: events.at(-1)!.position });
    const log = new MemoryLog();
    await appendTo(log, events);
    return log;
  }

  it('of too many relationships is refused, now and as of then', async () => {
    const log = await graphOf(crowd(new History(), 1_001));
    const { feed, follow } = await feedInHand({ log, store });
    const refused = { code: 'QUERY_TOO_LARGE' };
    await expect(follow({ neighbourhood: 'hub' })).rejects.toMatchObject(refused);
    await expect(follow({ neighbourhood: 'hub', after: 1_000 })).rejects.toMatchObject(refused);
    await follow({ neighbourhood: 'e1' });
    await feed.stop();
  });

  it('is what it was at the position: without what came since, with what went since', async () => {
    const history = new History();
    const facts = [
      entityCreated({ id: 'hub' }),
      entityCreated({ id: 'late' }),
      entityCreated({ id: 'early' }),
      linkActivated({ id: 'l1', from: 'early', to: 'hub' }),
      entityUpdated({ id: 'late' }),
      entityUpdated({ id: 'early' }),
      linkRemoved({ id: 'l1' }),
      linkActivated({ id: 'l2', from: 'hub', to: 'late' }),
      entityUpdated({ id: 'early' }),
      entityUpdated({ id: 'late' }),
    ];
    const log = await graphOf(facts.map((fact) => history.record(fact)));
    const { feed, follow } = await feedInHand({ log, store, limits: { feedPageEvents: 2 } });
    const { line } = await follow({ neighbourhood: 'hub', after: 4 });
    for (let turn = 0; turn < 10; turn++) await quiet();
    expect(line.notifications.map(({ position }) => position)).toEqual([6, 7, 8, 10]);
    await feed.stop();
  });

  it('keeps a neighbour that is gone and comes back before its relationship hears of it', async () => {
    const history = new History();
    const facts = [
      entityCreated({ id: 'hub' }),
      entityCreated({ id: 'e' }),
      linkActivated({ from: 'hub', to: 'e' }),
      entityDeleted({ id: 'e' }),
    ];
    const log = await graphOf(facts.map((fact) => history.record(fact)));
    const { feed, follow, happens } = await feedInHand({ log, store });
    const { line } = await follow({ neighbourhood: 'hub' });
    await happens([history.record(entityCreated({ id: 'e' }))]);
    expect(line.notifications).toHaveLength(1);
    await feed.stop();
  });

  it('is of one generation, whichever takes whose place just before it is read', async () => {
    const history = new History();
    const old = ['hub', 'e', 'f'].map((id) => history.record(entityCreated({ id })));
    await graphOf(old);
    const events = [...old, history.record(linkActivated({ from: 'hub', to: 'f' }))];
    const log = new MemoryLog();
    await appendTo(log, events);
    const generations = new StoredGenerations(store, graphPlan);
    const built = await generations.begin();
    const changes = events.flatMap((event) => graphProjection.project(event));
    await built.apply({ changes, from: 0, to: history.head });
    const swapping: Pick<ReadStore, 'query' | 'transaction'> = {
      query: (sql, params) => store.query(sql, params),
      transaction: async (work) => {
        await generations.promote(built, { keepsOld: true });
        return store.transaction(work);
      },
    };
    const { feed, follow, happens } = await feedInHand({ log, store: swapping as ReadStore });
    const { line } = await follow({ neighbourhood: 'hub' });
    await happens([history.record(entityUpdated({ id: 'f' }))]);
    expect(line.notifications).toHaveLength(1);
    await feed.stop();
  });

  it('that grows too large ends its follower, and nobody else', async () => {
    const history = new History();
    const log = await graphOf(crowd(history, 1_000));
    const { feed, follow, happens } = await feedInHand({ log, store });
    const { line } = await follow({ neighbourhood: 'hub' });
    const { line: other } = await follow();
    await happens([history.record(linkActivated({ id: 'last', from: 'x', to: 'hub' }))]);
    expect(line.ended).toEqual({ reason: 'overgrown', position: 1_000 });
    expect(other.notifications).toHaveLength(1);
    await feed.stop();
  });

  it('waits for a graph that is behind the position', async () => {
    const log = await graphOf([new History().record(entityCreated())]);
    const { feed, follow, progress } = await feedInHand({ log, store });
    const history = new History();
    history.record(entityCreated());
    await appendTo(log, [history.record(entityCreated({ id: 'b' }))]);
    await expect(follow({ neighbourhood: 'a', after: 2 })).rejects.toMatchObject({
      code: 'READ_STORE_UNAVAILABLE',
    });
    progress.advance(2);
    await follow({ neighbourhood: 'a', after: 2 });
    await feed.stop();
  });
});
