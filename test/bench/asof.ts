/**
 * The past of a log with a million events: an entity with 1,000 events of its own, neighbours by the
 * fifty, and the place of a time. The log is SQLite's, the history PGlite's; the events are written to
 * the log as actors record them, the rows by the projection.
 */
import { join } from 'node:path';
import { openPglite } from '#adapters/postgres';
import { openSqlite } from '#adapters/sqlite';
import { systemClock } from '#adapters/system';
import {
  asOfFrom,
  GraphHistory,
  historyPlan,
  historyProjection,
  positionAt,
  StoredGenerations,
} from '#projections';
import { type Log, type NewEvent, streamOf } from '#runtime';
import { entityCreated, entityUpdated, type Fact, linkActivated } from '#test/events';
import { type Benchmark, median, type Result } from './report.ts';
import { inFolder } from './rig.ts';

const events = 1_000_000;
const ownEvents = 1_000;
const neighbours = 50;
const rounds = 200;
const startMs = Date.UTC(2026, 0, 1);

export const asof: Benchmark = (say) =>
  inFolder(async (folder) => {
    const { log } = await openSqlite(join(folder, 'log.sqlite'));
    const store = await openPglite({ dataDir: join(folder, 'read-models') });
    const { sink } = await new StoredGenerations(store, historyPlan).live();
    const history = new GraphHistory({ log, store, clock: systemClock });
    const properties = (at: number) => ({
      key: 'BENCH',
      summary: `Summary ${at}`,
      status: `${at}`,
    });

    say(`${events} events`);
    await record(log, [
      entityCreated({ id: 'busy', properties: properties(0) }),
      ...Array.from({ length: ownEvents - 1 }, (_, at) =>
        entityUpdated({ id: 'busy', properties: properties(at + 1) }),
      ),
      entityCreated({ id: 'hub', properties: properties(0) }),
    ]);
    for (let n = 0; n < neighbours; n++) {
      const id = `near-${n}`;
      await record(log, [entityCreated({ id, properties: properties(n) })]);
      await record(log, [linkActivated({ id: `link-${n}`, from: 'hub', to: id })]);
    }
    const begun = await log.head();
    const lot = Array.from({ length: 2_000 }, (_, at) =>
      at === 0
        ? entityCreated({ id: 'rest' })
        : entityUpdated({ id: 'rest', properties: properties(at) }),
    );
    for (let n = 0; (await log.head()) < events; n++) {
      await record(
        log,
        lot.map((fact) => ({ ...fact, id: `rest-${n}` })),
      );
    }
    const head = await log.head();
    let from = 0;
    for await (const batch of log.subscribe({
      after: 0,
      filter: historyProjection.filter,
      signal: AbortSignal.timeout(600_000),
    })) {
      const changes = batch.events.flatMap((event) => historyProjection.project(event));
      from = await sink.apply({ changes, from, to: batch.position });
      if (batch.live) break;
    }

    const results: Result[] = [];
    const measure = async (label: string, work: (round: number) => Promise<unknown>) => {
      const times: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const start = performance.now();
        await work(round);
        times.push(performance.now() - start);
      }
      results.push({ label, unit: 'ms', value: median(times) });
    };
    const wanted = { direction: 'both', limit: neighbours } as const;
    const late = asOfFrom(`position:${head}`);
    await measure(`an entity after its ${ownEvents} events`, () =>
      history.entity('acme', 'busy', late),
    );
    await measure('the same after half of them', () =>
      history.entity('acme', 'busy', asOfFrom(`revision:${ownEvents / 2}`)),
    );
    await measure('an entity with one event', () => history.entity('acme', 'hub', late));
    await measure(`${neighbours} neighbours`, () =>
      history.neighbours('acme', 'hub', late, wanted),
    );
    await measure(`their neighbourhood, depth 2`, () =>
      history.neighbourhood('acme', 'hub', late, 2),
    );
    await measure('the same as it was being linked', () =>
      history.neighbourhood('acme', 'hub', asOfFrom(`position:${begun - neighbours}`), 2),
    );
    await measure('the position of a time', (round) =>
      positionAt(log, startMs + Math.floor((head * round) / rounds)),
    );
    await store.close();
    await log.close();
    return results;
  });

let recordedCount = 0;

/** Appends facts about one actor, a millisecond apart. */
async function record(log: Log, facts: readonly Fact[]): Promise<void> {
  const [first] = facts;
  const own = facts.filter(({ id }) => id === first!.id);
  const written = own.map(({ event }): NewEvent => {
    recordedCount += 1;
    const recordedAt = new Date(startMs + recordedCount).toISOString();
    const messageId = `message-${recordedCount}`;
    return { ...event, id: messageId, metadata: { messageId, recordedAt } };
  });
  await log.append(streamOf(first!), written, 'any');
  if (own.length < facts.length)
    await record(
      log,
      facts.filter(({ id }) => id !== first!.id),
    );
}
