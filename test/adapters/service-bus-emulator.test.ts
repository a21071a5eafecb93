/**
 * The same suites on Microsoft's own emulator, in a container; where no container engine answers, they
 * are named as not run. The emulator's terms are accepted by whoever runs this (ACCEPT_EULA).
 */
import {
  GenericContainer,
  Network,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { afterAll, beforeAll, describe } from 'vitest';
import { MemoryBlobs } from '#adapters/memory';
import { hasEngineFor } from '#test/container';
import { emulatorConfig, openTestNode } from '#test/service-bus';
import { describeBus } from '../contracts/bus.ts';
import { describeBusNodes } from '../contracts/bus-nodes.ts';

const emulatorImage = 'mcr.microsoft.com/azure-messaging/servicebus-emulator:latest';
const databaseImage = 'mcr.microsoft.com/azure-sql-edge:latest';

const hasEngine = await hasEngineFor(emulatorImage);

describe.runIf(hasEngine)('Microsoft’s Service Bus emulator', () => {
  // What is there is told at start, so each test has its topic: the emulator's limit is 50.
  const topics = Array.from({ length: 45 }, (_, n) => `topic-${n}`);
  const lockSeconds = 5;
  let next = 0;
  let network: StartedNetwork;
  let database: StartedTestContainer;
  let emulator: StartedTestContainer;

  beforeAll(async () => {
    const password = `Sa-${crypto.randomUUID()}`;
    network = await new Network().start();
    database = await new GenericContainer(databaseImage)
      .withNetwork(network)
      .withNetworkAliases('database')
      .withEnvironment({ ACCEPT_EULA: 'Y', MSSQL_SA_PASSWORD: password })
      .withWaitStrategy(Wait.forLogMessage(/ready for client connections/))
      .start();
    emulator = await new GenericContainer(emulatorImage)
      .withNetwork(network)
      .withEnvironment({ ACCEPT_EULA: 'Y', MSSQL_SA_PASSWORD: password, SQL_SERVER: 'database' })
      .withCopyContentToContainer([
        {
          content: JSON.stringify(emulatorConfig({ topics, lockSeconds })),
          target: '/ServiceBus_Emulator/ConfigFiles/Config.json',
        },
      ])
      .withExposedPorts(5672)
      .withWaitStrategy(Wait.forLogMessage(/Emulator Service is Successfully Up/))
      .withStartupTimeout(180_000)
      .start();
  }, 300_000);
  afterAll(async () => {
    await emulator?.stop();
    await database?.stop();
    await network?.stop();
  });

  const make = async () => {
    const topic = topics[next++]!;
    const blobs = new MemoryBlobs();
    const [host, port] = [emulator.getHost(), emulator.getMappedPort(5672)];
    const connectionString = `Endpoint=sb://${host}:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;`;
    return {
      open: () => openTestNode({ connectionString, host, port }, { topic, blobs }),
      lockMs: lockSeconds * 1_000,
      dispose: async () => undefined,
    };
  };
  describeBus('the bus on the emulator, held to its port', make);
  describeBusNodes('nodes on the emulator', make);
});
