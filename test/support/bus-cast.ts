/**
 * Processes of a play about Service Bus, each started with its part as arguments:
 *
 *     broker FILE PORT                 the local broker, durable; says `broker on <port>`
 *     node CONNECTION LOG BLOBS        the true runtime on a SQLite log; says `ready`
 *     taker CONNECTION                 completes whatever comes; says `took <n>` now and then
 *     producer CONNECTION FROM TO      the specification's: sender.sendMessages({ body, messageId });
 *                                      says `sent half`, `sent all`
 */
import { ServiceBusClient } from '@azure/service-bus';
import { contracts, entity, relationship } from '#actors';
import { openBlobFolder } from '#adapters/blobs-folder';
import { MemoryBlobs } from '#adapters/memory';
import { openServiceBus } from '#adapters/service-bus';
import { openSqlite } from '#adapters/sqlite';
import { systemClock, systemIds } from '#adapters/system';
import { type ActorDefinition, type Blobs, Runtime } from '#runtime';
import { openBroker } from '../../infra/service-bus-local/broker.ts';
import { readBrokerConfig } from '../../infra/service-bus-local/config/emulator-config.ts';
import { createEntity } from './messages.ts';
import { emulatorConfig, subscriptionName, topicName } from './service-bus.ts';

const [part, ...given] = process.argv.slice(2) as [string, string, string, string];
const say = (line: string) => process.stdout.write(`${line}\n`);
const around = { clock: systemClock, ids: systemIds, telemetry: { record: () => undefined } };

const openBus = (connectionString: string, blobs: Blobs) =>
  openServiceBus({
    access: { connectionString },
    topicName,
    subscriptionName,
    blobs,
    ...around,
    // A broker that comes back in a test is not waited for as one in the world is.
    limits: { retryCapMs: 500, busBreakerMs: 500 },
  });

const parts: Readonly<Record<string, (...given: [string, string, string]) => Promise<void>>> = {
  async broker(file, port) {
    const config = readBrokerConfig(JSON.stringify(emulatorConfig({ lockSeconds: 3 })));
    const broker = await openBroker({ port: Number(port), file, config });
    say(`broker on ${broker.port} as ${broker.connectionString}`);
  },

  async node(connectionString, logFile, blobFolder) {
    const { log, snapshots } = await openSqlite(logFile);
    const bus = await openBus(
      connectionString,
      await openBlobFolder({ folder: blobFolder, ...around }),
    );
    const runtime = new Runtime({
      ...around,
      log,
      snapshots,
      bus,
      contracts,
      actors: [entity as ActorDefinition, relationship as ActorDefinition],
      projections: [],
    });
    await runtime.start();
    say('ready');
  },

  async taker(connectionString) {
    const bus = await openBus(connectionString, new MemoryBlobs());
    let [taken, told] = [0, 0];
    await bus.consume(
      async (delivery) => {
        await delivery.complete();
        taken += 1;
      },
      { inFlightMax: 4_096 },
    );
    say('ready');
    setInterval(() => {
      if (taken > told) say(`took ${taken}`);
      told = taken;
    }, 10);
  },

  async producer(connectionString, from, to) {
    const client = new ServiceBusClient(connectionString);
    const sender = client.createSender(topicName);
    for (let n = Number(from); n < Number(to); n++) {
      const body = createEntity({
        id: `issue-${n % 20}`,
        messageId: `spec-${n}`,
        at: n,
        properties: { [`p${n}`]: n },
      });
      await sender.sendMessages({ body, messageId: body.messageId });
      if (n === Math.floor((Number(from) + Number(to)) / 2)) say('sent half');
    }
    say('sent all');
    await client.close();
  },
};

await parts[part]!(...given);
