/**
 * Metrics in Prometheus' text format.
 *
 * The exporter leaves units out of names, and the translation of OTLP puts them in; here they are put in,
 * so that a metric has one name in Prometheus whichever way it comes.
 */
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics';

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** Without labels of scope and resource: which node it is, the scraper knows. */
const serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

export function expositionOf({ resource, scopeMetrics }: ResourceMetrics): string {
  const renamed = scopeMetrics.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.map((metric) => ({
      ...metric,
      descriptor: { ...metric.descriptor, name: nameOf(metric) },
    })),
  }));
  return serializer.serialize({ resource, scopeMetrics: renamed });
}

const suffixes: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

function nameOf({ descriptor: { name, unit } }: MetricData): string {
  const plain = name.replaceAll('.', '_');
  const suffix = suffixes[unit] ?? '';
  return plain.endsWith(suffix) ? plain : plain + suffix;
}
