/** What `docker compose up` would bring up. No engine runs here: files are held to their schemas and to each other. */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MemoryBlobs } from '#adapters/memory';
import { openServiceBus } from '#adapters/service-bus';
import { systemClock, systemIds } from '#adapters/system';
import { readConfig } from '#infra';
import { cli } from '#test/process';
import { Recorder } from '#test/telemetry';
import { type Broker, openBroker } from '../../infra/service-bus-local/broker.ts';
import { readBrokerConfig } from '../../infra/service-bus-local/config/emulator-config.ts';

const root = join(import.meta.dirname, '..', '..');
const deploy = join(root, 'infra', 'deploy');
const read = (path: string) => readFileSync(join(deploy, path), 'utf8');

interface Service {
  readonly image: string;
  readonly restart?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?:
    | readonly string[]
    | Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const compose: Compose = parse(read('docker-compose.yml'), { merge: true });
const services = Object.entries(compose.services);

/** Images without anything to look at the service with. */
const unwatched = ['collector', 'service-bus'];

describe('the Compose file', () => {
  it('is what the specification of Compose allows', () => {
    const schema = createRequire(import.meta.url)('docker-compose/schema/compose-spec.json');
    const ajv = new Ajv({ strict: false, validateFormats: false });
    // Its draft is ours, by another spelling of its address.
    const isValid = ajv.compile({ ...schema, $schema: 'http://json-schema.org/draft-07/schema#' });
    expect(isValid(compose) ? [] : isValid.errors).toEqual([]);
    expect(isValid({ services: { node: { imagee: 'x' } } })).toBe(false);
  });

  it.each(services)('pins the version of %s', (_name, { image }) => {
    expect(image).toMatch(/^[\w./-]+:v?\d+\.\d+|:2022-CU\d+/);
    expect(image).not.toContain('latest');
  });

  it('comes back whole where the machine, or one of its services, has ended', () => {
    const once = services.filter(([, { restart }]) => restart !== 'unless-stopped');
    expect(once.map(([name]) => name)).toEqual([]);
  });

  it('looks at the health of every service whose image can', () => {
    const without = services.filter(([, { healthcheck }]) => healthcheck === undefined);
    expect(without.map(([name]) => name).sort()).toEqual(unwatched);
  });

  it('waits only for services that there are, and for health only where it is looked at', () => {
    for (const [, { depends_on: needed = [] }] of services) {
      const conditions = Array.isArray(needed)
        ? needed.map((name) => [name, 'service_started'] as const)
        : Object.entries(needed as Record<string, { condition: string }>).map(
            ([name, { condition }]) => [name, condition] as const,
          );
      for (const [name, condition] of conditions) {
        expect(Object.keys(compose.services)).toContain(name);
        if (condition === 'service_healthy') expect(unwatched).not.toContain(name);
      }
    }
  });

  it('mounts files that exist, and volumes that are declared', () => {
    const sources = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(':')[0]!),
    );
    const files = sources.filter((source) => source.startsWith('.'));
    expect(files.filter((file) => !existsSync(join(deploy, file)))).toEqual([]);
    const named = sources.filter((source) => !source.startsWith('.'));
    expect([...new Set(named)].sort()).toEqual(Object.keys(compose.volumes).sort());
  });

  it('opens each port once, and to this machine alone', () => {
    const ports = services.flatMap(([, { ports: some = [] }]) => some);
    const hosts = ports.map((port) => /^127\.0\.0\.1:(\d+):\d+$/.exec(port)?.[1]);
    expect(hosts).not.toContain(undefined);
    expect(new Set(hosts).size).toBe(ports.length);
  });
});

/** As Compose fills in what is not set. */
function filled(environment: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(environment).map(([name, value]) => [
    name,
    value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1'),
  ]);
  return Object.fromEntries(entries);
}

describe.each(['node-1', 'node-2'])('%s', (name) => {
  const environment = filled(compose.services[name]!.environment!);

  it('is configured as the code reads it: shared log, rows, bus, blobs and cache', () => {
    const config = readConfig({
      ...environment,
      CONNECTIONS_FILE: join(deploy, 'connections.json'),
    });
    expect(config.warnings).toEqual([]);
    expect(config.databaseUrl?.reveal()).toContain('@postgres:5432/');
    expect(config.kurrentDbUrl?.reveal()).toContain('//kurrentdb:2113');
    expect(config.redis.url?.reveal()).toBe('redis://redis:6379');
    expect(config.serviceBus.connectionString?.reveal()).toContain('sb://service-bus;');
    expect(config.blobs.connectionString?.reveal()).toContain('//azurite:10000/');
    expect([...config.connections.keys()]).toEqual(['jira', 'confluence']);
  });

  it('is given no variable that nobody reads', () => {
    const sources = readdirSync(join(root, 'infra'))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(root, 'infra', file), 'utf8'))
      .join();
    const own = Object.keys(environment).filter((variable) => !variable.startsWith('OTEL_'));
    expect(own.filter((variable) => !sources.includes(`'${variable}'`))).toEqual([]);
  });

  it('finds its hosts among the services', () => {
    const hosts = Object.values(environment).flatMap((value) =>
      [...value.matchAll(/\w+:\/\/(?:[^@/;]+@)?([a-z-]+)/g)].map(([, host]) => host!),
    );
    expect(hosts.length).toBeGreaterThan(5);
    expect(hosts.filter((host) => compose.services[host] === undefined)).toEqual([]);
  });
});

