/** What the standard variables of OpenTelemetry say about where metrics and traces go. */
import type { Environment } from './reading.ts';

export interface Export {
  /** Such as `otlp` or `console`; empty where nothing is asked for. */
  readonly exporters: readonly string[];
  /** Of OTLP; empty where it is not named. */
  readonly protocol: string;
}

/** An endpoint alone asks for OTLP; OTEL_SDK_DISABLED for nothing, whatever else is set. */
export function exportOf(environment: Environment, signal: 'METRICS' | 'TRACES'): Export {
  const value = (name: string) => environment[`OTEL_${name}`]?.trim() ?? '';
  const protocol = value(`EXPORTER_OTLP_${signal}_PROTOCOL`) || value('EXPORTER_OTLP_PROTOCOL');
  if (value('SDK_DISABLED').toLowerCase() === 'true') return { exporters: [], protocol };
  const named = value(`${signal}_EXPORTER`);
  if (named !== '') return { exporters: named.split(',').map((name) => name.trim()), protocol };
  const endpoint = value('EXPORTER_OTLP_ENDPOINT') || value(`EXPORTER_OTLP_${signal}_ENDPOINT`);
  return { exporters: endpoint === '' ? [] : ['otlp'], protocol };
}
