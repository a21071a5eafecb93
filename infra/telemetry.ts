/**
 * What a process tells of itself: happenings go to the log and are counted, and what is counted can be
 * scraped, and is pushed where the standard variables of OpenTelemetry ask for it.
 */
import type { Exposition } from '#adapters/http';
import {
  expositionType,
  type MessagingPlace,
  Metrics,
  type OtlpProtocol,
  observeNode,
  observeProcess,
  pushMetrics,
} from '#adapters/otel';
import { type Clock, type Happening, limits, type Telemetry, type Tracer } from '#runtime';
import type { Config } from './config.ts';
import { exportOf } from './export-variables.ts';
import type { Node } from './node.ts';
import type { Environment } from './reading.ts';
import { resourceOf } from './resource.ts';

interface TelemetryOptions {
  readonly config: Pick<Config, 'serviceBus' | 'messageBus' | 'redis'>;
  /** Where happenings are logged. */
  readonly logged: Telemetry;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  readonly clock: Clock;
  /** Of CogniSync. */
  readonly version: string;
  readonly environment: Environment;
}

export interface OpenedTelemetry extends Telemetry {
  readonly exposition: Exposition;
  /** From now on a scrape tells how the node stands. */
  observe(node: Node): void;
  /** Pushes the last metrics where they are pushed. */
  close(): Promise<void>;
}

export async function openTelemetry(options: TelemetryOptions): Promise<OpenedTelemetry> {
  const { clock, config, environment, logged, tracer, version } = options;
  const metrics = new Metrics({ clock, messaging: messagingPlace(config) });
  const endLooking = observeProcess(metrics, { clock, limits, version });
  const endPushing = await push(metrics, environment, version);
  return {
    ...(tracer !== undefined && { tracer }),
    record: (happening: Happening) => {
      metrics.record(happening);
      logged.record(happening);
    },
    exposition: { contentType: expositionType, read: () => metrics.exposition() },
    observe: (node) => observeNode(node, { metrics, clock, limits }),
    close: async () => {
      endLooking();
      await endPushing();
    },
  };
}

/** The bus that messages go over. */
export function messagingPlace({
  messageBus,
  redis,
  serviceBus,
}: TelemetryOptions['config']): MessagingPlace {
  if (messageBus === 'redis') {
    return { system: 'redis', destination: `${redis.channelPrefix}:bus` };
  }
  const { connectionString, namespace, topicName } = serviceBus;
  const isNamed = connectionString !== undefined || namespace !== undefined;
  return isNamed
    ? { system: 'servicebus', destination: topicName }
    : { system: 'in_process', destination: 'commands' };
}

const defaultIntervalMs = 60_000;

/** Pushes where that is asked for; answers what ends it. */
async function push(
  { meter }: Metrics,
  environment: Environment,
  version: string,
): Promise<() => Promise<void>> {
  const protocol = otlpProtocol(environment);
  if (protocol === null) return async () => undefined;
  const given = Number(environment.OTEL_METRIC_EXPORT_INTERVAL);
  const intervalMs = Number.isInteger(given) && given > 0 ? given : defaultIntervalMs;
  return pushMetrics({ meter, protocol, intervalMs, resource: resourceOf(version), limits });
}

/** How metrics are pushed by the standard variables; null where they are not. */
export function otlpProtocol(environment: Environment): OtlpProtocol | null {
  const { exporters, protocol } = exportOf(environment, 'METRICS');
  if (!exporters.includes('otlp')) return null;
  return protocol === 'grpc' || protocol === 'http/json' ? protocol : 'http/protobuf';
}
