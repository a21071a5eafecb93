import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultConnections } from '#adapters/atlassian';
import { systemClock, systemIds } from '#adapters/system';
import { type Node, openNode, readConfig } from '#infra';
import { categoryOf, type RecordedEvent } from '#runtime';
import { putDatabase } from '#test/database-template';
import {
  type GoldenTable,
  goldenCommands,
  goldenDataDir,
  goldenRows,
  rowsOf,
  statesOf,
} from '#test/golden';
import { onTheBus } from '#test/messages';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

let folder: Awaited<ReturnType<typeof goldenDataDir>>;
let node: Node;
let history: readonly RecordedEvent[];

beforeAll(async () => {
  folder = await goldenDataDir();
  putDatabase(join(folder.path, 'read-models'));
  node = await openNode(
    { ...readConfig({ DATA_DIR: folder.path }), connections: defaultConnections() },
    { clock: systemClock, ids: systemIds, telemetry: new Recorder() },
  );
  history = await readAll();
  await caughtUp();
});
afterAll(async () => {
  await node.drain();
  await node.close();
  await folder[Symbol.asyncDispose]();
});

function readAll() {
  return node.log.readAll({ after: 0, limit: 10_000 });
}

function caughtUp() {
  return until('the projections have caught up', async () => {
    const all = await node.runtime.projections();
    return all.every(({ status, lag }) => status === 'live' && lag === 0);
  });
}

describe('the golden log', () => {
  it.each<GoldenTable>(['nodes', 'edges', 'links', 'presences'])(
    'is replayed into the %s that were served when it was written',
    async (table) => {
      const rows = await rowsOf(node.readStore);
      expect(rows[table]).toStrictEqual(await goldenRows(table));
    },
  );

  it('folds into the states that its actors had', async () => {
    expect(statesOf(history)).toStrictEqual(await goldenRows('states'));
  });

  it('is verified, and nothing new follows from it', async () => {
    for (const name of ['graph', 'links', 'history']) {
      expect(await node.runtime.projector(name).verify()).toMatchObject({ isSame: true });
    }
    expect(await readAll()).toEqual(history);
  });

  it('keeps its dead letter', async () => {
    expect(await node.bus.deadLetters.peek({ tenantId: 'harbour', limit: 10 })).toMatchObject([
      { messageId: 'golden-144', reason: { code: 'STATE_TOO_LARGE' } },
    ]);
  });

  it('knows every command that it was made of: sent again, none has an effect', async () => {
    const commands = await goldenCommands();
    for (const command of commands) await node.bus.publish([onTheBus(command)]);
    await caughtUp();
    const ofActors = (await readAll()).filter(
      ({ stream }) => categoryOf(stream) in { entity: 0, relationship: 0 },
    );
    expect(ofActors).toEqual(history.filter(({ type }) => type !== 'DeadLettered'));
  });
});
