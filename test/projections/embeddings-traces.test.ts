/** A round of the index is in the traces of what led to it, and history has no spans. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryLog } from '#adapters/memory';
import { OtelTracer } from '#adapters/otel';
import { systemClock, systemIds } from '#adapters/system';
import { Filler } from '#projections';
import { entityCreated } from '#test/events';
import { IndexRig, schemaOf } from '#test/index-rig';
import { chosenVectorKinds, type StoreUnderTest } from '#test/read-stores';
import { contextOf, keepSpans } from '#test/spans';

const spans = keepSpans();
const tracer = new OtelTracer({ system: 'in_process', destination: 'commands' });
const { signal } = new AbortController();

describe.each(chosenVectorKinds)('a round of the index on $name', ({ make }) => {
  let under: StoreUnderTest;
  let rig: IndexRig;
  let log: MemoryLog;
  beforeAll(async () => {
    under = await make();
  });
  afterAll(() => under.dispose());
  beforeEach(async () => {
    rig = await IndexRig.over(under.store);
    log = new MemoryLog();
  });

  /** A document that is pending after an event, decided in a trace or in none. */
  async function record(id: string, traceparent?: string): Promise<void> {
    await rig.record(entityCreated({ id, properties: { text: `text of ${id}` } }));
    const { id: eventId, data, metadata, stream, type, schemaVersion } = rig.events.at(-1)!;
    const traced = { ...metadata, ...(traceparent !== undefined && { traceparent }) };
    const event = { id: eventId, type, schemaVersion, data, metadata: traced };
    await log.append(stream, [event], 'any');
  }

  /** All that is pending; what the log has up to `after` is history. */
  async function round(after?: number): Promise<void> {
    const { embedder, store } = rig;
    const telemetry = { tracer, record: () => undefined };
    const filler = new Filler({ store, embedder, clock: systemClock, ids: systemIds, telemetry });
    const schema = schemaOf((await rig.generations.live()).sink.generation);
    const news = after === undefined ? {} : { news: { log, after } };
    await filler.round({ schema, follows: null, ...news }, signal);
    expect(await rig.standing()).toMatchObject({ pending: 0 });
  }

  it('is a child of the event that it is of, where that is traced', async () => {
    await record('a', contextOf('1'));
    await round(0);
    expect(spans.named('index')?.spanContext().traceId).toBe('1'.repeat(32));
    expect(spans.named('index')?.parentSpanContext?.spanId).toBe('a'.repeat(16));
  });

  it('of events of several traces is linked to them, and to nothing that is not pending', async () => {
    await record('a', contextOf('1'));
    await round();
    await record('b', contextOf('2'));
    await record('c');
    await record('d', contextOf('3'));
    await round(0);
    const linked = spans.named('index')?.links.map(({ context }) => context.traceId);
    expect(linked).toEqual(['2'.repeat(32), '3'.repeat(32)]);
  });

  it('is no span where what led to it is history, or not traced, or part of a rebuild', async () => {
    await record('a', contextOf('1'));
    await round(1);
    await record('b');
    await round(1);
    await record('c', contextOf('1'));
    await round();
    expect(spans.all()).toEqual([]);
  });

  it('indexes all the same while the log does not answer', async () => {
    await record('a', contextOf('1'));
    await log.close();
    await round(0);
    expect(spans.all()).toEqual([]);
  });
});
