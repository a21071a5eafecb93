/**
 * Bugs that people really write, planted between the runtime and its ports. The simulation must catch
 * each of them; one that it doesn't catch says that a promise is not checked.
 */
import type { ChangeBatch, Delivery, Generations, Sink } from '#runtime';
import type { Bug } from '#test/world';

/** A port whose named methods are replaced; the others pass through. */
function changed<Port extends object>(port: Port, changes: Partial<Port>): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const value = Reflect.get({ ...changes }, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Generations whose live sink applies in another way. */
function appliedBy(
  how: <Change>(apply: Sink<Change>['apply'], batch: ChangeBatch<Change>) => Promise<number>,
) {
  return <Change>(generations: Generations<Change>): Generations<Change> =>
    changed(generations, {
      live: async () => {
        const { sink, version } = await generations.live();
        const apply: Sink<Change>['apply'] = (batch) => sink.apply(batch);
        return {
          version,
          sink: changed(sink, { apply: (batch) => how(apply, batch) }),
        };
      },
    });
}

/** A bus whose deliveries settle in another way. */
function settledBy(how: (delivery: Delivery) => Partial<Delivery>): NonNullable<Bug['bus']> {
  return (bus) =>
    changed(bus, {
      consume: (handler, options) =>
        bus.consume((delivery) => handler(changed(delivery, how(delivery))), options),
    });
}

export const bugs: readonly Bug[] = [
  {
    name: 'the append does not check the revision',
    log: (log) => changed(log, { append: (stream, events) => log.append(stream, events, 'any') }),
  },
  {
    name: 'a conflict is taken for success',
    log: (log) =>
      changed(log, {
        append: async (stream, events, expected) => {
          const result = await log.append(stream, events, expected);
          if (result.kind !== 'conflict') return result;
          return { kind: 'appended', revision: result.actual, position: 0 };
        },
      }),
  },
  {
    name: 'an append is believed when it is sent',
    log: (log) =>
      changed(log, {
        append: async (stream, events, expected) => {
          void log.append(stream, events, expected).catch(() => undefined);
          const before = typeof expected === 'number' ? expected : -1;
          return { kind: 'appended', revision: before + events.length, position: 0 };
        },
      }),
  },
  {
    name: 'a message is settled before its events are appended',
    bus: (bus) =>
      changed(bus, {
        consume: (handler, options) =>
          bus.consume(async (delivery) => {
            await delivery.complete();
            void handler(changed(delivery, { complete: async () => undefined })).catch(
              () => undefined,
            );
          }, options),
      }),
  },
  {
    name: 'an abandoned message is forgotten',
    bus: settledBy((delivery) => ({ abandon: () => delivery.complete() })),
  },
  {
    name: 'poison is dropped instead of kept',
    bus: settledBy((delivery) => ({ deadLetter: () => delivery.complete() })),
  },
  {
    name: 'poison is tried for ever',
    bus: settledBy((delivery) => ({ deadLetter: (reason) => delivery.abandon(reason) })),
  },
  {
    name: 'what was seen is forgotten after a restart: a snapshot loses its stamps',
    snapshots: (snapshots) =>
      changed(snapshots, {
        load: async (stream) => {
          const stored = await snapshots.load(stream);
          if (stored === null) return null;
          const state = JSON.parse(
            JSON.stringify(stored.state, (key, value) =>
              ['stamp', 'created', 'deleted', 'removed'].includes(key) && value !== null
                ? ''
                : value,
            ),
          );
          return { ...stored, state };
        },
      }),
  },
  {
    name: 'a snapshot claims one event more than it holds',
    snapshots: (snapshots) =>
      changed(snapshots, {
        save: (stream, stored) =>
          snapshots.save(stream, { ...stored, revision: stored.revision + 1 }),
      }),
  },
  {
    name: 'the checkpoint is stored before the rows',
    generations: appliedBy(async (apply, { changes, from, to }) => {
      const position = await apply({ changes: [], from, to });
      return position === to ? apply({ changes, from: to, to }) : position;
    }),
  },
  {
    name: 'the rows are stored before the checkpoint',
    generations: appliedBy(async (apply, { changes, from, to }) => {
      const position = await apply({ changes, from, to: from });
      return position === from ? apply({ changes: [], from, to }) : position;
    }),
  },
  {
    name: 'the checkpoint is not guarded',
    isUnguarded: true,
  },
  {
    name: 'tenants share their actors',
    contracts: (contracts) => ({
      read: (body) => {
        const routed = contracts.read(body);
        return { ...routed, address: { ...routed.address, tenantId: 'acme' } };
      },
    }),
  },
  {
    name: 'the process manager takes what it sent for told',
    bus: (bus) =>
      changed(bus, {
        publish: async (messages) => {
          const published = bus.publish(messages);
          if (!messages[0]?.messageId.startsWith('SET_END_PRESENCE')) return published;
          published.catch(() => undefined);
        },
      }),
  },
];
