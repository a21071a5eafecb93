/**
 * What the standard variables of OpenTelemetry say about where metrics and traces go. What can't be meant is
 * passed over and told: a node serves without a collector, so it starts without one, too.
 */
import type { Environment } from './reading.ts';

export interface Export {
  /** Such as `otlp` or `console`; empty where nothing is asked for. */
  readonly exporters: readonly string[];
  /** Of OTLP; empty where it is not named. */
  readonly protocol: string;
  /** Where OTLP goes; a URL, unless it has the wrong form, which `doubts` tells. */
  readonly endpoint: string;
  /** What was asked for and is passed over, one sentence each. */
  readonly doubts: readonly string[];
}

type Signal = 'METRICS' | 'TRACES';

const known: Readonly<Record<Signal, readonly string[]>> = {
  // Prometheus finds them at GET /metrics, asked for or not.
  METRICS: ['otlp', 'prometheus', 'none'],
  TRACES: ['otlp', 'zipkin', 'console', 'none'],
};

/** An endpoint alone asks for OTLP; OTEL_SDK_DISABLED for nothing, whatever else is set. */
export function exportOf(environment: Environment, signal: Signal): Export {
  const value = (name: string) => environment[`OTEL_${name}`]?.trim() ?? '';
  const protocol = value(`EXPORTER_OTLP_${signal}_PROTOCOL`) || value('EXPORTER_OTLP_PROTOCOL');
  if (value('SDK_DISABLED').toLowerCase() === 'true')
    return { exporters: [], protocol, endpoint: '', doubts: [] };
  const places = [`EXPORTER_OTLP_${signal}_ENDPOINT`, 'EXPORTER_OTLP_ENDPOINT'];
  const place = places.find((name) => value(name) !== '');
  const listed = value(`${signal}_EXPORTER`).split(',');
  const named = listed.map((name) => name.trim()).filter((name) => name !== '');
  const asked = named.length === 0 && place !== undefined ? ['otlp'] : named;
  const standard = `http://localhost:${protocol === 'grpc' ? 4317 : 4318}`;
  const endpoint = place === undefined ? standard : endpointOf(value(place), protocol);
  const hasPlace = isEndpoint(endpoint, protocol);
  const doubts = asked
    .filter((name) => !known[signal].includes(name))
    .map((name) => {
      const shown = JSON.stringify(name.slice(0, 80));
      return `OTEL_${signal}_EXPORTER is ${shown}; it must be of ${known[signal].join(', ')}`;
    });
  if (asked.includes('otlp') && !hasPlace) {
    const what = signal.toLowerCase();
    // It may have a password in it.
    doubts.push(
      `OTEL_${place} has the wrong form; without http(s)://host:port no ${what} are sent`,
    );
  }
  const isUsable = (name: string) => known[signal].includes(name) && (name !== 'otlp' || hasPlace);
  return { exporters: asked.filter(isUsable), protocol, endpoint, doubts };
}

/** What is passed over of both. */
export function exportDoubts(environment: Environment): readonly string[] {
  const signals = ['TRACES', 'METRICS'] as const;
  return signals.flatMap((signal) => exportOf(environment, signal).doubts);
}

/** Over gRPC a scheme may be absent. */
function endpointOf(text: string, protocol: string): string {
  return protocol === 'grpc' && !text.includes('://') ? `http://${text}` : text;
}

/** Over gRPC it may be a socket of this machine. */
function isEndpoint(url: string, protocol: string): boolean {
  if (!URL.canParse(url)) return false;
  return (protocol === 'grpc' ? /^(https?|unix):$/ : /^https?:$/).test(new URL(url).protocol);
}
