/**
 * Traces, where the standard variables of OpenTelemetry ask for them; else nothing, at the cost of reading
 * these variables.
 *
 * A library is traced only where it is loaded after this file: `node --import ./infra/otel.ts …`, or an
 * import of it before that of anything else that is heavy.
 */
import { isMainThread } from 'node:worker_threads';
import { environment } from './config.ts';
import { exportOf } from './export-variables.ts';
import type { Environment } from './reading.ts';

/** What was begun; null where traces are not asked for, and in threads, which are started with this file too. */
export const tracing =
  isMainThread && isTracingAsked(environment())
    ? await (await import('./tracing.ts')).beginTracing(environment())
    : null;

/** Whether spans are to be sent anywhere. */
export function isTracingAsked(environment: Environment): boolean {
  const { exporters } = exportOf(environment, 'TRACES');
  return exporters.length > 0 && !exporters.includes('none');
}
