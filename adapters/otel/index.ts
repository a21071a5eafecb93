/** The door of metrics and traces. */
export { expositionType } from './exposition.ts';
export {
  type IndexStanding,
  type ObservedNode,
  observeNode,
  type RedisStanding,
} from './gauges.ts';
export { type Metric, metrics as metricCatalogue } from './metric.ts';
export { type MessagingPlace, Metrics } from './metrics.ts';
export { semantic } from './names.ts';
export { observeProcess } from './process.ts';
export { type OtlpProtocol, pushMetrics } from './push.ts';
export { OtelTracer, type Roots } from './tracer.ts';
