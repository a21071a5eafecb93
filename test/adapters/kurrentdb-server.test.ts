/**
 * The suites of the log on the real server, in containers, each with a log of its own; where no
 * container engine answers, they are named as not run.
 */
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { beforeAll, describe } from 'vitest';
import { openKurrentDb } from '#adapters/kurrentdb';
import { hasEngineFor } from '#test/container';
import { until } from '#test/until';
import { describeLog } from '../contracts/log.ts';
import { describeSnapshots } from '../contracts/snapshots.ts';

const image = 'docker.kurrent.io/kurrent-latest/kurrentdb:latest';

const hasEngine = await hasEngineFor(image);

async function make() {
  const server = await start();
  const connectionString = `kurrentdb://${server.getHost()}:${server.getMappedPort(2113)}?tls=false`;
  // It answers at its port before it has become the leader of its cluster of one.
  const { log, snapshots } = await until('the server takes us', () =>
    openKurrentDb({ connectionString }).catch(() => null),
  );
  return {
    log,
    snapshots,
    reopen: async () => (await openKurrentDb({ connectionString })).log,
    dispose: async () => {
      await log.close();
      await server.stop();
    },
  };
}

/** In memory; its largest append is above our largest event. */
function start(): Promise<StartedTestContainer> {
  return new GenericContainer(image)
    .withCommand(['--insecure', '--mem-db', '--max-append-size=16000000'])
    .withExposedPorts(2113)
    .withWaitStrategy(Wait.forHttp('/health/live', 2113).forStatusCode(204))
    .withStartupTimeout(120_000)
    .start();
}

describe.runIf(hasEngine)('the real server', { timeout: 300_000 }, () => {
  // The first brings the image.
  beforeAll(async () => {
    await (await start()).stop();
  }, 300_000);

  describeLog('the log on KurrentDB', make);
  describeSnapshots('snapshots on KurrentDB', make);
});
