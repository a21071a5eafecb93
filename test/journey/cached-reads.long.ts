/**
 * Two nodes on one log and one PostgreSQL, in a loop that tries to read what is old: caches are filled on
 * both, the data is changed through one, and whoever has heard the notification must not read less.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, systemIds } from '#adapters/system';
import { type Node, openNode, readConfig } from '#infra';
import { type FeedMessage, graphProjection } from '#projections';
import { effort } from '#test/effort';
import { KeptLine } from '#test/feed';
import { createEntity, linkEntities, onTheBus, updateEntity } from '#test/messages';
import { createDatabase, hasPostgres } from '#test/postgres';
import { hasRedis, openRedis } from '#test/redis';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

const tenantId = 'acme';
const rounds = effort(30, 200);

/** A node, and the last value that was heard of on it. */
interface Ears {
  readonly node: Node;
  readonly telemetry: Recorder;
  told: number;
}

/** Counts what it hears: the n-th notification is of the n-th value. */
class Ear extends KeptLine {
  readonly #ears: Ears;

  constructor(ears: Ears) {
    super();
    this.#ears = ears;
  }

  override send(messages: readonly FeedMessage[]): void {
    super.send(messages);
    this.#ears.told = this.notifications.length;
  }
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function twoNodes(env: Readonly<Record<string, string>>): Promise<readonly [Ears, Ears]> {
  const folder = await mkdtemp(join(tmpdir(), 'cognisync-cached-'));
  cleanups.push(() => rm(folder, { recursive: true }));
  const database = await createDatabase();
  cleanups.push(() => database.drop());
  const config = readConfig({ DATA_DIR: folder, DATABASE_URL: database.url, ...env });
  const open = async (): Promise<Ears> => {
    const telemetry = new Recorder();
    const node = await openNode(config, { clock: systemClock, ids: systemIds, telemetry });
    cleanups.push(async () => {
      await node.drain();
      await node.close();
    });
    await telemetry.first('projection-live', ({ projection }) => projection === 'graph');
    return { node, telemetry, told: 0 };
  };
  return [await open(), await open()];
}

/** A hub with one leaf, known to both nodes before anybody follows. */
async function linked([here, there]: readonly [Ears, Ears]): Promise<void> {
  const ends = [createEntity({ tenantId, id: 'hub' }), createEntity({ tenantId, id: 'leaf' })];
  const link = linkEntities({ tenantId, from: 'hub', to: 'leaf' });
  await here.node.bus.publish([...ends, link].map(onTheBus));
  await until('the link is shown, and everybody has passed it', async () => {
    const { items } = await here.node.graph.entities(tenantId, { limit: 2 });
    if (items.length < 2) return false;
    const page = await here.node.graph.neighbours(tenantId, 'hub', { limit: 1, direction: 'out' });
    const head = await here.node.log.head();
    return (
      page.items.length === 1 && [here, there].every(({ node }) => node.feed.position === head)
    );
  });
}

async function follow(ears: Ears): Promise<void> {
  const { feed } = ears.node;
  feed.follow(await feed.admit({ tenantId, entities: ['leaf'] }), new Ear(ears));
}

type Read = (node: Node) => Promise<number>;

/** What three questions show of the leaf. */
const reads: readonly Read[] = [
  async ({ cached }) => shownIn(await cached.entity(tenantId, 'leaf')),
  async ({ cached }) => {
    const { items } = await cached.neighbours(tenantId, 'hub', { limit: 9, direction: 'both' });
    return shownIn(items[0]!.entity);
  },
  async ({ cached }) => {
    const { nodes } = await cached.neighbourhood(tenantId, 'hub', 2);
    return shownIn(nodes.find(({ entity }) => entity.id === 'leaf')!.entity);
  },
];

function shownIn({ properties }: { readonly properties: Readonly<Record<string, unknown>> }) {
  return Number(properties.value ?? 0);
}

/** Reads without a pause, and holds each answer to what was told before it was asked for. */
async function doubt(node: Node, told: () => number, signal: AbortSignal): Promise<number> {
  let answers = 0;
  while (!signal.aborted) {
    for (const read of reads) {
      const least = told();
      expect(await read(node)).toBeGreaterThanOrEqual(least);
      answers += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answers;
}

/** Changes through one node and the other; each reads it once it has heard of it. */
async function change(both: readonly [Ears, Ears]): Promise<void> {
  for (let value = 1; value <= rounds; value++) {
    const { node } = both[value % 2]!;
    const message = updateEntity({ tenantId, id: 'leaf', at: value, properties: { value } });
    await node.bus.publish([onTheBus(message)]);
    await until(`both have heard of ${value}`, () => both.every(({ told }) => told === value));
    for (const reader of both) {
      for (const read of reads) expect(await read(reader.node)).toBe(value);
    }
  }
}

async function breakIt(both: readonly [Ears, Ears], toldTo: (reader: Ears) => number) {
  await linked(both);
  for (const one of both) await follow(one);
  const end = new AbortController();
  const doubts = both.map((reader) => doubt(reader.node, () => toldTo(reader), end.signal));
  const [, ...answers] = await Promise.all([change(both).finally(() => end.abort()), ...doubts]);
  expect(Math.min(...answers)).toBeGreaterThan(rounds);
  for (const { telemetry } of both) {
    const outcomes = telemetry.all('cache-read').map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'hit').length).toBeGreaterThan(rounds);
  }
}

describe.runIf(hasPostgres)('two nodes with a cache each', () => {
  it('read nothing older than what was told on that node', async () => {
    await breakIt(await twoNodes({}), ({ told }) => told);
  }, 60_000);

  it('read what a rebuild made of the rows as soon as it is done', async () => {
    const both = await twoNodes({});
    const [here, there] = both;
    await linked(both);
    const importance = async ({ node }: Ears) =>
      (await node.cached.entity(tenantId, 'leaf')).importance;
    // What another version of the code may have made of the same events.
    const [live] = await here.node.runtime.projector(graphProjection.name).generations();
    const rows = `${graphProjection.name}_${live!.number}.node`;
    await here.node.readStore.query(`UPDATE ${rows} SET importance = 'OTHER'`);
    for (const one of both) expect(await importance(one)).toBe('OTHER');

    await here.node.runtime.projector(graphProjection.name).rebuild();
    expect(await importance(here)).toBe('NORMAL');
    const next = createEntity({ tenantId, id: 'next' });
    await here.node.bus.publish([onTheBus(next)]);
    const head = await here.node.log.head();
    await until('the other node has passed the next event', () => there.node.feed.position >= head);
    expect(await importance(there)).toBe('NORMAL');
  }, 60_000);
});

describe.runIf(hasPostgres && hasRedis)('two nodes that share a cache in Redis', () => {
  it('read nothing older than what was told on either of them', async () => {
    const redis = await openRedis();
    cleanups.push(() => redis.close());
    const both = await twoNodes({ REDIS_URL: redis.url });
    for (const { telemetry } of both) await telemetry.first('cache-back');
    await breakIt(both, () => Math.max(...both.map(({ told }) => told)));
  }, 60_000);
});