describe('the image of a node', () => {
  it('runs what `npm start` runs', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const command = JSON.parse(/^CMD (\[.*\])$/m.exec(read('Dockerfile'))![1]!);
    expect(command.join(' ')).toBe(scripts.start);
  });

  it('takes what exists, and has every room but the tests', () => {
    const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
      ([, names = '']) => names.split(' '),
    );
    expect(copied.filter((name) => !existsSync(join(root, name)))).toEqual([]);
    expect(copied).toEqual(
      expect.arrayContaining(['runtime', 'actors', 'projections', 'adapters', 'infra']),
    );
    const kept = read('Dockerfile.dockerignore').split('\n');
    expect(copied.filter((name) => !kept.includes(`!${name}`))).toEqual([]);
  });
});

describe('the entities of the Service Bus emulator', () => {
  it('keep to the bounds of the emulator, which are narrower than the cloud has them', () => {
    const { Topics: topics } = JSON.parse(read('service-bus/config.json')).UserConfig.Namespaces[0];
    const minutesOf = (text: string) => Number(/^PT(\d+)M$/.exec(text)?.[1]);
    for (const { Properties: topic, Subscriptions: subscriptions } of topics) {
      expect(minutesOf(topic.DuplicateDetectionHistoryTimeWindow)).toBeLessThanOrEqual(5);
      for (const { Properties: subscription } of subscriptions) {
        expect(minutesOf(subscription.LockDuration)).toBeLessThanOrEqual(5);
        expect(subscription.DefaultMessageTimeToLive).toBe('PT1H');
        expect(subscription.MaxDeliveryCount).toBeLessThanOrEqual(10);
      }
    }
  });

  let broker: Broker;
  beforeAll(async () => {
    const config = readBrokerConfig(read('service-bus/config.json'));
    broker = await openBroker({ port: 0, file: undefined, config });
  });
  afterAll(() => broker?.close());

  it('are what a node asks for at its start', async () => {
    const bus = await openServiceBus({
      ...readConfig({}).serviceBus,
      access: { connectionString: broker.connectionString },
      blobs: new MemoryBlobs(),
      clock: systemClock,
      ids: systemIds,
      telemetry: new Recorder(),
    });
    await bus.close();
  });
});

describe('the runbook', () => {
  const said = read('RUNBOOK.md').replaceAll('\n', ' ');
  const commands = [...said.matchAll(/\bcognisync ([a-z][a-z -]*?)(?: [A-Z]+)?(?=`| {2})/g)];
  const lines = [...new Set(commands.map(([, words = '']) => words))];

  it('speaks of the command that the image has', () => {
    const [, file = ''] = /ln -s \/app\/(\S+) \/usr\/local\/bin\/cognisync /.exec(
      read('Dockerfile'),
    )!;
    expect(() => accessSync(join(root, file), constants.X_OK)).not.toThrow();
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(bin).toEqual({ cognisync: file });
  });

  it('names commands and options that there are', async () => {
    expect(lines.length).toBeGreaterThan(4);
    const mistaken = await Promise.all(
      lines.map(async (line) => {
        const words = line.split(' ');
        const names = words.filter((word) => !word.startsWith('--'));
        const { stdout } = await cli([...names, '--help']);
        const asked = [`Usage: cognisync ${names.join(' ')} `, ...words.slice(names.length)];
        return asked.every((part) => stdout.includes(part)) ? [] : [line];
      }),
    );
    expect(mistaken.flat()).toEqual([]);
  });
});

interface Pipeline {
  readonly receivers: readonly string[];
  readonly processors: readonly string[];
  readonly exporters: readonly string[];
}

describe('the collector', () => {
  const config = parse(read('collector/otel-collector.yaml'));
  const pipelines: Readonly<Record<string, Pipeline>> = config.service.pipelines;

  it('declares what its pipelines use, and uses what it declares', () => {
    for (const kind of ['receivers', 'processors', 'exporters'] as const) {
      const used = Object.values(pipelines).flatMap((pipeline) => pipeline[kind]);
      expect([...new Set(used)].sort()).toEqual(Object.keys(config[kind]).sort());
    }
  });

  it('bounds its memory first in every pipeline, of traces and of metrics', () => {
    expect(Object.keys(pipelines).sort()).toEqual(['metrics', 'traces']);
    for (const { processors } of Object.values(pipelines)) {
      expect(processors[0]).toBe('memory_limiter');
    }
  });

  it('sends traces to the trace store, and offers metrics where Prometheus asks for them', () => {
    expect(config.exporters['otlp_grpc/jaeger'].endpoint).toBe('jaeger:4317');
    const { scrape_configs: jobs } = parse(read('prometheus/prometheus.yml'));
    const targets = jobs.flatMap(
      ({ static_configs: some }: { static_configs: { targets: string[] }[] }) =>
        some.flatMap((one) => one.targets),
    );
    const { port } = new URL(`http://${config.exporters.prometheus.endpoint}`);
    expect(targets.sort()).toEqual([`collector:${port}`, 'node-1:3000', 'node-2:3000']);
  });
});

describe('Grafana', () => {
  it('finds its data sources among the services, and its dashboards where they are mounted', () => {
    const { datasources } = parse(read('grafana/provisioning/datasources/datasources.yml'));
    const hosts = datasources.map(({ url }: { url: string }) => new URL(url).hostname);
    expect(hosts).toEqual(['prometheus', 'jaeger']);
    const { providers } = parse(read('grafana/provisioning/dashboards/dashboards.yml'));
    expect(compose.services.grafana?.volumes).toContain(
      `./grafana/dashboards:${providers[0].options.path}:ro`,
    );
  });
});
