import { describe, expect, it } from 'vitest';
import { entity, relationship } from '#actors';
import { MemoryLog } from '#adapters/memory';
import { type ActorDefinition, host, type NewEvent, type Projection } from '#runtime';
import { quiet } from '#test/clock';
import { createEntity, instantAt, onTheBus, updateEntity } from '#test/messages';
import { stage } from '#test/stage';
import { TallyGenerations, tally } from '#test/tally';

const stream = 'entity-acme/issue-1';
const create = (id: string) => onTheBus(createEntity({ id }));

/** The entity of a later release, which writes deletions in a second version. */
const later: ActorDefinition = {
  ...(entity as ActorDefinition),
  upcast: (event) =>
    event.schemaVersion === 2
      ? { ...event, data: { extractedAt: (event.data as { at: string }).at } }
      : entity.upcast(event),
};

/** A log on which a node of that release has deleted `issue-1`. */
async function writtenByBoth(): Promise<MemoryLog> {
  const log = new MemoryLog();
  const { bus } = await stage({ log });
  await bus.publish([create('issue-1')]);
  const deleted: NewEvent = {
    id: 'deleted',
    type: 'EntityDeleted',
    schemaVersion: 2,
    data: { at: instantAt(1) },
    metadata: { messageId: 'deletion', recordedAt: instantAt(1) },
  };
  await log.append(stream, [deleted], 0);
  return log;
}

function counting(name: string, types: readonly string[]) {
  const projection: Projection<string> = { ...tally, name, filter: { types } };
  const generations = new TallyGenerations();
  return { hosted: host(projection, generations), generations };
}

describe('an event of a later release', () => {
  it('stops the projection that wants it, and leaves the others running', async () => {
    const log = await writtenByBoth();
    const creations = counting('creations', ['EntityCreated']);
    const deletions = counting('deletions', ['EntityDeleted']);
    const projections = [creations.hosted, deletions.hosted];
    const now = await stage({ log, projections });
    await quiet();
    await now.bus.publish([create('issue-2')]);
    await quiet();
    expect(await now.runtime.projections()).toMatchObject([
      { name: 'creations', status: 'live', lag: 0, error: null },
      {
        name: 'deletions',
        status: 'stopped',
        position: 0,
        error: {
          code: 'EVENT_VERSION_UNKNOWN',
          message: expect.stringContaining('EntityDeleted of entity-acme/issue-1 at position 2'),
        },
      },
    ]);
    expect(creations.generations.liveSink.counts.size).toBe(2);
    await now.runtime.stop();

    const upgraded = await stage({ log, projections, actors: [later] });
    await quiet();
    expect(await upgraded.runtime.projections()).toMatchObject([
      { name: 'creations', status: 'live' },
      { name: 'deletions', status: 'live', position: 3 },
    ]);
    expect([...deletions.generations.liveSink.counts]).toEqual([[stream, 1]]);
  });

  it('keeps the messages of its actor as dead letters, which can be redriven after the upgrade', async () => {
    const log = await writtenByBoth();
    const now = await stage({ log });
    await now.bus.publish([
      onTheBus(updateEntity({ messageId: 'late', at: 2, properties: { a: 1 } })),
      create('issue-2'),
    ]);
    expect(await log.readStream('entity-acme/issue-2')).toHaveLength(1);
    expect(await log.readStream(stream)).toHaveLength(2);
    expect(await now.bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toMatchObject([
      { messageId: 'late', reason: { code: 'EVENT_VERSION_UNKNOWN' } },
    ]);
    await now.runtime.stop();

    const upgraded = await stage({ log, actors: [later, relationship as ActorDefinition] });
    expect(await upgraded.bus.deadLetters.redrive({ tenantId: 'acme' })).toBe(1);
    expect((await log.readStream(stream)).map(({ type }) => type)).toEqual([
      'EntityCreated',
      'EntityDeleted',
      'EntityUpdateHeld',
    ]);
  });

  it('is found out by an actor that was awake when it was written', async () => {
    const log = new MemoryLog();
    const { bus } = await stage({ log });
    await bus.publish([create('issue-1')]);
    const metadata = { messageId: 'm', recordedAt: instantAt(1) };
    await log.append(
      stream,
      [{ id: 'x', type: 'EntityMerged', schemaVersion: 1, data: {}, metadata }],
      0,
    );
    await bus.publish([onTheBus(updateEntity({ messageId: 'late', at: 2, properties: { a: 1 } }))]);
    expect(await log.readStream(stream)).toHaveLength(2);
    expect(await bus.deadLetters.peek({ tenantId: 'acme', limit: 9 })).toMatchObject([
      { messageId: 'late', reason: { code: 'EVENT_VERSION_UNKNOWN' } },
    ]);
  });
});
