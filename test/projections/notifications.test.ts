/** What is told of which event: by a table, and for any history what the graph's rows say. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { graphProjection, type KeyedRow, Narrator, type Notification } from '#projections';
import { limits, type RecordedEvent } from '#runtime';
import * as build from '#test/events';
import { anyHistory } from '#test/graph-model';
import { runWorld } from '#test/world';

async function logOf(events: readonly RecordedEvent[]): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (const { stream, revision: _, position: __, ...event } of events) {
    await log.append(stream, [event], 'any');
  }
  return log;
}

/** What is told of the last of some facts. */
async function told(facts: readonly build.Fact[]): Promise<Notification | undefined> {
  const events = build.recorded(facts);
  const [notification] = await new Narrator(await logOf(events)).tell(events.slice(-1));
  return notification;
}

const entity = { messageType: 'ENTITY_CHANGED', tenantId: 'acme' };
const link = { messageType: 'RELATIONSHIP_CHANGED', tenantId: 'acme' };
const ends = {
  relationshipId: 'link-1',
  relationshipType: 'DEPENDS_ON',
  sourceEntityId: 's',
  targetEntityId: 't',
};
const { entityCreated, entityDeleted, entityUpdated, linkActivated, linkUpdated } = build;
const shown = linkActivated({ type: 'DEPENDS_ON', from: 's', to: 't', properties: { a: 1 } });

describe('a notification', () => {
  it.each<[string, readonly build.Fact[], object | undefined]>([
    [
      'of a created entity lists its properties',
      [entityCreated({ properties: { a: 1, b: null } })],
      {
        ...entity,
        change: 'created',
        payload: { entityId: 'issue-1', entityType: 'ISSUE', changedProperties: ['a', 'b'] },
      },
    ],
    [
      'of an update lists what changed, with the type that it had',
      [entityCreated({ type: 'PERSON' }), entityUpdated({ properties: { a: 1 } })],
      {
        ...entity,
        change: 'updated',
        payload: { entityId: 'issue-1', entityType: 'PERSON', changedProperties: ['a'] },
      },
    ],
    [
      'of an update that changes the type has the new one',
      [entityCreated({ type: 'PERSON' }), entityUpdated({ isHead: true, type: 'DOCUMENT' })],
      { ...entity, change: 'updated', payload: { entityType: 'DOCUMENT' } },
    ],
    [
      'of a late deletion lists what went',
      [entityCreated(), build.deletionSuperseded({ removed: ['a'] })],
      { ...entity, change: 'updated', payload: { changedProperties: ['a'] } },
    ],
    [
      'of a deletion has the last type',
      [entityCreated(), entityUpdated({ isHead: true, type: 'PROJECT' }), entityDeleted()],
      { ...entity, change: 'deleted', payload: { entityType: 'PROJECT', changedProperties: [] } },
    ],
    ['of a deletion of what was never there is none', [entityDeleted()], undefined],
    [
      'of a deletion of what is deleted is none',
      [entityCreated(), entityDeleted(), entityDeleted()],
      undefined,
    ],
    ['of a proposed relationship is none', [build.linkProposed()], undefined],
    [
      'of an activation names both ends',
      [build.linkProposed(), shown],
      { ...link, change: 'created', payload: { ...ends, changedProperties: ['a'] } },
    ],
    [
      'of an update of a shown relationship names both ends',
      [shown, linkUpdated({ properties: { b: 1 } })],
      { ...link, change: 'updated', payload: { ...ends, changedProperties: ['b'] } },
    ],
    [
      'of an update of a relationship that is not shown is none',
      [build.linkProposed(), linkUpdated({ properties: { b: 1 } })],
      undefined,
    ],
    [
      'of a late unlink names both ends',
      [shown, linkUpdated(), build.unlinkSuperseded({ removed: ['a'] })],
      { ...link, change: 'updated', payload: { ...ends, changedProperties: ['a'] } },
    ],
    [
      'of a suspension names both ends',
      [shown, linkUpdated({ isHead: true, type: 'DEPENDS_ON' }), build.linkSuspended()],
      { ...link, change: 'deleted', payload: { ...ends, changedProperties: [] } },
    ],
    [
      'of a removal names the ends that it had',
      [shown, build.linkRemoved()],
      { ...link, change: 'deleted', payload: ends },
    ],
    [
      'of a removal of a suspended relationship is none',
      [shown, build.linkSuspended(), build.linkRemoved()],
      undefined,
    ],
    [
      'of the removal before new ends names the old ones',
      [shown, build.linkRemoved({ reason: 'retargeted' })],
      { ...link, change: 'deleted', payload: ends },
    ],
  ])('%s', async (_, facts, expected) => {
    const notification = await told(facts);
    if (expected === undefined) expect(notification).toBeUndefined();
    else expect(notification).toMatchObject(expected);
  });

  it('has the id, position, time and correlation of its event', async () => {
    const [event] = build.recorded([entityCreated()]);
    const caused = { ...event!, metadata: { ...event!.metadata, correlationId: 'c' } };
    const [notification] = await new Narrator(new MemoryLog()).tell([caused]);
    expect(notification).toMatchObject({
      messageId: event!.id,
      position: event!.position,
      timestamp: event!.metadata.recordedAt,
      correlationId: 'c',
    });
  });

  it('lists no names where they are too long', async () => {
    const properties = { ['n'.repeat(limits.notifiedNamesCharsMax)]: 1 };
    expect((await told([entityCreated({ properties })]))?.payload.changedProperties).toHaveLength(
      1,
    );
    const more = { ...properties, m: 1 };
    expect((await told([entityCreated({ properties: more })]))?.payload.changedProperties).toBe(
      null,
    );
  });

  it('is found however many events back the standing was decided', async () => {
    const many = Array.from({ length: 50 }, () => linkUpdated({ properties: { n: 1 } }));
    const notification = await told([shown, ...many, build.linkSuspended()]);
    expect(notification).toMatchObject({ change: 'deleted', payload: ends });
  });
});

