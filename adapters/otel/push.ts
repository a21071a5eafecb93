/**
 * Metrics over OTLP, to where the standard variables say.
 *
 * The exporter reads its endpoint, headers and temporality from the environment itself. A collector that
 * is away costs an attempt at each interval, and nothing is kept for it: sums go on, and the next that
 * arrives has them.
 */
import type { Resource } from '@opentelemetry/resources';
import {
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics';
import type { Limits } from '#runtime';
import type { Meter } from './meter.ts';

export type OtlpProtocol = 'http/protobuf' | 'http/json' | 'grpc';

export interface PushOptions {
  readonly meter: Meter;
  readonly protocol: OtlpProtocol;
  readonly intervalMs: number;
  readonly resource: Resource;
  readonly limits: Pick<Limits, 'metricsFarewellMs'>;
}

/** Pushes from now on. Answers what pushes once more, for limits.metricsFarewellMs at most, and ends. */
export async function pushMetrics(options: PushOptions): Promise<() => Promise<void>> {
  const { intervalMs, limits, meter, protocol, resource } = options;
  const reader = new PeriodicExportingMetricReader({
    exporter: await exporterFor(protocol),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(intervalMs, 30_000),
    metricProducers: [meter],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return async () => {
    // Nobody is left to tell that the last ones did not arrive.
    await Promise.allSettled([provider.shutdown({ timeoutMillis: limits.metricsFarewellMs })]);
  };
}

/** Loaded where it is needed: the one for gRPC takes longer to load than all the rest of a node. */
async function exporterFor(protocol: OtlpProtocol): Promise<PushMetricExporter> {
  if (protocol === 'grpc') {
    const { OTLPMetricExporter } = await import('@opentelemetry/exporter-metrics-otlp-grpc');
    return new OTLPMetricExporter();
  }
  const { OTLPMetricExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-metrics-otlp-http')
      : await import('@opentelemetry/exporter-metrics-otlp-proto');
  return new OTLPMetricExporter();
}
