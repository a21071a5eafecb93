import { describe, expect, it } from 'vitest';
import { contracts, entity, relationship } from '#actors';
import { InProcessBus, MemoryLog, MemorySnapshots } from '#adapters/memory';
import { systemClock } from '#adapters/system';
import {
  type OutboundMessage,
  outboundGenerations,
  outboundProjection,
  type PublishOutbound,
} from '#projections';
import {
  type ActorDefinition,
  host,
  type Log,
  type RecordedEvent,
  Runtime,
  RuntimeError,
} from '#runtime';
import { entityCreated, recorded } from '#test/events';
import { createEntity, deleteEntity, onTheBus } from '#test/messages';
import { plainIds } from '#test/stage';
import { Recorder } from '#test/telemetry';
import { until } from '#test/until';

/** A checkpoint in memory; `crash` loses the next move. */
class Place {
  at = 0;
  crash = false;

  async position(): Promise<number> {
    return this.at;
  }

  async advance(from: number, to: number): Promise<number> {
    if (this.crash) throw new RuntimeError('READ_STORE_UNAVAILABLE', 'crashed');
    if (this.at === from) this.at = to;
    return this.at;
  }
}

const event = recorded([entityCreated({ id: 'issue-1', properties: { key: 'A-1' } })])[0]!;
const messages = (...events: readonly RecordedEvent[]) =>
  events.flatMap((one) => outboundProjection.project(one));

async function sinkOn(place: Place, publish: PublishOutbound) {
  return (await outboundGenerations(place, publish).live()).sink;
}

describe('an outbound message', () => {
  it('is a CloudEvent that carries the event whole', () => {
    const trace = {
      correlationId: 'cause',
      traceparent: '00-4bf92f3577b34da6-00f067aa0ba902b7-01',
    };
    const [message] = messages({ ...event, metadata: { ...event.metadata, ...trace } });
    expect(message).toMatchObject({
      id: event.id,
      stream: 'entity-acme/issue-1',
      tenantId: 'acme',
      type: 'com.cognisync.EntityCreated.v1',
      ...trace,
    });
    expect(JSON.parse(message!.body)).toEqual({
      specversion: '1.0',
      id: event.id,
      source: '/cognisync/acme',
      type: 'com.cognisync.EntityCreated.v1',
      subject: 'entity-acme/issue-1',
      time: event.metadata.recordedAt,
      datacontenttype: 'application/json',
      tenantid: 'acme',
      revision: event.revision,
      position: String(event.position),
      causationid: event.metadata.messageId,
      correlationid: trace.correlationId,
      traceparent: trace.traceparent,
      data: event.data,
    });
  });

  it('has only attributes that CloudEvents allows: a to z and digits', () => {
    const [message] = messages(event);
    for (const name of Object.keys(JSON.parse(message!.body))) expect(name).toMatch(/^[a-z0-9]+$/);
  });

  it('is made of every event of an actor, and of nothing else', () => {
    expect(outboundProjection.filter).toEqual({ categories: ['entity', 'relationship'] });
  });
});

describe('the outbound sink', () => {
  const batch = { changes: messages(event), from: 0, to: 7 };

  it('moves its checkpoint after its messages are stored, not before', async () => {
    const place = new Place();
    const places: number[] = [];
    const sink = await sinkOn(place, async () => void places.push(place.at));
    expect(await sink.apply(batch)).toBe(7);
    expect([places, place.at]).toEqual([[0], 7]);
  });

  it('stays where it is when they are not stored', async () => {
    const place = new Place();
    const sink = await sinkOn(place, async () => {
      throw new RuntimeError('BUS_UNAVAILABLE', 'away');
    });
    await expect(sink.apply(batch)).rejects.toMatchObject({ code: 'BUS_UNAVAILABLE' });
    expect(place.at).toBe(0);
  });

  it('publishes again, with the same ids, what a crash left before the checkpoint', async () => {
    const place = new Place();
    const sent: string[] = [];
    const sink = await sinkOn(place, async (some) => void sent.push(...some.map(({ id }) => id)));
    place.crash = true;
    await expect(sink.apply(batch)).rejects.toThrow();
    place.crash = false;
    await sink.apply(batch);
    expect(sent).toEqual([event.id, event.id]);
  });

  it('publishes nothing for a runner that is behind, and says where it stands', async () => {
    const place = new Place();
    place.at = 9;
    const sent: unknown[] = [];
    const sink = await sinkOn(place, async (some) => void sent.push(some));
    expect(await sink.apply(batch)).toBe(9);
    expect([sent, place.at]).toEqual([[], 9]);
  });

  it('moves over a stretch without messages', async () => {
    const place = new Place();
    const sink = await sinkOn(place, async () => expect.unreachable());
    expect(await sink.apply({ changes: [], from: 0, to: 5 })).toBe(5);
  });

  it('can not be built anew', async () => {
    const generations = outboundGenerations(new Place(), async () => undefined);
    await expect(generations.begin()).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });
});

describe('the outbound projection in a runtime', () => {
  it('publishes every event in order for each actor, over an outage and a restart', async () => {
    const place = new Place();
    const log = new MemoryLog();
    const sent: OutboundMessage[] = [];
    let failures = 3;
    const publish: PublishOutbound = async (some) => {
      sent.push(...some.slice(0, Math.ceil(some.length / 2)));
      if (failures-- > 0) throw new RuntimeError('BUS_UNAVAILABLE', 'in mid-batch');
      sent.push(...some.slice(Math.ceil(some.length / 2)));
    };
    const first = await started(log, place, publish);
    for (const id of ['a', 'b', 'c']) {
      for (const at of [0, 1, 2]) await first.say(createEntity({ id, at, properties: { at } }));
    }
    const head = await log.head();
    await until('all is out', () => place.at === head);
    await first.runtime.stop();

    const second = await started(log, place, publish);
    await second.say(deleteEntity({ id: 'a', at: 9 }));
    await until('the rest is out', () => place.at === head + 1);
    await second.runtime.stop();

    for (const id of ['a', 'b', 'c']) {
      const recordedIds = (await log.readStream(`entity-acme/${id}`)).map((one) => one.id);
      const ids = sent.filter(({ stream }) => stream === `entity-acme/${id}`).map((one) => one.id);
      // Repeats begin again at the start of a batch; the last time through, nothing is missing.
      expect([...new Set(ids)]).toEqual(recordedIds);
      expect(ids.slice(-recordedIds.length)).toEqual(recordedIds);
    }
  });
});

async function started(log: Log, place: Place, publish: PublishOutbound) {
  const bus = new InProcessBus({ log, clock: systemClock, ids: plainIds });
  const runtime = new Runtime({
    log,
    snapshots: new MemorySnapshots(),
    bus,
    clock: systemClock,
    ids: plainIds,
    telemetry: new Recorder(),
    contracts,
    actors: [entity as ActorDefinition, relationship as ActorDefinition],
    projections: [host(outboundProjection, outboundGenerations(place, publish))],
  });
  await runtime.start();
  const say = (message: Parameters<typeof onTheBus>[0]) => bus.publish([onTheBus(message)]);
  return { runtime, say };
}