describe('a narrator', () => {
  it('knows that something is gone though it has passed thousands since it was there', async () => {
    const crowd = Array.from({ length: 5_000 }, (_, n) => entityCreated({ id: `e${n}` }));
    const facts = [shown, ...crowd, build.linkSuspended(), build.linkRemoved()];
    const events = build.recorded(facts);
    const notifications = await new Narrator(await logOf(events)).tell(events);
    expect(notifications).toHaveLength(facts.length - 1);
    expect(notifications.at(-1)).toMatchObject({ change: 'deleted', payload: ends });
  });
});

/** Position, change and ends of every event that changes a row of the graph, by its own changes. */
function rowChanges(events: readonly RecordedEvent[]) {
  const rows = new Map<string, KeyedRow>();
  return events.flatMap((event) => {
    const [graphChange] = graphProjection.project(event);
    if (graphChange === undefined) return [];
    const { change, of } = graphChange;
    const { tenantId, id } = change.kind === 'put' ? change.row : change;
    const key = `${of} ${tenantId} ${id}`;
    const row = rows.get(key);
    if (change.kind === 'put') rows.set(key, change.row);
    else if (row === undefined) return [];
    else if (change.kind === 'drop') rows.delete(key);
    else rows.set(key, { ...row, ...change.fields });
    const { position } = event;
    const kind = ({ put: 'created', patch: 'updated', drop: 'deleted' } as const)[change.kind];
    const { sourceId, targetId, type } = (rows.get(key) ?? row) as unknown as Record<
      string,
      unknown
    >;
    const ends = of === 'edge' ? [sourceId, targetId] : [id];
    return [{ position, change: kind, tenantId, type, ends }];
  });
}

function seen(notifications: readonly Notification[]) {
  return notifications.map((notification) => {
    const { change, position, tenantId } = notification;
    if (notification.messageType === 'ENTITY_CHANGED') {
      const { entityId, entityType } = notification.payload;
      return { position, change, tenantId, type: entityType, ends: [entityId] };
    }
    const { relationshipType: type, sourceEntityId, targetEntityId } = notification.payload;
    return { position, change, tenantId, type, ends: [sourceEntityId, targetEntityId] };
  });
}

describe('the notifications of a history', () => {
  it('are exactly the changes of the graph’s rows, told at once or one by one', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, async (history) => {
        const log = await logOf(history);
        const events = await log.readAll({ after: 0, limit: 1_000 });
        const expected = rowChanges(events);
        expect(seen(await new Narrator(log).tell(events))).toEqual(expected);
        const cold: Notification[] = [];
        for (const event of events) cold.push(...(await new Narrator(log).tell([event])));
        expect(seen(cold)).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('are that in worlds with crashes and two owners of every actor, too', async () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { log } = await runWorld(seed);
      const events = await log.readAll({ after: 0, limit: 10_000 });
      expect(seen(await new Narrator(log).tell(events)), `seed ${seed}`).toEqual(
        rowChanges(events),
      );
    }
  });
});
